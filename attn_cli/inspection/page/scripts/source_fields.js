// The source: a field for each of its columns, and one for its features, each of which is a button
// too. A source's ids are those of `PairFormat` in text/pair_format.py.

const NEXT_COLUMN = "[⇥]", // between columns
  FEATURE_SEPARATOR = ";";

function sourceFieldsView(state, { columns, features, source }) {
  const { vocabulary } = state;
  const box = byId("typed");
  const fields = [...columns, ...(features ? ["Features"] : [])].map((name, index) => {
    const input = element("input", {
      type: "text",
      value: source[index],
      autocapitalize: "off",
      autocomplete: "off",
      spellcheck: false,
      "aria-describedby": "typed-note",
    });
    box.append(element("label", { className: "field" }, name, input));
    return input;
  });
  const featureField = features ? fields.at(-1) : null;
  if (features) byId("feature-buttons").append(...featureButtons());
  byId("feature-buttons").hidden = !features;

  let timer = null;
  box.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(read, TYPING_PAUSE);
  });

  // Reads what is in the fields; an empty source leaves what is shown.
  function read() {
    const { ids, outside } = encodeSource(fields.map((field) => field.value));
    markButtons();
    const room = state.model.block_size - 1,
      isEmpty = ids.length === 0;
    if (!isEmpty || state.sourceIds === undefined) state.read(ids);
    const facts = isEmpty ? "" : `${counted(Math.min(ids.length, room), "symbol")} of at most ${room}, and the end.`;
    byId("typed-facts").textContent = facts;
    say("typed-warning", warningsOn(ids, outside, room));
  }

  function warningsOn(ids, outside, room) {
    const sentences = [];
    if (outside.length) {
      sentences.push(leftOut(outside.map(({ symbol, where }) => `‘${symbol}’ (${where})`)));
    }
    if (ids.length === 0) sentences.push("The source is empty: what is below is not of it.");
    if (ids.length > room) {
      sentences.push(`The source is longer than that: the model reads the first ${room}.`);
    }
    return sentences.join(" ");
  }

  // The ids of a source's columns and features, and what has no id, with where it is.
  function encodeSource(texts) {
    const ids = [],
      outside = [];
    const take = (symbol, shown, where) => {
      const id = vocabulary.idOf.get(symbol);
      if (id !== undefined) ids.push(id);
      else outside.push({ symbol: shown, where });
    };
    texts.forEach((text, index) => {
      if (featureField && index === texts.length - 1) {
        for (const name of namesIn(text)) take(`[${name}]`, name, "feature");
        return;
      }
      if (index > 0) take(NEXT_COLUMN, NEXT_COLUMN, "between columns");
      Array.from(knownForm(cleaned(text))).forEach((character, at) =>
        take(character, visible(character), `character ${at + 1}`),
      );
    });
    const isBlank = texts.every((text) => !cleaned(text));
    return { ids: isBlank ? [] : ids, outside };
  }

  // The text in the Unicode normal form in which the model knows all of it; else as it is.
  function knownForm(text) {
    const isKnown = (form) => Array.from(form).every((character) => vocabulary.idOf.has(character));
    return [text, text.normalize("NFC"), text.normalize("NFD")].find(isKnown) ?? text;
  }

  function featureButtons() {
    const names = vocabulary.symbols
      .filter((symbol) => /^\[.+\]$/su.test(symbol) && symbol !== NEXT_COLUMN)
      .map((symbol) => symbol.slice(1, -1));
    return names.map((name) => {
      const button = element("button", { type: "button", value: name }, name);
      button.addEventListener("click", () => {
        const chosen = namesIn(featureField.value);
        const others = chosen.filter((one) => one !== name);
        const kept = others.length < chosen.length ? others : [...chosen, name];
        featureField.value = kept.join(FEATURE_SEPARATOR);
        read();
      });
      return button;
    });
  }

  function markButtons() {
    const chosen = featureField ? namesIn(featureField.value) : [];
    for (const button of byId("feature-buttons").querySelectorAll("button")) {
      button.setAttribute("aria-pressed", chosen.includes(button.value));
    }
  }

  read();
}

// A field as it stands in a pair: without control characters, and without spaces at its ends.
function cleaned(text) {
  return text.replace(/[\x1f\t\n\f\r]+/gu, " ").trim();
}

function namesIn(features) {
  return cleaned(features)
    .split(FEATURE_SEPARATOR)
    .map((name) => name.trim())
    .filter(Boolean);
}
