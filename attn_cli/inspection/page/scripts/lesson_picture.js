// The picture beside a step of the lesson: the map of the head that it follows, or the bars of what
// the model answers; null beside one that speaks of neither.

const OF_THE_MAP = ["PairTable", "Pair", "WeightedSum"],
  OF_THE_BARS = ["Temperatures"];

function lessonPicture(parts, text, vocabulary) {
  const speaksOf = (kinds, shown) =>
    parts.some((part) => kinds.includes(part?.kind) || (part?.kind === "WorkedSoftmax" && part.shown === shown));
  if (speaksOf(OF_THE_MAP, "keys")) return mapOfLesson(text);
  return speaksOf(OF_THE_BARS, "candidates") ? barsOfLesson(text, vocabulary) : null;
}

function mapOfLesson(text) {
  const { followed, layer, head, queries, keys } = text,
    T = queries.length,
    name = text.quoted(followed),
    canvas = element("canvas", { className: "one-map", role: "img" }),
    row = element("div", { className: "lesson-row", "aria-hidden": "true" });
  const most = text.topKeyName;
  canvas.setAttribute("aria-label", `Attention weights of the head; ${name} gives the most to ${most}`);
  drawPixels(
    canvas,
    T,
    keys.length,
    (t, j) => text.weights[t][j],
    (t) => text.seenBy(t),
  );
  row.style.top = `${(100 * followed) / T}%`;
  row.style.height = `${100 / T}%`;
  return element(
    "figure",
    { className: "lesson-picture" },
    element("figcaption", {}, `Attention weights of layer ${layer + 1}, head ${head + 1}`),
    element("div", { className: "lesson-map" }, canvas, row),
    element(
      "p",
      { className: "quiet small" },
      `Queries down, keys across. Outlined: the row of ${name}, which gives the most to ${most}.`,
    ),
  );
}

function barsOfLesson(text, vocabulary) {
  const probs = probabilities(text.answer),
    list = element("ol", { className: "bars" });
  drawBars(
    list,
    vocabulary,
    text.candidates.map((id) => ({ id, own: probs[id], kept: probs[id] })),
  );
  const others = text.answer.length - text.candidates.length;
  const rest = others
    ? [element("p", { className: "quiet small" }, `${counted(others, "other")} are left out.`)]
    : [];
  return element(
    "figure",
    { className: "lesson-picture" },
    element("figcaption", {}, `Most probable ${text.placeOfAnswer}`),
    list,
    ...rest,
  );
}
