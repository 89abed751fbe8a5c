// Which figures of the page of an encoder-decoder can be saved.

function translationPictures(state, data) {
  const run = data.description;
  mapPictures(state, data, () => (state.side === "alignment" ? "attention of the target to the source" : "attention of the source to itself"));
  savePicture(byId("translation-readout"), run, "source and target", () => ({
    name: "source and target",
    title: `Where the target looks in the source: ${state.headName().toLowerCase()}`,
    note: [run],
    parts: [document.querySelector(".pair-strips"), byId("translation-readout"), byId("attention-legend")],
  }));
  savePicture(byId("next-rest"), run, "probabilities", () => ({
    name: "probabilities",
    title: "What else it could have written",
    note: [run],
    parts: [byId("next-caption"), byId("next-probs"), byId("next-rest")],
  }));
}
