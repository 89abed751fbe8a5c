// The page of texts as points, put together.

const data = JSON.parse(byId("payload").textContent);
const { texts, labels, label_of: labelOf } = data;
const lowered = texts.map((text) => text.toLowerCase());
let picked = new Set(); // labels that are picked out; none: all are shown
let query = ""; // what is searched for
let colours = [];

const plot = new ScatterPlot(byId("plot"), data.points, texts, {
  colourOf: (index) => colours[labelOf[index] ?? 0],
  isShown: (index) => (!picked.size || picked.has(labelOf[index])) && isFound(index),
});

byId("description").textContent = [
  data.description,
  counted(texts.length, "text"),
  ...(labels.length ? [counted(labels.length, "label")] : []),
].join(" · ");
byId("page").hidden = false;

const counts = labels.map(() => 0);
for (const label of labelOf) counts[label]++;
const list = categoryList(byId("categories"), labels, counts, (pressed) => {
  picked = pressed;
  plot.draw();
});
byId("categories").hidden = !labels.length;

axesButtons();
zoomButtons();
pointer();
keys();
themeButton(recolour);
savePicture(byId("plot-keys"), data.description, "the plot", () => ({
  name: "texts",
  title: document.title,
  note: [data.description, byId("axes").querySelector("[aria-pressed=true]").getAttribute("aria-label")],
  parts: [plot.canvas.parentElement, byId("categories")],
}));
byId("search").addEventListener("input", ({ target }) => {
  query = target.value.trim().toLowerCase();
  plot.draw();
  const found = plot.order.filter(isFound);
  choose(query && found.length === 1 ? found[0] : null);
  if (query && found.length !== 1) say("readout", `${counted(found.length, "text")} found`);
});
new ResizeObserver(() => {
  if (plot.width === plot.canvas.parentElement.clientWidth) return;
  plot.resize();
  plot.draw();
  choose(plot.chosen);
}).observe(plot.canvas.parentElement);
plot.resize();
recolour();
choose(null);

function isFound(index) {
  return lowered[index].includes(query);
}

function recolour() {
  colours = labels.length
    ? labels.map((_, index) => categoryColour(index, labels.length))
    : [colourOf("--bar")];
  list.colour();
  plot.draw();
}

// Chooses a text, or none, and says which it is.
function choose(index) {
  plot.chosen = index;
  const label = index === null ? undefined : labels[labelOf[index]];
  const told = index === null ? "No text is chosen." : [texts[index], label].filter(Boolean).join(" · ");
  say("readout", told);
  plot.canvas.setAttribute("aria-label", `Texts as points. ${told}`);
  const tip = byId("tip"),
    mark = byId("mark");
  tip.hidden = mark.hidden = index === null;
  if (index === null) return;
  tip.textContent = told;
  const [x, y] = plot.placed[index];
  mark.style.left = `${x}px`;
  mark.style.top = `${y}px`;
  tip.style.top = `${y > 40 ? y - 36 : y + 12}px`;
  tip.style.left = `${Math.max(4, Math.min(x + 8, plot.width - tip.offsetWidth - 4))}px`;
}

// A button for each pair of components, with how much of the variance the two have.
function axesButtons() {
  const pairs = [[0, 1], [0, 2], [1, 2]].filter(([, second]) => second < data.explained.length);
  const buttons = pairs.map(([first, second]) => {
    const share = percent(data.explained[first] + data.explained[second]);
    const button = element("button", { type: "button" }, `${first + 1} × ${second + 1} (${share})`);
    button.setAttribute("aria-label", `Components ${first + 1} and ${second + 1}: ${share} of the variance`);
    button.addEventListener("click", () => {
      buttons.forEach((other) => other.setAttribute("aria-pressed", String(other === button)));
      redraw(() => plot.setAxes([first, second]));
    });
    return button;
  });
  buttons.forEach((button, index) => button.setAttribute("aria-pressed", String(index === 0)));
  byId("axes").append(...buttons);
}

function redraw(change) {
  change();
  plot.draw();
  choose(plot.chosen);
}

function zoomButtons() {
  byId("closer").addEventListener("click", () => redraw(() => plot.zoomBy(1.5)));
  byId("farther").addEventListener("click", () => redraw(() => plot.zoomBy(1 / 1.5)));
  byId("all").addEventListener("click", () => redraw(() => plot.showAll()));
}

function pointer() {
  let from = null; // where a drag is
  const place = (event) => {
    const { left, top } = plot.canvas.getBoundingClientRect();
    return [event.clientX - left, event.clientY - top];
  };
  plot.canvas.addEventListener("pointerdown", (event) => {
    from = place(event);
    if (event.pointerType !== "touch") plot.canvas.setPointerCapture(event.pointerId);
    choose(plot.nearest(from, 1.5 * REACH));
  });
  plot.canvas.addEventListener("pointermove", (event) => {
    const here = place(event);
    if (from !== null && event.buttons && event.pointerType !== "touch") {
      const [right, down] = [here[0] - from[0], here[1] - from[1]];
      from = here;
      redraw(() => plot.moveBy(right, down));
      return;
    }
    const index = plot.nearest(here, REACH);
    if (index !== null && index !== plot.chosen) choose(index);
  });
  plot.canvas.addEventListener("pointerup", () => (from = null));
  plot.canvas.addEventListener(
    "wheel",
    (event) => {
      if (!event.ctrlKey) return; // as from two fingers; else it scrolls the page
      event.preventDefault();
      redraw(() => plot.zoomBy(Math.exp(-event.deltaY / 100), place(event)));
    },
    { passive: false },
  );
}

function keys() {
  const moves = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
  const zooms = {
    "+": () => plot.zoomBy(1.5),
    "=": () => plot.zoomBy(1.5),
    "-": () => plot.zoomBy(1 / 1.5),
    0: () => plot.showAll(),
  };
  plot.canvas.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "Escape") choose(null);
    else if (moves[event.key]) {
      const next = plot.inDirection(...moves[event.key]);
      if (next !== null) {
        choose(next);
        if (plot.isBeyond(next)) redraw(() => plot.reveal(next));
      }
    } else if (zooms[event.key]) redraw(zooms[event.key]);
    else return;
    event.preventDefault();
  });
}
