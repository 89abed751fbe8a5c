// Which figures of a page can be saved, and what each picture says of itself.

// The maps of a head and of all heads; `of` says what they are weights of.
function mapPictures(state, data, of) {
  const run = data.description;
  const views = { map: "map", lines: "lines", table: "weights-table" };
  const notes = {
    map: "A row for each query, a column for each key; the weights of a row sum to 1.",
    lines: "A line for each query and key: the thicker, the larger the weight. Those of the chosen query stand out.",
    table: "A row for each query, a column for each key; in hundredths.",
  };
  savePicture(byId("map-help"), run, "this head", () => ({
    name: `${state.headName()} ${state.view}`,
    title: `${state.headName()}: ${of()}`,
    note: [run, notes[state.view]],
    parts: [
      byId(views[state.view]),
      byId("map-readout"),
      ...(state.view === "lines" ? [] : [byId("attention-legend")]),
    ],
  }));
  savePicture(byId("attention-legend"), run, "all heads", () => ({
    name: "all heads",
    title: `All heads: ${of()}`,
    note: [run, "A row for each layer, a column for each head."],
    parts: [byId("thumbnails"), byId("attention-legend")],
  }));
}

function pagePictures(state, data) {
  const run = data.description,
    { causal } = state.model;
  const save = (after, what, name, title, note, ...ids) =>
    savePicture(byId(after), run, what, () => ({
      name,
      title,
      note: [run, ...note()],
      parts: ids.map(byId),
    }));
  const outlined = () => [
    `With ${settings(state.controls())}; the outline is the model’s own probability.`,
  ];
  const nothing = () => [];

  mapPictures(state, data, () => "attention weights");
  save("next-rest", "the probabilities", "probabilities", causal ? "The next character" : "The blank", outlined,
    "next-caption", "next-probs", "next-rest");
  if (!causal) return;
  save("surprisal-readout", "the surprisal", "surprisal", "Surprisal of each character", nothing,
    "surprisal-strip", "surprisal-readout", "surprisal-legend");
  save("drawn-detail", "the written text", "written", "Written by the model, shaded by surprisal", nothing,
    "drawn-text", "drawn-sight", "drawn-detail", "surprisal-legend");
  save("lens-grid", "the logit lens", "logit lens", "The logit lens: the most probable next character after each layer", nothing,
    "lens-grid", "lens-readout", "lens-legend");
  save("ablation-note", "the change of the loss", "without a head", "The change of the loss without each head", nothing,
    "ablation-grid", "ablation-note");
  save("ablation-probs", "the probabilities without this head", "probabilities without a head", "The next character without a head", nothing,
    "ablation-caption", "ablation-probs");
  const atStep = () => [byId("history-readout").textContent];
  save("history-maps", "all heads at this step", "all heads during training", "All heads during training", atStep,
    "history-maps", "attention-legend");
  save("history-map", "this head at this step", "a head during training", "A head during training", atStep,
    "history-map-title", "history-map", "attention-legend");
  save("history-probs", "the probabilities at this step", "probabilities during training", "The next character during training", atStep,
    "history-probs");
}

function translationPictures(state, data) {
  const run = data.description;
  mapPictures(state, data, () => (state.side === "alignment" ? "attention of the target to the source" : "attention of the source to itself"));
  savePicture(byId("translation-readout"), run, "source and target", () => ({
    name: "source and target",
    title: `Where the target looks in the source: ${state.headName()}`,
    note: [run],
    parts: [document.querySelector(".pair-strips"), byId("translation-readout"), byId("attention-legend")],
  }));
  savePicture(byId("next-rest"), run, "the probabilities", () => ({
    name: "probabilities",
    title: "What else it could have written",
    note: [run],
    parts: [byId("next-caption"), byId("next-probs"), byId("next-rest")],
  }));
}
