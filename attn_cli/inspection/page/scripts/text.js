// The text: what is typed, and each character with its surprise.

const TYPING_PAUSE = 150; // milliseconds after the last key before the model reads

function textView(state) {
  const { vocabulary } = state,
    typed = byId("typed"),
    back = byId("first-text");
  let timer = null; // null where nothing was typed that has not been read

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
    strip.items[strip.chosen].focus(); // the button is gone
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
      say("surprise-readout", `${name}: the first that the model sees, so nothing foretold it.`);
      return;
    }
    const V = vocabulary.size;
    const odds = probabilities(state.pass.logits.subarray((t - 1) * V, t * V));
    const guesses = ranked(odds).slice(0, 3),
      first = guesses[0] === state.ids[t];
    const liked = guesses
      .slice(first ? 1 : 0)
      .map((id) => `${vocabulary.named(id)} ${percent(odds[id])}`);
    const guessed = liked.length
      ? `It was the first guess, before ${liked.join(" and ")}.`
      : "The model knows no other.";
    say(
      "surprise-readout",
      `${name}: ${surpriseOf(t)} (${percent(odds[state.ids[t]])}). ` +
        (first ? guessed : `The model preferred ${liked.join(", ")}.`),
    );
  }

  state.watch(["text"], () => {
    forget();
    if (state.from !== "typing") typed.value = vocabulary.decode(state.whole);
    const kept = String(vocabulary.encode(typed.value).ids) === String(state.whole);
    byId("typed-facts").textContent = factsOn(state);
    say("typed-warning", warningsOn(state, kept));
    back.hidden = !state.changed;
  });
  state.watch(["text", "theme"], () => {
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

// How long the text is, and how surprising.
function factsOn({ ids, model, pass, typedNothing, vocabulary }) {
  const sentences = [`${ids.length} of at most ${counted(model.block_size, vocabulary.unit)}.`];
  if (typedNothing) {
    sentences[0] = `Without a text, the model begins after ${vocabulary.named(ids[0])}.`;
  }
  if (pass.meanSurprise !== null)
    sentences.push(`On average ${bits(pass.meanSurprise)} of surprise.`);
  return sentences.join(" ");
}

// What of the text the model does not see, which is also read aloud while one types.
function warningsOn({ ids, outside, whole }, kept) {
  const sentences = [];
  if (whole.length > ids.length) {
    sentences.push(`The text is longer than that: the model sees the last ${ids.length}.`);
  }
  if (outside.length) {
    const named = outside
      .slice(0, MOST_NAMED)
      .map(({ character, position }) => `‘${visible(character)}’ (number ${position})`);
    const more = outside.length - named.length;
    sentences.push(
      `Left out, unknown to the model: ${named.join(", ")}${more ? ` and ${more} more` : ""}.`,
    );
  }
  if (!kept) sentences.push("The field above cannot hold this text as it is: typing changes it.");
  return sentences.join(" ");
}
