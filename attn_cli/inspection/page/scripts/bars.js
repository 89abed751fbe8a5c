// Bar charts of probabilities.

const MOST_BARS = 10;

const LEAST_BAR = 0.001; // of a probability; less is left out, and counted in `restOf`

// The ids of the bars to draw, of ids by falling probability: at least one.
function barsWorthDrawing(ids, probs, most = MOST_BARS) {
  return ids.slice(0, most).filter((id, index) => index === 0 || probs[id] >= LEAST_BAR);
}

// A line on the ids of a vocabulary that have no bar; empty where each has one.
function restOf(ids, shown, probs) {
  const others = ids.filter((id) => !shown.includes(id)),
    left = others.reduce((sum, id) => sum + probs[id], 0);
  return others.length ? `${counted(others.length, "other")}: ${percent(left)} together.` : "";
}

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
