// The text: what is typed, and each character with its surprise.

const TYPING_PAUSE = 150; // milliseconds after the last key before the model reads

function textView(state) {
  const { vocabulary } = state,
    typed = byId("typed"),
    note = byId("typed-note");
  let timer = null;

  typed.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(read, TYPING_PAUSE);
  });
  byId("first-text").addEventListener("click", () => {
    clearTimeout(timer);
    state.backToFirst();
  });

  function read() {
    const { ids, outside } = vocabulary.encode(typed.value);
    state.read(ids, { outside, from: "typing" });
  }

  const strip = new Strip(byId("surprise-strip"), {
    choose: (t) => state.choose({ query: t }),
    hover: (t) => tell(t < 0 ? state.query : t),
    describe: (t) => `${vocabulary.named(state.ids[t])}, ${surpriseOf(t)}`,
  });

  function surpriseOf(t) {
    return t === 0 ? "the first that the model sees" : bits(state.pass.surprise(t));
  }

  function tell(t) {
    const name = `${vocabulary.named(state.ids[t])} at ${t}`;
    if (t === 0) {
      byId("surprise-readout").textContent = `${name}: the first that the model sees, so nothing foretold it.`;
      return;
    }
    const V = vocabulary.size;
    const odds = probabilities(state.pass.logits.subarray((t - 1) * V, t * V));
    const guesses = ranked(odds).slice(0, 3),
      first = guesses[0] === state.ids[t];
    const liked = guesses
      .slice(first ? 1 : 0)
      .map((id) => `${vocabulary.named(id)} ${percent(odds[id])}`);
    byId("surprise-readout").textContent =
      `${name}: ${surpriseOf(t)} (${percent(odds[state.ids[t]])}). ` +
      (first
        ? `It was the first guess, before ${liked.join(" and ")}.`
        : `The model preferred ${liked.join(", ")}.`);
  }

  state.watch(["text", "theme"], () => {
    if (state.from !== "typing") typed.value = vocabulary.decode(state.whole);
    note.textContent = noteOn(state);
    byId("first-text").hidden = !state.changed;
    const shades = state.ids.map((_, t) =>
      t === 0 ? null : SCALES.surprise.place(state.pass.surprise(t)),
    );
    strip.draw(
      state.ids.map((id) => vocabulary.shown(id)),
      shades,
      state.query,
    );
    drawLegend(byId("surprise-legend"), "surprise");
    tell(state.query);
  });
  state.watch(["query"], () => {
    strip.mark(state.query);
    tell(state.query);
  });
}

const MOST_NAMED = 5; // characters that a notice names

// How long the text is, and what of it the model does not see.
function noteOn({ ids, model, outside, typedNothing, vocabulary, whole, pass }) {
  const sentences = [`${ids.length} of at most ${counted(model.block_size, vocabulary.unit)}.`];
  if (typedNothing) {
    sentences.push(`Without a text, the model begins after ${vocabulary.named(ids[0])}.`);
  } else if (whole.length > ids.length) {
    sentences.push(
      `The text has ${whole.length.toLocaleString("en")}: the model sees the last ${ids.length}.`,
    );
  }
  if (pass.meanSurprise !== null)
    sentences.push(`On average ${bits(pass.meanSurprise)} of surprise.`);
  if (outside.length) {
    const named = outside
      .slice(0, MOST_NAMED)
      .map(({ character, position }) => `‘${character}’ (number ${position})`);
    const more = outside.length - named.length;
    sentences.push(
      `Left out, unknown to the model: ${named.join(", ")}${more ? ` and ${more} more` : ""}.`,
    );
  }
  return sentences.join(" ");
}
