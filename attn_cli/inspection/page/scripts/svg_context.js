// A canvas's context that writes SVG: what a function draws on it are rectangles, paths and texts,
// in colours and sizes that any program for vector graphics reads. Only what this page draws with.

// A name and no address: nothing is loaded from there.
const SVG_NAMESPACE = ["http:", "", "www.w3.org", "2000", "svg"].join("/");

class SvgContext {
  constructor() {
    Object.assign(this, { isVector: true, parts: [], right: 0, bottom: 0, saved: [], dashes: [] });
    Object.assign(this, { fillStyle: "#000", strokeStyle: "#000", lineWidth: 1, globalAlpha: 1 });
    Object.assign(this, { font: "10px sans-serif", textAlign: "start", textBaseline: "alphabetic" });
    this.matrix = new DOMMatrix();
    // Measures texts, and says in numbers which colour a CSS colour is.
    this.probe = element("canvas", { width: 1, height: 1 }).getContext("2d", { willReadFrequently: true });
    this.colours = new Map();
  }

  save() {
    const { fillStyle, strokeStyle, lineWidth, globalAlpha, font, textAlign, textBaseline } = this;
    const { matrix, dashes } = this;
    this.saved.push({
      ...{ fillStyle, strokeStyle, lineWidth, globalAlpha, font, textAlign, textBaseline },
      ...{ matrix: DOMMatrix.fromMatrix(matrix), dashes },
    });
  }

  restore() {
    Object.assign(this, this.saved.pop());
  }

  translate(x, y) {
    this.matrix.translateSelf(x, y);
  }

  scale(x, y) {
    this.matrix.scaleSelf(x, y);
  }

  rotate(angle) {
    this.matrix.rotateSelf((angle * 180) / Math.PI);
  }

  setLineDash(dashes) {
    this.dashes = dashes;
  }

  fillRect(x, y, width, height) {
    const [left, top] = this.at(x, y),
      [right, bottom] = this.at(x + width, y + height);
    this.emit("rect", {
      ...{ x: digits(left), y: digits(top), width: digits(right - left), height: digits(bottom - top) },
      ...this.paint("fill", this.fillStyle),
    });
  }

  strokeRect(x, y, width, height) {
    this.beginPath();
    this.rect(x, y, width, height);
    this.stroke();
  }

  beginPath() {
    this.path = "";
  }

  moveTo(x, y) {
    this.path += `M${this.at(x, y).map(digits).join(" ")}`;
  }

  lineTo(x, y) {
    this.path += `L${this.at(x, y).map(digits).join(" ")}`;
  }

  closePath() {
    this.path += "z";
  }

  rect(x, y, width, height) {
    this.moveTo(x, y);
    const [across, down] = [digits(width * this.matrix.a), digits(height * this.matrix.d)];
    this.at(x + width, y + height);
    this.path += `h${across}v${down}h${-across}z`;
  }

  arc(x, y, radius, from, to) {
    this.ellipse(x, y, radius, radius, 0, from, to);
  }

  // In two halves, because an arc of SVG cannot be a whole circle.
  ellipse(x, y, across, down, _, from, to) {
    const point = (angle) => [x + across * Math.cos(angle), y + down * Math.sin(angle)],
      size = [across * this.matrix.a, down * this.matrix.d].map(digits).join(" ");
    this.moveTo(...point(from));
    for (const angle of [(from + to) / 2, to])
      this.path += `A${size} 0 0 1 ${this.at(...point(angle)).map(digits).join(" ")}`;
  }

  fill() {
    this.emit("path", { d: this.path, ...this.paint("fill", this.fillStyle) });
  }

  stroke() {
    this.emit("path", { d: this.path, fill: "none", ...this.strokePaint() });
  }

  measureText(text) {
    this.probe.font = this.font;
    return this.probe.measureText(text);
  }

  fillText(text, x, y, room = Infinity) {
    this.text(text, x, y, room, this.paint("fill", this.fillStyle));
  }

  strokeText(text, x, y) {
    this.text(text, x, y, Infinity, { fill: "none", ...this.strokePaint(), "stroke-linejoin": "round" });
  }

  text(text, x, y, room, paint) {
    const [, weight = "400", size, family] = this.font.match(/^(?:(\w+) )?([\d.]+)px (.+)$/u),
      { width, fontBoundingBoxAscent: above, fontBoundingBoxDescent: below } = this.measureText(text),
      squeezed = Math.min(1, room / width),
      isTurned = this.matrix.b !== 0,
      [left, top] = isTurned ? [x, y] : this.at(x, y);
    const middle = this.textBaseline === "middle" ? (above - below) / 2 : 0; // of the baseline
    const anchor = { center: "middle", right: "end", end: "end" }[this.textAlign];
    this.reach(...this.at(x + (anchor ? 0 : width * squeezed), y + below));
    this.parts.push(
      xml("text", {
        ...{ x: digits(left), y: digits(top + middle), "font-size": digits(size * squeezed) },
        "font-family": family,
        ...(weight === "400" || weight === "normal" ? {} : { "font-weight": weight }),
        ...(anchor ? { "text-anchor": anchor } : {}),
        ...(isTurned ? { transform: `matrix(${["a", "b", "c", "d", "e", "f"].map((i) => digits(this.matrix[i])).join(" ")})` } : {}),
        ...paint,
      }, text),
    );
  }

  strokePaint() {
    return {
      ...this.paint("stroke", this.strokeStyle),
      "stroke-width": digits(this.lineWidth),
      ...(this.dashes.length ? { "stroke-dasharray": this.dashes.join(" ") } : {}),
    };
  }

  // A colour as an attribute that every program understands, its opacity as another.
  paint(name, colour) {
    if (!this.colours.has(colour)) {
      this.probe.clearRect(0, 0, 1, 1);
      this.probe.fillStyle = colour;
      this.probe.fillRect(0, 0, 1, 1);
      this.colours.set(colour, this.probe.getImageData(0, 0, 1, 1).data);
    }
    const [red, green, blue, alpha] = this.colours.get(colour),
      opacity = (alpha / 255) * this.globalAlpha;
    const hex = [red, green, blue].map((part) => part.toString(16).padStart(2, "0")).join("");
    return { [name]: `#${hex}`, ...(opacity < 1 ? { [`${name}-opacity`]: digits(opacity) } : {}) };
  }

  emit(tag, attributes) {
    if (tag === "rect") this.reach(Number(attributes.x) + Number(attributes.width), Number(attributes.y) + Number(attributes.height));
    this.parts.push(xml(tag, attributes));
  }

  at(x, y) {
    const { a, d, e, f } = this.matrix,
      point = [a * x + e, d * y + f];
    this.reach(...point);
    return point;
  }

  // How far what is drawn reaches.
  reach(x, y) {
    this.right = Math.max(this.right, x);
    this.bottom = Math.max(this.bottom, y);
  }

  // The file, of a size in CSS pixels.
  file(width, height, title) {
    const size = { width, height, viewBox: `0 0 ${width} ${height}` },
      body = xml("title", {}, title) + this.parts.join("\n");
    return `<?xml version="1.0" encoding="UTF-8"?>\n<svg xmlns="${SVG_NAMESPACE}"${attributesOf(size)}>\n${body}\n</${"svg"}>\n`;
  }
}

const digits = (value) => String(Number(Number(value).toFixed(2)));

const attributesOf = (attributes) =>
  Object.entries(attributes)
    .map(([name, value]) => ` ${name}="${escaped(value)}"`)
    .join("");

function xml(tag, attributes, text = null) {
  const opened = `<${tag}${attributesOf(attributes)}`;
  return text === null ? `${opened}/>` : `${opened}>${escaped(text)}</${tag}>`;
}

// Without the characters that XML cannot hold.
function escaped(text) {
  const marks = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" };
  return String(text)
    .toWellFormed()
    .replace(/[^\t\n\r\x20-\ufffd\u{10000}-\u{10ffff}]/gu, "\ufffd")
    .replace(/[&<>"]/gu, (mark) => marks[mark]);
}
