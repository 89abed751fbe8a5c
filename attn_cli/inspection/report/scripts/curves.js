// Curves over steps, drawn as SVG: the first plot of a run takes the focus, and all of them show
// the cursor, which the pointer and the arrow keys move.

const HEIGHTS = { first: 300, other: 150 };
const MARGIN = { left: 56, right: 12, top: 12, bottom: 24 };
const WIDE = 640, NAMES = 150; // width from which the names of levels stand beside the plot, and theirs
const LABEL_HEIGHT = 14; // of the name of a level
const WIDE_RANGE = 30; // from which ratio of the largest value to the smallest the scale is a logarithm

function shape(tag, attributes = {}, ...children) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

// Round numbers from low to high, about `count` of them; of a logarithmic scale 1, 2, 5, 10, ...
function ticksOf(low, high, count, log) {
  const found = [];
  if (log) {
    for (let power = Math.floor(Math.log10(low)); power <= Math.log10(high); power++)
      for (const digit of Math.log10(high / low) > 2 ? [1] : [1, 2, 5]) found.push(digit * 10 ** power);
    return found.filter((tick) => tick >= low && tick <= high);
  }
  const rough = (high - low) / count || 1,
    power = 10 ** Math.floor(Math.log10(rough));
  const step = power * ([1, 2, 5].find((digit) => digit * power >= rough) ?? 10);
  for (let i = Math.ceil(low / step); i * step <= high * (1 + 1e-9); i++) found.push(i * step);
  return found;
}

const short = (value) =>
  value !== 0 && Math.abs(value) < 0.001 ? value.toExponential(0).replace("-", "−") : String(Number(value.toPrecision(4)));

class Curves {
  constructor(plot, first, steps) {
    Object.assign(this, { plot, first, steps });
    this.svg = shape("svg", { class: "plot" });
    this.figure = element("figure", {}, this.caption(), this.svg);
    const values = plot.series.flatMap(({ points }) => points.flatMap(([, ...heights]) => heights));
    const all = [...values, ...plot.levels.map(({ value }) => value)];
    this.low = Math.min(...all);
    this.high = Math.max(...all);
    this.log = plot.wide && this.low > 0 && Math.max(...values) / Math.min(...values) > WIDE_RANGE;
    if (this.log) return;
    const room = (this.high - this.low || Math.abs(this.high) || 1) * 0.05;
    this.low = this.low >= 0 ? Math.max(0, this.low - room) : this.low - room;
    this.high += room;
  }

  caption() {
    const { title, unit, series } = this.plot;
    const names = series.length > 1 || this.first ? series : [];
    return element(
      "figcaption",
      {},
      title,
      unit ? element("span", { className: "unit" }, ` ${unit}`) : "",
      ...names.map(({ name }, index) => element("span", { className: `key c${index % 8}` }, name)),
    );
  }

  x(step) {
    const [from, to] = [this.steps[0], this.steps.at(-1)];
    return MARGIN.left + ((step - from) / (to - from || 1)) * (this.right - MARGIN.left);
  }

  y(value) {
    const scale = this.log ? Math.log : (number) => number;
    const part = (scale(value) - scale(this.low)) / (scale(this.high) - scale(this.low) || 1);
    return MARGIN.top + (1 - part) * (this.height - MARGIN.top - MARGIN.bottom);
  }

  draw() {
    this.width = Math.max(240, this.figure.clientWidth);
    this.beside = this.plot.levels.length > 0 && this.width >= WIDE;
    this.right = this.width - (this.beside ? NAMES : MARGIN.right);
    this.height = this.first ? HEIGHTS.first : HEIGHTS.other;
    this.svg.setAttribute("viewBox", `0 0 ${this.width} ${this.height}`);
    this.cursor = shape("g", { class: "cursor" });
    this.svg.replaceChildren(...this.grid(), ...this.levels(), ...this.plot.series.flatMap((one, i) => this.curve(one, i)), this.cursor);
  }

  grid() {
    const { right } = this,
      bottom = this.height - MARGIN.bottom;
    const across = ticksOf(this.low, this.high, this.first ? 5 : 4, this.log).flatMap((tick) => [
      shape("line", { class: "grid", x1: MARGIN.left, x2: right, y1: this.y(tick), y2: this.y(tick) }),
      shape("text", { x: MARGIN.left - 6, y: this.y(tick) + 4, "text-anchor": "end" }, short(tick)),
    ]);
    const count = Math.max(4, Math.floor(this.width / 110));
    const ticks = ticksOf(this.steps[0], this.steps.at(-1), count, false).filter(Number.isInteger);
    const below = ticks.map((tick) =>
      shape("text", { x: this.x(tick), y: bottom + 17, "text-anchor": this.x(tick) > right - 20 ? "end" : "middle" }, tick.toLocaleString("en")),
    );
    return [...across, ...below];
  }

  // Straight lines, with their names at the right end, moved apart where they would overlap.
  levels() {
    let above = -Infinity;
    return [...this.plot.levels]
      .sort((a, b) => b.value - a.value)
      .flatMap(({ name, value }) => {
        const at = this.y(value),
          { right, beside } = this;
        above = Math.max(beside ? at + 4 : at - 4, above + LABEL_HEIGHT);
        const place = beside ? { class: "name", x: right + 8 } : { class: "name inside", x: right, "text-anchor": "end" };
        return [
          shape("line", { class: "level", x1: MARGIN.left, x2: right, y1: at, y2: at }),
          shape("text", { ...place, y: above }, `${name} ${value.toFixed(3)}`),
        ];
      });
  }

  curve({ points, dots }, index) {
    const colour = `c${index % 8}`;
    const path = (list) => list.map(([x, y], i) => `${i ? "L" : "M"}${this.x(x).toFixed(1)} ${this.y(y).toFixed(1)}`).join("");
    const drawn = [shape("path", { class: `curve ${colour}`, d: path(points) })];
    if (points[0].length > 2) {
      const edge = points.map(([x, , low]) => [x, low]).concat(points.map(([x, , , high]) => [x, high]).reverse());
      drawn.unshift(shape("path", { class: `band ${colour}`, d: `${path(edge)}Z` }));
    }
    if (dots && points.length < 60)
      drawn.push(...points.map(([x, y]) => shape("circle", { class: `dot ${colour}`, cx: this.x(x), cy: this.y(y), r: 3 })));
    return drawn;
  }

  // Marks a step in each curve; the values there, or of the last point before it, in words.
  mark(step) {
    const at = this.x(step);
    const found = this.plot.series
      .map(({ name, points }, index) => ({ name, index, point: points.findLast(([x]) => x <= step) }))
      .filter(({ point }) => point);
    this.cursor.replaceChildren(
      shape("line", { x1: at, x2: at, y1: MARGIN.top, y2: this.height - MARGIN.bottom }),
      ...found.map(({ point, index }) => shape("circle", { class: `dot c${index % 8}`, cx: this.x(point[0]), cy: this.y(point[1]), r: 4 })),
    );
    return found.map(({ name, point: [x, y] }) => {
      const when = x === step ? "" : ` (at ${x.toLocaleString("en")})`;
      return `${name} ${Number(y.toFixed(this.plot.digits))}${when}`;
    });
  }
}

function curvesView(box, plots) {
  const steps = [...new Set(plots.flatMap(({ series }) => series.flatMap(({ points }) => points.map(([x]) => x))))];
  steps.sort((a, b) => a - b);
  const drawn = plots.map((plot, index) => new Curves(plot, index === 0, steps));
  const readout = element("p", { className: "readout" });
  const rest = element("div", { className: "other-curves" }, ...drawn.slice(1).map(({ figure }) => figure));
  box.append(drawn[0].figure, readout, rest);
  let at = steps.length - 1;

  function show() {
    const values = drawn.flatMap((curves) => curves.mark(steps[at]));
    const text = `step ${steps[at].toLocaleString("en")}: ${values.join(", ")}`;
    readout.textContent = text;
    slider.setAttribute("aria-valuenow", String(steps[at]));
    slider.setAttribute("aria-valuetext", text);
  }

  const slider = drawn[0].svg;
  for (const [name, value] of Object.entries({
    role: "slider",
    tabindex: "0",
    "aria-label": `${plots[0].title} by step`,
    "aria-valuemin": String(steps[0]),
    "aria-valuemax": String(steps.at(-1)),
  }))
    slider.setAttribute(name, value);
  for (const { svg } of drawn.slice(1)) svg.setAttribute("aria-hidden", "true");

  const moves = { ArrowRight: 1, ArrowUp: 1, ArrowLeft: -1, ArrowDown: -1, PageUp: 10, PageDown: -10, Home: -Infinity, End: Infinity };
  slider.addEventListener("keydown", (event) => {
    if (!(event.key in moves) || event.ctrlKey || event.altKey || event.metaKey) return;
    event.preventDefault();
    at = Math.min(steps.length - 1, Math.max(0, at + moves[event.key]));
    show();
  });
  for (const curves of drawn) {
    curves.svg.addEventListener("pointermove", (event) => {
      const { left, width } = curves.svg.getBoundingClientRect();
      const pointed = ((event.clientX - left) / width) * curves.width;
      const distances = steps.map((step) => Math.abs(curves.x(step) - pointed));
      at = distances.indexOf(Math.min(...distances));
      show();
    });
  }
  const drawAll = () => {
    drawn.forEach((curves) => curves.draw());
    show();
  };
  let width = 0;
  new ResizeObserver(() => {
    if (width === box.clientWidth) return;
    width = box.clientWidth;
    drawAll();
  }).observe(box);
  drawAll();
}
