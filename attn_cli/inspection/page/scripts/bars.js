// Bar charts of probabilities.

const MOST_BARS = 10;

// Rows of { id, own, kept }, probabilities: `own` is outlined, `kept` is filled.
function drawBars(list, vocabulary, rows) {
  while (list.children.length > rows.length) list.lastChild.remove();
  while (list.children.length < rows.length) {
    list.append(
      element(
        "li",
        {},
        element("span", { className: "symbol" }),
        element(
          "span",
          { className: "track", "aria-hidden": "true" },
          element("i", { className: "own" }),
          element("i", { className: "kept" }),
        ),
        element("span", { className: "percent" }),
      ),
    );
  }
  rows.forEach(({ id, own, kept, marked }, index) => {
    const [symbol, track, percentage] = list.children[index].children;
    list.children[index].classList.toggle("none", kept === 0);
    list.children[index].classList.toggle("marked", Boolean(marked));
    symbol.textContent = vocabulary.shown(id);
    symbol.title = vocabulary.named(id);
    track.children[0].hidden = own < 0.002; // nothing but its border
    track.children[0].style.width = `${100 * own}%`;
    track.children[1].style.width = `${100 * kept}%`;
    percentage.textContent = percent(kept);
  });
}
