// Which figures of the page of a text can be saved besides its maps.

function pagePictures(state, data) {
  mapPictures(state, data, () => (state.maskIsOff ? "attention weights without the causal mask" : "attention weights"));
  const figures = [state.isClassifier ? labelsPicture : nextPicture];
  if (state.model.causal) figures.push(...textPictures, ...ablationPictures, ...historyPictures);
  for (const { after, what, ids, ...rest } of figures.map((figure) => figure(state, data))) {
    savePicture(byId(after), rest.run ?? data.description, what, () => ({
      name: rest.name?.() ?? what,
      title: rest.title,
      note: rest.note?.() ?? [data.description],
      parts: ids.map(byId),
    }));
  }
}

const nextPicture = (state, { description }) => ({
  after: "next-rest",
  what: "probabilities",
  title: state.model.causal ? "The next character" : "The blank",
  note: () => [
    description,
    `With ${settings(state.controls())}; the outline is the model’s own probability.`,
  ],
  ids: ["next-caption", "next-probs", "next-rest"],
});

const labelsPicture = () => ({
  after: "label-rest",
  what: "labels",
  title: "The labels of the text",
  ids: ["surprisal-strip", "label-caption", "label-probs", "label-rest"],
});

const textPictures = [
  () => ({
    after: "surprisal-legend",
    what: "surprisal",
    title: "Surprisal of each character",
    ids: ["surprisal-strip", "surprisal-readout", "surprisal-legend"],
  }),
  () => ({
    after: "drawn-detail",
    what: "written text",
    title: "Written by the model, shaded by surprisal",
    ids: ["drawn-text", "drawn-sight", "drawn-detail", "surprisal-legend"],
  }),
  () => ({
    after: "lens-grid",
    what: "logit lens",
    title: "The logit lens: the most probable next character after each layer",
    ids: ["lens-grid", "lens-readout", "lens-legend"],
  }),
];

const ablationPictures = [
  () => ({
    after: "ablation-note",
    what: "loss without each head",
    title: "Without each head",
    ids: ["ablation-grid", "ablation-note"],
  }),
  (state) => ({
    after: "ablation-probs",
    what: "probabilities without this head",
    name: () => `without ${state.headName()}`,
    title: "Without a head",
    ids: ["ablation-caption", "ablation-probs"],
  }),
];

// Of the checkpoint that is shown, whose step stands in the note and in the file's name.
function historyPicture(state, { description }, what, after, ...ids) {
  const run = description.replace(/, step [\d,]+$/u, ""),
    step = () => byId("checkpoint-shown").textContent.replace(",", "");
  return {
    ...{ after, what: `${what} at this step`, ids, run, title: "During training" },
    name: () => `during training ${step()} ${what === "this head" ? state.headName() : what}`,
    note: () => [run, byId("history-readout").textContent],
  };
}

const historyPictures = [
  (...of) => historyPicture(...of, "all heads", "history-maps", "history-maps", "attention-legend"),
  (...of) => historyPicture(...of, "this head", "history-map", "history-map-title", "history-map", "attention-legend"),
  (...of) => historyPicture(...of, "probabilities", "history-probs", "history-probs"),
];
