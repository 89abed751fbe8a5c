// Generating text. A seed and a text always give the same continuation.

const SLICE = 30; // milliseconds of writing before the page may draw

function writingView(state) {
  const seed = byId("seed"),
    howMany = byId("how-many");
  const pass = new ForwardPass(state.model); // of windows, as `attn generate` has them
  let random = null,
    writing = false,
    abandoned = false;

  // The next id after a text of any length.
  function nextId(ids) {
    const { block_size } = state.model;
    pass.run(ids.slice(windowStart(ids.length, block_size)));
    return choose(probabilities(pass.last, state.controls()), random());
  }

  async function write(count) {
    if (writing) return;
    state.readTyped();
    writing = true;
    abandoned = false;
    byId("write").textContent = "Stop";
    random ??= randomNumbers(seed.valueAsNumber);
    const ids = state.allIds.length ? Array.from(state.allIds) : [state.bosId];
    const { vocabulary } = state,
      before = performance.now();
    let written = 0;
    while (written < count && writing) {
      const sliceStart = performance.now();
      while (written < count && performance.now() - sliceStart < SLICE) {
        ids.push(nextId(ids));
        written += 1;
      }
      byId("typed").value = vocabulary.decode(ids);
      byId("typed").scrollTop = byId("typed").scrollHeight;
      await new Promise((resolve) => setTimeout(resolve));
      if (abandoned) break;
    }
    const seconds = (performance.now() - before) / 1000;
    writing = false;
    byId("write").textContent = "Write";
    if (abandoned) return;
    state.read(ids, { from: "writing" });
    say(
      "write-note",
      `Wrote ${counted(written, vocabulary.unit)}, ${Math.round(written / seconds)} a second.`,
    );
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
  });
}
