// The embedding of the chosen character: its row of the table, what its position adds, and which
// characters have rows like it.

const MOST_ALIKE = 5;

function embeddingView(state) {
  const { model, vocabulary } = state,
    { n_embd: C, token, position } = model;
  const ways = {
    learned: "What its position adds is learned, too.",
    sinusoidal: "Its position adds sines and cosines of fixed frequencies.",
    rope: "Its position adds nothing here: rope turns queries and keys by it, further down.",
    none: "Nothing in it says where in the text the character is.",
  };
  byId("embedding-positions").textContent = ways[position];

  const rowOf = (id) => token.subarray(id * C, (id + 1) * C);

  // The ids with the largest cosine similarity to one, and the similarities.
  function mostAlike(id) {
    const own = rowOf(id),
      size = (row) => Math.sqrt(dot(row, 0, row, 0, C));
    const alike = Array.from({ length: vocabulary.size }, (_, other) => {
      const row = rowOf(other);
      return { id: other, cosine: dot(own, 0, row, 0, C) / (size(own) * size(row)) };
    });
    return alike
      .filter((one) => one.id !== id && one.id !== vocabulary.maskId && Number.isFinite(one.cosine))
      .sort((a, b) => b.cosine - a.cosine)
      .slice(0, MOST_ALIKE);
  }

  function draw() {
    const t = state.query,
      id = state.ids[t],
      own = rowOf(id),
      start = state.pass.residualStream[0].subarray(t * C, (t + 1) * C);
    const rows = [{ name: `embedding of ${vocabulary.shown(id)}`, values: own }];
    if (model.ngrams) {
      const fixed = model.positions?.subarray(t * C, (t + 1) * C);
      const added = start.map((value, i) => value - own[i] - (fixed ? fixed[i] : 0));
      rows.push({ name: "its n-grams", values: added });
    }
    if (model.positions) {
      rows.push({ name: `position ${t}`, values: model.positions.subarray(t * C, (t + 1) * C) });
    }
    if (rows.length > 1) rows.push({ name: "their sum", values: start, className: "sum" });
    replaceIn(
      byId("embedding-table"),
      vectorTable({ caption: `What the first layer gets for ${state.name(t)}: ${C} numbers`, rows, size: C, all: false }),
    );
    const alike = mostAlike(id).map((one) => `${vocabulary.named(one.id)} (${number(one.cosine, 2)})`);
    byId("embedding-nearest").textContent = alike.length
      ? `Of all characters, the rows most like it are those of ${alike.join(", ")}; in brackets the cosine of the angle between the two.`
      : "";
  }

  state.subscribe(["text", "query"], draw);
}
