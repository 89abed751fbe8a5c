// The attention weights of one head as a table of numbers.

function weightsTableView(state) {
  const { vocabulary } = state,
    box = byId("weights-table");

  let rows = [],
    columns = []; // positions in the table

  function draw() {
    if (box.hidden) return;
    const { keyIds, queryIds } = state;
    rows = around(state.query, queryIds.length);
    columns = around(state.key, keyIds.length);
    const heading = (id, scope, title) => element("th", { scope, title }, vocabulary.shown(id));
    box.replaceChildren(
      element(
        "table",
        {},
        element("caption", {}, `Rows are queries, columns are keys; weights below 0.005 are left out.${partShown()}`),
        element(
          "thead",
          {},
          element("tr", {}, element("td"), ...columns.map((j) => heading(keyIds[j], "col", state.keyName(j)))),
        ),
        element(
          "tbody",
          {},
          ...rows.map((t) =>
            element(
              "tr",
              { className: t === state.query ? "chosen" : "" },
              heading(queryIds[t], "row", state.queryName(t)),
              ...columns.filter((j) => j < state.seenBy(t)).map((j) => cellOf(state.weight(t, j))),
            ),
          ),
        ),
      ),
    );
  }

  // Which part of a long text the table has; nothing where it has all.
  function partShown() {
    const all = rows.length === state.queryIds.length && columns.length === state.keyIds.length;
    const range = (places) => `${places[0]} to ${places.at(-1)}`;
    return all ? "" : ` Of a long text, what is around the chosen cell: queries ${range(rows)}, keys ${range(columns)}.`;
  }

  function cellOf(weight) {
    const cell = element("td", {}, weight >= 0.005 ? weight.toFixed(2).replace(/^0/, "") : "");
    if (weight >= 0.005) paint(cell, SCALES.weight.fraction(weight));
    return cell;
  }

  state.subscribe(["text", "head", "theme", "view"], draw);
  state.subscribe(["query", "key"], () => {
    if (box.hidden) return;
    const moves = around(state.query, state.queryIds.length)[0] !== rows[0];
    if (moves || around(state.key, state.keyIds.length)[0] !== columns[0]) draw();
    box
      .querySelectorAll("tbody tr")
      .forEach((row, index) => row.classList.toggle("chosen", rows[index] === state.query));
  });
}

const MOST_IN_TABLE = 64; // rows, and columns

// At most so many of `count` positions: the whole quarter windows around one.
function around(place, count) {
  const quarter = MOST_IN_TABLE / 4,
    wanted = quarter * Math.floor(place / quarter) - MOST_IN_TABLE / 2;
  const first = Math.max(0, Math.min(wanted, count - MOST_IN_TABLE));
  return Array.from({ length: Math.min(count, MOST_IN_TABLE) }, (_, i) => first + i);
}
