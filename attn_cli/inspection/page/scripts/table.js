// The weights of one head as a table of numbers: what the map shows, for any reader.

function tableView(state) {
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
        element("caption", {}, "Rows look at columns; what is below 0.005 is left empty."),
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
              ...Array.from({ length: t + 1 }, (_, j) => cellOf(state.weight(t, j))),
            ),
          ),
        ),
      ),
    );
  }

  function cellOf(weight) {
    const cell = element("td", {}, weight >= 0.005 ? weight.toFixed(2).replace(/^0/, "") : "");
    if (weight >= 0.005) paint(cell, SCALES.weight.place(weight));
    return cell;
  }

  state.watch(["text", "head", "theme", "view"], draw);
  state.watch(["query"], () => {
    box
      .querySelectorAll("tbody tr")
      .forEach((row, t) => row.classList.toggle("chosen", t === state.query));
  });
}
