// The attention weights of one head as a table of numbers.

function weightsTableView(state) {
  const { vocabulary } = state,
    box = byId("weights-table");

  function draw() {
    if (box.hidden) return;
    const heading = (id, scope, title) => element("th", { scope, title }, vocabulary.shown(id));
    box.replaceChildren(
      element(
        "table",
        {},
        element("caption", {}, "Rows are queries, columns are keys; weights below 0.005 are left out."),
        element(
          "thead",
          {},
          element("tr", {}, element("td"), ...state.keyIds.map((id, t) => heading(id, "col", state.keyName(t)))),
        ),
        element(
          "tbody",
          {},
          ...state.queryIds.map((id, t) =>
            element(
              "tr",
              { className: t === state.query ? "chosen" : "" },
              heading(id, "row", state.queryName(t)),
              ...Array.from({ length: state.seenBy(t) }, (_, j) => cellOf(state.weight(t, j))),
            ),
          ),
        ),
      ),
    );
  }

  function cellOf(weight) {
    const cell = element("td", {}, weight >= 0.005 ? weight.toFixed(2).replace(/^0/, "") : "");
    if (weight >= 0.005) paint(cell, SCALES.weight.fraction(weight));
    return cell;
  }

  state.subscribe(["text", "head", "theme", "view"], draw);
  state.subscribe(["query"], () => {
    box
      .querySelectorAll("tbody tr")
      .forEach((row, t) => row.classList.toggle("chosen", t === state.query));
  });
}
