// Pictures of the maps of a head and of all heads; `of` says what they are weights of.
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
  savePicture(byId("thumbnails"), run, "all heads", () => ({
    name: "all heads",
    title: `All heads: ${of()}`,
    note: [run, "A row for each layer, a column for each head."],
    parts: [byId("thumbnails"), byId("attention-legend")],
  }));
}
