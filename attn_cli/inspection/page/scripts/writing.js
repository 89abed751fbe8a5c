// The model writes on. A seed and a text always give the same continuation.

const TURN = 30; // milliseconds of writing before the page may draw

function writingView(state) {
  const seed = byId("seed"),
    howMany = byId("how-many");
  const reader = new Pass(state.model); // reads windows as `attn generate` does
  let random = null,
    writing = false,
    abandoned = false;

  // The next id after a text of any length.
  function nextId(whole) {
    const { block_size } = state.model;
    reader.read(whole.slice(windowStart(whole.length, block_size)));
    return choose(probabilities(reader.last, state.controls()), random());
  }

  async function write(count) {
    if (writing) return;
    state.readTyped();
    writing = true;
    abandoned = false;
    byId("write").textContent = "Stop";
    random ??= randomNumbers(seed.valueAsNumber);
    const whole = state.whole.length ? Array.from(state.whole) : [state.bosId];
    const { vocabulary } = state,
      before = performance.now();
    let written = 0;
    while (written < count && writing) {
      const turn = performance.now();
      while (written < count && performance.now() - turn < TURN) {
        whole.push(nextId(whole));
        written += 1;
      }
      byId("typed").value = vocabulary.decode(whole);
      byId("typed").scrollTop = byId("typed").scrollHeight;
      await new Promise((resolve) => setTimeout(resolve));
      if (abandoned) break;
    }
    const seconds = (performance.now() - before) / 1000;
    writing = false;
    byId("write").textContent = "Write";
    if (abandoned) return;
    state.read(whole, { from: "writing" });
    say(
      "write-note",
      `Wrote ${counted(written, vocabulary.unit)}, ${Math.round(written / seconds)} a second.`,
    );
  }

  // Leaves what was written to whoever has put another text in its place.
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
  state.watch(["text"], () => {
    if (state.from === "writing") return;
    random = null; // another text begins the seed's numbers anew
    say("write-note", "");
    abandon();
  });
}
