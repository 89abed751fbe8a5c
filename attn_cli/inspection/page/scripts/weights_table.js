// The attention weights of one head as a table of numbers.

function weightsTableView(state) {
  const { vocabulary } = state,
    box = byId("weights-table");

  function draw() {
    if (box.hidden) return;
    const symbols = state.ids.map((id) => vocabulary.shown(id));
    const heading = (t, scope) =>
      element("th", { scope, title: `${vocabulary.named(state.ids[t])} at ${t}` }, symbols[t]);
    box.replaceChildren(
      element(
        "table",
        {},
        element("caption", {}, "Rows are queries, columns are keys; weights below 0.005 are left out."),
        element(
          "thead",
          {},
          element("tr", {}, element("td"), ...symbols.map((_, t) => heading(t, "col"))),
        ),
        element(
          "tbody",
          {},
          ...symbols.map((_, t) =>
            element(
              "tr",
              { className: t === state.query ? "chosen" : "" },
              heading(t, "row"),
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
