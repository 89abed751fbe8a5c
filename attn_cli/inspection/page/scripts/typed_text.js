// The text: the field to type in, and each character with its surprisal.

function typedTextView(state) {
  const { vocabulary } = state,
    typed = byId("typed"),
    back = byId("first-text");
  let timer = null; // null where the model has run on all that was typed

  function forget() {
    clearTimeout(timer);
    timer = null;
  }

  typed.addEventListener("input", () => {
    forget();
    timer = setTimeout(read, TYPING_PAUSE);
  });
  state.readTyped = () => {
    if (timer !== null) read();
  };
  back.addEventListener("click", () => {
    state.backToFirst();
    strip.items[strip.chosen].focus(); // the button is ablated
  });

  function read() {
    const { ids, outside } = vocabulary.encode(state.isClassifier ? onOneLine(typed.value) : typed.value);
    state.read([...state.beginning, ...ids], { outside, from: "typing" });
  }

  const strip = new CharacterStrip(byId("surprisal-strip"), {
    choose: (t) => state.choose({ query: t }),
    hover: (t) => showReadout(t < 0 || !state.model.causal ? state.query : t),
    describe: (t) => `${vocabulary.named(state.ids[t])}, ${surprisalOf(t)}`,
    hue: "green",
  });

  function surprisalOf(t) {
    if (!state.masked) return `at ${t}`;
    return t === 0 ? "the first that the model sees" : bits(state.pass.surprisal(t));
  }

  // What an encoder would put at a position.
  function showHidden(t) {
    const id = state.ids[t],
      blank = id === vocabulary.maskId;
    const probs = probabilities(state.answerAt(t));
    const best = ranked(probs).slice(0, 3);
    const most = best.map((one) => `${vocabulary.named(one)} ${percent(probs[one])}`).join(", ");
    const own = blank ? "" : ` Hidden, it has ${percent(probs[id])}: ${bits(-Math.log2(probs[id]))}.`;
    say("surprisal-readout", `${state.name(t)}.${own} The most probable there: ${most}.`);
  }

  // What the model expects after a character, where another stands there.
  function afterwards(t) {
    if (t + 1 >= state.ids.length) return "";
    const probs = probabilitiesAfter(state, t),
      best = mostProbable(probs),
      next = state.ids[t + 1];
    if (best === next) return "";
    return ` After it comes ${vocabulary.named(next)}, where the model expected ${vocabulary.named(best)} (${percent(probs[best])}).`;
  }

  function showReadout(t) {
    if (state.isClassifier) {
      say("surprisal-readout", labelSentence(state, t));
      return;
    }
    if (!state.model.causal) {
      showHidden(t);
      return;
    }
    const name = `${vocabulary.named(state.ids[t])} at ${t}`;
    if (state.maskIsOff) {
      say("surprisal-readout", `${name}. Without the mask, what predicts it can see it: its surprisal means nothing.`);
      return;
    }
    if (t === 0) {
      say("surprisal-readout", `${name}: the first that the model sees, so it has no prediction.`);
      return;
    }
    const V = vocabulary.size;
    const probs = probabilities(state.pass.logits.subarray((t - 1) * V, t * V));
    const predictions = ranked(probs).slice(0, 3),
      first = predictions[0] === state.ids[t];
    const others = predictions
      .filter((id) => !first || (id !== state.ids[t] && probs[id] >= LEAST_BAR))
      .map((id) => `${vocabulary.named(id)} (${percent(probs[id])})`);
    const ahead = others.length
      ? `It was the most probable; next came ${others.join(" and ")}.`
      : `Nothing else reached ${percent(LEAST_BAR)}.`;
    say(
      "surprisal-readout",
      `${name}: ${surprisalOf(t)} (${percent(probs[state.ids[t]])}). ` +
        (first ? ahead : `The most probable were ${others.join(", ")}.`) +
        afterwards(t),
    );
  }

  state.subscribe(["text"], () => {
    forget();
    if (!["typing", "mask"].includes(state.from)) typed.value = vocabulary.decode(state.allIds.slice(state.beginning.length));
    const kept =
      state.isClassifier || String(vocabulary.encode(typed.value).ids) === String(state.allIds);
    byId("typed-facts").textContent = factsOn(state);
    say("typed-warning", warningsOn(state, kept));
    back.hidden = !state.changed;
  });
  state.subscribe(["text", "theme"], () => {
    const surprisalOrNone = (_, t) =>
      t === 0 || !state.masked ? null : SCALES.surprisal.fraction(state.pass.surprisal(t));
    const shades = state.isClassifier ? labelShades(state) : state.ids.map(surprisalOrNone);
    strip.draw(
      state.ids.map((id) => vocabulary.shown(id)),
      shades,
      state.query,
    );
    if (state.isClassifier)
      strip.items.forEach((item, t) => item.classList.toggle("against", shades[t] === null));
    byId("surprisal-legend").hidden = !state.masked;
    if (state.masked) drawLegend(byId("surprisal-legend"), "surprisal");
    showReadout(state.query);
  });
  state.subscribe(["query"], () => {
    strip.mark(state.query);
    showReadout(state.query);
  });
}

// A text as a classifier reads it: without line breaks, and without blanks at its end.
function onOneLine(text) {
  return text.replace(/^[\n\f]+|[\n\f]+$/gu, "").replace(/[\n\f\r]+/gu, " ").trimEnd();
}

// The length of the text, and its mean surprisal.
function factsOn({ ids, masked, maskIsOff, model, pass, typedNothing, vocabulary }) {
  const sentences = [`${ids.length} of at most ${counted(model.block_size, vocabulary.unit)}.`];
  if (typedNothing) {
    sentences[0] = `Without a text, the model begins after ${vocabulary.named(ids[0])}.`;
  }
  if (maskIsOff) sentences.push("The causal mask is off.");
  if (masked && pass.meanSurprisal !== null)
    sentences.push(`Mean surprisal: ${bits(pass.meanSurprisal)}.`);
  return sentences.join(" ");
}

// What of the text the model does not see, which is also read aloud while one types.
function warningsOn({ ids, isClassifier, outside, allIds }, kept) {
  const sentences = [];
  if (allIds.length > ids.length) {
    sentences.push(`The text is longer than that: the model sees the ${isClassifier ? "first" : "last"} ${ids.length}.`);
  }
  if (outside.length) {
    sentences.push(
      leftOut(outside.map(({ character, position }) => `‘${visible(character)}’ (character ${position})`)),
    );
  }
  if (!kept) sentences.push("The field above cannot hold this text as it is: typing changes it.");
  return sentences.join(" ");
}
