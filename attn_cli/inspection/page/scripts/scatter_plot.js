// Points in a plane, on a canvas: which part of it is seen, what is where, and how it is drawn.

const MARGIN = 24,
  REACH = 16, // pixels within which a point is pointed at
  MAX_NAMES = 70,
  MAX_ZOOM = 200;

class ScatterPlot {
  // `texts[i]` is at `points[i]`, numbers of which two are seen; `colourOf(i)` and `isShown(i)` say
  // how it is drawn.
  constructor(canvas, points, texts, look) {
    Object.assign(this, { canvas, points, texts, look, axes: [0, 1], chosen: null });
    this.radius = Math.min(4, Math.max(1.5, 120 / Math.sqrt(points.length)));
    // In an order of no meaning, so that no label covers another because it came later.
    this.order = points.map((_, index) => index).sort((a, b) => scrambled(a) - scrambled(b));
    this.showAll();
  }

  showAll() {
    this.zoom = 1;
    this.centre = [0, 1].map((side) => {
      const values = this.points.map((point) => this.at(point, side));
      return (least(values) + most(values)) / 2;
    });
  }

  setAxes(axes) {
    this.axes = axes;
    this.showAll();
  }

  // A point's coordinate to the right (side 0) or upwards (side 1).
  at(point, side) {
    return point[this.axes[side]] ?? 0;
  }

  resize() {
    this.width = this.canvas.parentElement.clientWidth;
    this.height = Math.round(Math.min(Math.max(this.width * 0.66, 320), 640));
  }

  // Pixels per unit, the same in both directions.
  get scale() {
    const spread = [0, 1].map((side) => {
      const values = this.points.map((point) => this.at(point, side));
      return most(values) - least(values) || 1;
    });
    const room = [this.width - 2 * MARGIN, this.height - 2 * MARGIN];
    return this.zoom * Math.min(room[0] / spread[0], room[1] / spread[1]);
  }

  // Where each point is, in pixels.
  places() {
    const scale = this.scale,
      [x, y] = this.centre;
    return this.points.map((point) => [
      this.width / 2 + scale * (this.at(point, 0) - x),
      this.height / 2 - scale * (this.at(point, 1) - y),
    ]);
  }

  zoomBy(factor, [x, y] = [this.width / 2, this.height / 2]) {
    const zoom = Math.min(MAX_ZOOM, Math.max(1, this.zoom * factor)),
      before = this.scale;
    this.zoom = zoom;
    const change = 1 / before - 1 / this.scale;
    this.centre = [
      this.centre[0] + (x - this.width / 2) * change,
      this.centre[1] - (y - this.height / 2) * change,
    ];
  }

  moveBy(right, down) {
    const scale = this.scale;
    this.centre = [this.centre[0] - right / scale, this.centre[1] + down / scale];
  }

  // The index of the point nearest to a place, among those that `allowed` allows; null if none is.
  nearest([x, y], reach, allowed = () => true) {
    let best = null,
      bestDistance = reach ** 2;
    this.placed.forEach(([left, top], index) => {
      const distance = (left - x) ** 2 + (top - y) ** 2;
      if (distance < bestDistance && this.look.isShown(index) && allowed(left, top, index)) {
        best = index;
        bestDistance = distance;
      }
    });
    return best;
  }

  // The nearest point in the direction of an arrow key, within 45 degrees of it.
  inDirection(right, down) {
    if (this.chosen === null) return this.nearest([this.width / 2, this.height / 2], Infinity);
    const [x, y] = this.placed[this.chosen];
    return this.nearest([x, y], Infinity, (left, top) => {
      const along = (left - x) * right + (top - y) * down,
        across = Math.abs((left - x) * down) + Math.abs((top - y) * right);
      return along > 0.5 && across <= along;
    });
  }

  // How far a point is beyond the margins, to the right and downwards.
  beyond(index) {
    const [x, y] = this.placed[index];
    const over = (at, size) => Math.max(0, at - (size - MARGIN)) + Math.min(0, at - MARGIN);
    return [over(x, this.width), over(y, this.height)];
  }

  isBeyond(index) {
    return this.beyond(index).some((pixels) => pixels !== 0);
  }

  // Moves what is seen so that a point is in it.
  reveal(index) {
    const [right, down] = this.beyond(index);
    this.moveBy(-right, -down);
  }

  draw() {
    this.placed = this.places();
    drawOn(this.canvas, this.width, this.height, (context) => this.paint(context));
  }

  paint(context) {
    const { look } = this;
    for (const faded of [true, false]) {
      for (const index of this.order) {
        if (look.isShown(index) === faded) continue;
        context.globalAlpha = faded ? 0.12 : 0.8;
        this.dot(context, index, this.radius, look.colourOf(index));
      }
    }
    context.globalAlpha = 1;
    this.names(context);
  }

  dot(context, index, radius, colour) {
    const [x, y] = this.placed[index];
    if (x < -radius || y < -radius || x > this.width + radius || y > this.height + radius) return;
    context.fillStyle = colour;
    context.beginPath();
    context.arc(x, y, radius, 0, 2 * Math.PI);
    context.fill();
  }

  // The texts of as many points as have room for them.
  names(context) {
    const taken = [];
    context.font = `12px ${getComputedStyle(document.body).fontFamily}`;
    context.textAlign = "left";
    context.textBaseline = "middle";
    context.lineWidth = 3;
    context.lineJoin = "round";
    context.strokeStyle = colourOf("--panel");
    context.fillStyle = colourOf("--ink");
    for (const index of this.order) {
      if (taken.length >= MAX_NAMES) return;
      const [x, y] = this.placed[index];
      if (!this.look.isShown(index) || x < 0 || y < 8 || y > this.height - 8) continue;
      const name = shortened(this.texts[index]),
        box = [x + 6, y - 10, x + 18 + context.measureText(name).width, y + 10];
      if (box[2] > this.width || taken.some((other) => overlap(box, other))) continue;
      taken.push(box);
      context.strokeText(name, box[0], y);
      context.fillText(name, box[0], y);
    }
  }
}

// A text as a name in a plot: one line, not too long.
function shortened(text) {
  const characters = Array.from(text.replace(/\s+/gu, " ").trim());
  return characters.length > 28 ? `${characters.slice(0, 27).join("")}…` : characters.join("");
}

function overlap([left, top, right, bottom], [left2, top2, right2, bottom2]) {
  return left < right2 && left2 < right && top < bottom2 && top2 < bottom;
}

// A number that follows from an index, and looks drawn at random (Knuth's multiplicative hash).
function scrambled(index) {
  return Math.imul(index + 1, 2654435761) >>> 0;
}

const least = (values) => values.reduce((a, b) => Math.min(a, b));
const most = (values) => values.reduce((a, b) => Math.max(a, b));
