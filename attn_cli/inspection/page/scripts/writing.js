// Generating text. A seed and a text always give the same continuation.

const SLICE = 30; // milliseconds of writing before the page may draw

function writingView(state) {
  const seed = byId("seed"),
    howMany = byId("how-many"),
    { model, vocabulary } = state;
  const pass = new ForwardPass(model); // of windows, as `attn generate` has them
  const written = new DrawnCharacters(state, { explain });
  let random = null,
    writing = false,
    abandoned = false,
    ids = []; // of the text that is written on, or was

  // The part of a text of any length that the model sees while it writes.
  function windowOf(text) {
    return text.slice(windowStart(text.length, model.block_size));
  }

  // Draws the next character.
  function next() {
    const controls = state.controls(),
      logits = pass.run(windowOf(ids)).last;
    const probs = probabilities(logits, controls),
      id = choose(probs, random());
    const own = Math.exp(logSoftmaxAt(logits, 0, vocabulary.size, id));
    return { id, place: ids.length, prob: probs[id], own, controls };
  }

  // How a character was drawn: the model runs again on what it saw then.
  function explain({ id, place, own, controls }) {
    const before = windowOf(ids.slice(0, place)),
      logits = new ForwardPass(model).run(before).last;
    return {
      own: probabilities(logits),
      kept: probabilities(logits, controls),
      sentence:
        `Drawn after ${counted(before.length, vocabulary.unit)} in sight, with ${settings(controls)}. ` +
        `The model’s own probability of ${vocabulary.named(id)} was ${percent(own)}: ${bits(-Math.log2(own))}.`,
    };
  }

  // The text to write on: what was written is kept while nobody changes the text.
  function begin() {
    if (state.from === "writing") return;
    ids = state.allIds.length ? Array.from(state.allIds) : [state.bosId];
    written.clear();
    written.context(ids);
  }

  // Writes up to so many characters before the page may draw.
  function writeSlice(most) {
    const start = performance.now(),
      drawn = [];
    while (drawn.length < most && performance.now() - start < SLICE) {
      drawn.push(next());
      ids.push(drawn.at(-1).id);
      if (atEndOfLine()) break;
    }
    written.add(drawn);
    byId("typed").value = vocabulary.decode(ids);
    byId("typed").scrollTop = byId("typed").scrollHeight;
    return drawn.length;
  }

  // A model of lines stops at the end of one, as `attn generate` does.
  const atEndOfLine = () => state.lines && ids.at(-1) === state.bosId;

  async function write(most) {
    if (writing) return;
    state.readTyped();
    writing = true;
    abandoned = false;
    byId("write").textContent = "Stop";
    random ??= randomNumbers(seed.valueAsNumber);
    begin();
    byId("drawn").scrollIntoView({ block: "nearest" });
    const before = performance.now();
    let count = 0;
    do {
      count += writeSlice(most - count);
      await new Promise((resolve) => setTimeout(resolve));
    } while (count < most && writing && !atEndOfLine());
    const seconds = (performance.now() - before) / 1000;
    writing = false;
    byId("write").textContent = "Write";
    if (abandoned) return;
    keepInPlace(byId("write"), () => {
      state.read(ids, { from: "writing" });
      written.finish();
    });
    const end = atEndOfLine() ? ", to the end of the line" : "";
    const speed = `${Math.round(count / seconds)} a second`;
    say("write-note", `Wrote ${counted(count, vocabulary.unit)}${end}, ${speed}.`);
  }

  // Drops what was written: another text has taken its place.
  function abandon() {
    abandoned = true;
    writing = false;
  }

  state.stopWriting = () => (writing = false);

  byId("write").addEventListener("click", () => {
    if (writing) state.stopWriting();
    // The browser says what is wrong with a number, and where.
    else if (seed.reportValidity() && howMany.reportValidity()) write(howMany.valueAsNumber);
  });
  byId("write-one").addEventListener("click", () => seed.reportValidity() && write(1));
  byId("typed").addEventListener("input", abandon);
  seed.addEventListener("input", () => (random = null));
  state.subscribe(["text"], () => {
    if (state.from === "writing") return;
    if (state.from === "mask") {
      state.stopWriting();
      return; // the text is still the same
    }
    random = null; // another text starts the seed's numbers again
    say("write-note", "");
    abandon();
    written.clear();
  });
}
