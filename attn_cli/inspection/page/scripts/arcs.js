// The lines view of one head: an arc from each query to the keys that it looks at, dashed where
// these come later.

const ARC_STEP = { smallest: 12, largest: 34 }; // CSS pixels per character
const HIGHEST = 300; // CSS pixels
// Weights below these draw no arc.
const FAINTEST = 0.04,
  FAINTEST_OF_MANY = 0.15, // in a text wider than its box, whose arcs would be a blur
  FAINTEST_CHOSEN = 0.005;

function arcsView(state) {
  const { vocabulary } = state,
    box = byId("lines");
  const canvas = element("canvas", {
    role: "slider",
    tabIndex: 0,
    "aria-orientation": "horizontal",
    "aria-valuemin": "1",
    "aria-label": "The character that looks back",
  });
  box.append(canvas);
  let step = ARC_STEP.largest,
    faintest = FAINTEST;

  function draw() {
    if (box.hidden) return;
    const T = state.ids.length,
      line = colourOf("--line");
    step = Math.max(
      ARC_STEP.smallest,
      Math.min(ARC_STEP.largest, Math.floor((box.clientWidth - 8) / T)),
    );
    const width = Math.max(T * step, 40);
    faintest = width > box.clientWidth ? FAINTEST_OF_MANY : FAINTEST;
    const high = Math.min(HIGHEST, Math.max(60, longestArc() * step * 0.55 + 10));
    drawOn(canvas, width, high + 34, (context) => {
      context.lineCap = "round";
      for (let t = 0; t < T; t++) {
        if (t !== state.query) drawArcs(context, t, high, line, faintest);
      }
      drawArcs(context, state.query, high, colourOf("--accent"), FAINTEST_CHOSEN);
      drawCharacters(context, high);
    });
    canvas.setAttribute("aria-valuemax", T);
    canvas.setAttribute("aria-valuenow", state.query + 1);
    canvas.setAttribute("aria-valuetext", state.summary(state.query));
  }

  // How many characters the longest arc that will be drawn spans.
  function longestArc() {
    let longest = 0;
    for (let t = 0; t < state.ids.length; t++) {
      const least = t === state.query ? FAINTEST_CHOSEN : faintest;
      for (let j = 0; j < state.seenBy(t); j++) {
        if (state.weight(t, j) >= least) longest = Math.max(longest, Math.abs(t - j));
      }
    }
    return longest;
  }

  function drawArcs(context, t, high, colour, least) {
    const x = (place) => (place + 0.5) * step;
    context.strokeStyle = context.fillStyle = colour;
    for (let j = 0; j < state.seenBy(t); j++) {
      const weight = state.weight(t, j);
      if (weight < least) continue;
      context.globalAlpha = Math.min(1, 0.12 + 0.88 * weight);
      context.lineWidth = 0.75 + 5 * weight;
      context.beginPath();
      if (j === t) {
        // A character that looks at itself: a dot, as large as the weight.
        context.arc(x(t), high - 4, 1 + 4 * weight, 0, 2 * Math.PI);
        context.fill();
        continue;
      }
      const radius = Math.abs(x(t) - x(j)) / 2,
        height = Math.min(high - 8, radius * 1.1);
      context.setLineDash(j > t ? [4, 3] : []);
      context.ellipse(x(Math.min(t, j)) + radius, high - 2, radius, height, 0, Math.PI, 2 * Math.PI);
      context.stroke();
    }
    context.setLineDash([]);
    context.globalAlpha = 1;
  }

  function drawCharacters(context, high) {
    const { fontFamily } = getComputedStyle(box),
      [ink, accent] = [colourOf("--ink"), colourOf("--accent")];
    context.textAlign = "center";
    context.textBaseline = "middle";
    state.ids.forEach((id, t) => {
      const chosen = t === state.query;
      context.font = `${chosen ? 700 : 400} ${Math.min(16, step + 2)}px ${fontFamily}`;
      context.fillStyle = chosen ? accent : ink;
      context.fillText(vocabulary.shown(id), (t + 0.5) * step, high + 16, step);
    });
  }

  function under(event) {
    const t = Math.floor((event.clientX - canvas.getBoundingClientRect().left) / step);
    return t >= 0 && t < state.ids.length ? t : null;
  }

  canvas.addEventListener("click", (event) => {
    const t = under(event);
    if (t !== null) state.choose({ query: t });
  });
  canvas.addEventListener("keydown", (event) => {
    const t = indexAfterKey(event, state.query, state.ids.length);
    if (t === null) return;
    event.preventDefault();
    state.choose({ query: t });
  });

  // Scrolls the box, never the page, to the chosen query.
  function keepInView() {
    if (box.hidden) return;
    const left = state.query * step;
    if (left < box.scrollLeft || left + step > box.scrollLeft + box.clientWidth) {
      box.scrollLeft = left - box.clientWidth / 2;
    }
  }

  state.subscribe(["text", "head", "query", "theme", "view", "width"], draw);
  state.subscribe(["text", "query", "view", "width"], keepInView);
}
