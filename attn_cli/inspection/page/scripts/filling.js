// Filling the blanks of a text, the most certain first, as in generation/fill.py.

function fillingView(state) {
  const { vocabulary, model } = state;
  const pass = new ForwardPass(model);
  const filled = new DrawnCharacters(state, {
    explain: ({ probs, among }) => ({
      own: probs,
      kept: probs,
      sentence: `It was the most certain of ${counted(among, "blank")}, given all the others as they then were.`,
    }),
  });
  let filling = false;

  // The position of the most certain blank, and the character for it; null without a blank.
  function mostCertain(ids) {
    const V = vocabulary.size,
      { logits } = pass.run(ids);
    let found = null,
      among = 0;
    ids.forEach((id, t) => {
      if (id !== model.maskId) return;
      among += 1;
      const row = logits.slice(t * V, (t + 1) * V);
      row[model.maskId] = -Infinity;
      const probs = probabilities(row),
        best = mostProbable(probs);
      if (found === null || probs[best] > found.prob) found = { t, id: best, prob: probs[best], probs };
    });
    return found && { ...found, among };
  }

  async function fill(most) {
    state.readTyped();
    filling = true;
    const ids = Array.from(state.ids),
      before = state.allIds.slice(0, state.allIds.length - ids.length);
    const done = [];
    for (let found; filling && done.length < most && (found = mostCertain(ids)); ) {
      ids[found.t] = found.id;
      done.push(found);
      await new Promise((resolve) => setTimeout(resolve)); // so that the page stays responsive
    }
    if (!filling) return;
    filling = false;
    if (done.length) {
      keepInPlace(byId("fill-all"), () => {
        state.read([...before, ...ids], { from: "filling" });
        show(ids, done, before.length);
      });
    }
    const told = done.map(({ t, id, prob }) => `${vocabulary.named(id)} at ${t} (${percent(prob)})`);
    say("fill-note", told.length ? `Filled ${told.join(", ")}.` : "There is no blank: type _ for one.");
  }

  // The text with what was filled in, of which each can be chosen.
  function show(ids, done, before) {
    filled.clear();
    let from = 0;
    for (const one of done.toSorted((a, b) => a.t - b.t)) {
      filled.context(ids.slice(from, one.t));
      filled.add([{ ...one, place: before + one.t, own: one.prob }]);
      from = one.t + 1;
    }
    filled.context(ids.slice(from));
    filled.finish();
  }

  state.stopWriting = () => (filling = false);
  byId("fill-one").addEventListener("click", () => fill(1));
  byId("fill-all").addEventListener("click", () => fill(Infinity));
  byId("typed").addEventListener("input", state.stopWriting);
  state.subscribe(["text"], () => {
    if (state.from === "filling") return;
    say("fill-note", "");
    filled.clear();
  });
}
