// The logit lens (nostalgebraist 2020): what each layer would predict after each character.

const LENS_BARS = 4;

function logitLensView(state) {
  const { vocabulary, model } = state,
    V = vocabulary.size,
    box = byId("lens-grid");
  const levels = Array.from({ length: model.n_layer + 1 }, (_, i) => model.n_layer - i); // last first
  const levelName = (level) => (level === 0 ? "embedding" : `layer ${level}`);
  let focusedLevel = model.n_layer,
    table = null;

  const probsAt = (level, t) => probabilities(state.pass.lens(level).subarray(t * V, (t + 1) * V));

  function draw() {
    const heads = state.ids.map((id, t) =>
      element("th", { scope: "col", title: state.name(t) }, vocabulary.shown(id)),
    );
    table = element(
      "table",
      { className: "lens", role: "grid", "aria-labelledby": "lens-title" },
      element("thead", {}, element("tr", {}, element("th", { scope: "col" }, "after"), ...heads)),
      element(
        "tbody",
        {},
        ...levels.map((level) =>
          element(
            "tr",
            {},
            element("th", { scope: "row" }, levelName(level)),
            ...state.ids.map((_, t) => cellAt(level, t)),
          ),
        ),
      ),
    );
    box.replaceChildren(table);
    drawLegend(byId("lens-legend"), "probability");
    mark();
  }

  function cellAt(level, t) {
    const probs = probsAt(level, t),
      best = mostProbable(probs);
    const cell = element("td", { role: "gridcell" }, vocabulary.shown(best));
    paint(cell, probs[best]);
    cell.setAttribute(
      "aria-label",
      `${levelName(level)}, ${state.name(t)}: ${vocabulary.named(best)} ${percent(probs[best])}`,
    );
    return cell;
  }

  function cell(level, t) {
    return table.tBodies[0].rows[levels.indexOf(level)].cells[t + 1];
  }

  function mark() {
    const focused = table.contains(document.activeElement);
    for (const old of table.querySelectorAll(".chosen")) old.classList.remove("chosen");
    for (const old of table.querySelectorAll("[tabindex='0']")) old.tabIndex = -1;
    table.tHead.rows[0].cells[state.query + 1].classList.add("chosen");
    levels.forEach((level) => cell(level, state.query).classList.add("chosen"));
    const here = cell(focusedLevel, state.query);
    here.tabIndex = 0;
    if (focused) here.focus();
    keepInView(here);
    showReadout();
    byId("lens-tied").hidden = model.head.weight !== model.token;
    byId("lens-detail").replaceChildren(...levels.slice().reverse().map(detail));
  }

  // Scrolls the table's own box, never the page.
  function keepInView(here) {
    const names = table.tHead.rows[0].cells[0].offsetWidth,
      left = here.offsetLeft;
    if (left - names < box.scrollLeft) box.scrollLeft = left - names;
    const right = left + here.offsetWidth - box.clientWidth;
    if (right > box.scrollLeft) box.scrollLeft = right;
  }

  function trueNext() {
    return state.query + 1 < state.ids.length ? state.ids[state.query + 1] : null;
  }

  // Of the character that comes, where it has not been seen before.
  function surprisalAt(level) {
    return state.masked ? `: ${bits(state.pass.surprisal(state.query + 1, level))}` : ", which it sees";
  }

  function showReadout() {
    const probs = probsAt(focusedLevel, state.query),
      best = mostProbable(probs),
      next = trueNext();
    const ending =
      next === null
        ? "The text ends here."
        : `Then comes ${vocabulary.named(next)}${surprisalAt(focusedLevel)}.`;
    say(
      "lens-readout",
      `After ${state.name(state.query)}, ${levelName(focusedLevel)} predicts ${vocabulary.named(best)} with ${percent(probs[best])}. ${ending}`,
    );
  }

  // The most probable characters of one layer at the chosen position, and the true one's surprisal.
  function detail(level) {
    const probs = probsAt(level, state.query),
      next = trueNext(),
      order = ranked(probs),
      rows = barsWorthDrawing(order, probs, LENS_BARS),
      list = element("ol", { className: "bars" });
    drawBars(
      list,
      vocabulary,
      rows.map((id) => ({ id, own: 0, kept: probs[id], marked: id === next })),
    );
    return element(
      "div",
      {},
      element("h3", {}, levelName(level)),
      list,
      element("p", { className: "quiet small" }, restOf(order, rows, probs)),
      element(
        "p",
        { className: "quiet small" },
        next === null
          ? ""
          : `${vocabulary.shown(next)} comes${surprisalAt(level)}`,
      ),
    );
  }

  function cellOf(target) {
    const found = target.closest("[role=gridcell]");
    if (!found) return null;
    return { level: levels[found.parentElement.sectionRowIndex], query: found.cellIndex - 1 };
  }

  function choose({ level, query }) {
    focusedLevel = level;
    if (query === state.query) mark();
    else state.choose({ query });
  }

  box.addEventListener("click", (event) => {
    const found = cellOf(event.target);
    if (!found) return;
    choose(found);
    cell(found.level, found.query).focus();
  });
  box.addEventListener("keydown", (event) => {
    const columns = state.ids.length,
      at = levels.indexOf(focusedLevel) * columns + state.query;
    const index = indexAfterKey(event, at, levels.length * columns, columns);
    if (index === null) return;
    event.preventDefault();
    choose({ level: levels[Math.floor(index / columns)], query: index % columns });
  });

  state.subscribe(["text", "theme"], draw);
  state.subscribe(["query"], mark);
}
