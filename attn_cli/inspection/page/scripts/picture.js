// A picture of parts of the page: a function that draws them on a context, one below the other.
//
// What has its own way to be drawn says so by `picture`: { width, height, paint }, where
// `paint(context)` draws it in a box of that size. Of all others the grounds, the borders, the rings
// and the texts are drawn where they stand.

const PICTURE_MARGIN = 20,
  PICTURE_GAP = 14;

// Gives a canvas its size and draws on it, now and whenever a picture of it is made.
function drawOn(canvas, width, height, paint) {
  canvas.picture = { width, height, paint };
  paint(sizeCanvas(canvas, width, height));
}

// Draws a title, a line beneath it, and the parts; returns nothing, since the context knows how far
// it reaches.
function paintPicture(context, { title, note, parts }) {
  const family = getComputedStyle(document.body).fontFamily;
  let top = PICTURE_MARGIN;
  const line = (text, font, colour, height) => {
    Object.assign(context, { font: `${font} ${family}`, fillStyle: colourOf(colour) });
    Object.assign(context, { textAlign: "start", textBaseline: "alphabetic" });
    context.fillText(text, PICTURE_MARGIN, top + height - 6);
    top += height;
  };
  line(title, "600 16px", "--ink", 22);
  for (const text of note) line(text, "400 12px", "--quiet", 18);
  for (const part of parts.filter((part) => part.getClientRects().length)) {
    const box = part.getBoundingClientRect();
    context.save();
    context.translate(PICTURE_MARGIN - box.left, top + PICTURE_GAP - box.top);
    const bottom = paintPart(context, part);
    context.restore();
    top += PICTURE_GAP + bottom - box.top;
  }
}

// Draws an element where it stands in the window, with all that can be scrolled to; returns how far
// down it reaches.
function paintPart(context, part) {
  const scrolled = [part, ...part.querySelectorAll("*")]
    .filter((one) => one.scrollLeft || one.scrollTop)
    .map((one) => [one, one.scrollLeft, one.scrollTop]);
  for (const [one] of scrolled) one.scrollTo({ left: 0, top: 0, behavior: "instant" });
  const later = []; // what lies above its neighbours
  const bottom = paintNode(context, part, later);
  for (const draw of later) draw();
  for (const [one, left, top] of scrolled) one.scrollTo({ left, top, behavior: "instant" });
  return bottom;
}

function paintNode(context, node, later) {
  if (node.nodeType === Node.TEXT_NODE) return paintText(context, node);
  if (node.nodeType !== Node.ELEMENT_NODE) return -Infinity;
  const style = getComputedStyle(node),
    box = node.getBoundingClientRect();
  if (style.display === "none" || style.visibility === "hidden" || node.matches(".save-picture, .switch, a"))
    return -Infinity;
  if (node.picture) {
    paintOwn(context, node.picture, box);
    return box.bottom;
  }
  if (node instanceof SVGSVGElement) {
    paintSvg(context, node, box);
    return box.bottom;
  }
  paintGround(context, style, box);
  if (style.boxShadow !== "none") later.push(() => paintRings(context, style, box));
  const bottoms = Array.from(node.childNodes, (child) => {
    const isAbove = child.nodeType === Node.ELEMENT_NODE && getComputedStyle(child).zIndex > 0;
    if (!isAbove) return paintNode(context, child, later);
    later.push(() => paintNode(context, child, later));
    return child.getBoundingClientRect().bottom;
  });
  return Math.max(box.bottom, ...bottoms);
}

function paintOwn(context, { width, height, paint }, box) {
  context.save();
  context.translate(box.left, box.top);
  context.scale(box.width / width, box.height / height);
  paint(context);
  context.restore();
}

// The ground and the border; a border is drawn where all its sides are alike, else each as a line.
function paintGround(context, style, { left, top, width, height }) {
  const isRound = parseFloat(style.borderRadius) >= 50 && style.borderRadius.endsWith("%");
  if (isRound) {
    context.beginPath();
    context.ellipse(left + width / 2, top + height / 2, width / 2, height / 2, 0, 0, 2 * Math.PI);
  }
  if (isOpaque(style.backgroundColor) && width && height) {
    context.fillStyle = style.backgroundColor;
    if (isRound) context.fill();
    else context.fillRect(left, top, width, height);
  }
  const sides = { Top: [0, 0, 1, 0], Right: [1, 0, 1, 1], Bottom: [0, 1, 1, 1], Left: [0, 0, 0, 1] };
  for (const [side, [x1, y1, x2, y2]] of Object.entries(sides)) {
    const thick = parseFloat(style[`border${side}Width`]);
    if (!thick || !isOpaque(style[`border${side}Color`])) continue;
    context.strokeStyle = style[`border${side}Color`];
    context.lineWidth = thick;
    context.setLineDash([]);
    if (!isRound) {
      const inside = (part, size) => (part ? size - thick / 2 : thick / 2);
      context.beginPath();
      context.moveTo(left + (x1 === x2 ? inside(x1, width) : x1 * width), top + (y1 === y2 ? inside(y1, height) : y1 * height));
      context.lineTo(left + (x1 === x2 ? inside(x2, width) : x2 * width), top + (y1 === y2 ? inside(y2, height) : y2 * height));
    }
    context.stroke();
    if (isRound) return;
  }
}

// The rings around what is chosen: shadows of CSS without an offset and without blur.
function paintRings(context, style, { left, top, width, height }) {
  const shadows = style.boxShadow.matchAll(/([a-z]+\([^)]*\)) 0px 0px 0px ([\d.]+)px( inset)?/gu);
  let before = 0;
  for (const [, colour, spread, inset] of shadows) {
    const out = inset ? -Number(spread) / 2 : (before + Number(spread)) / 2;
    context.strokeStyle = colour;
    context.lineWidth = inset ? Number(spread) : Number(spread) - before;
    context.setLineDash([]);
    context.strokeRect(left - out, top - out, width + 2 * out, height + 2 * out);
    if (!inset) before = Number(spread);
  }
}

const isOpaque = (colour) => !/^rgba\(.*, 0\)$|^transparent$/u.test(colour);

// A text node, line by line; returns how far down it reaches.
function paintText(context, node) {
  if (!node.data.trim()) return -Infinity;
  const style = getComputedStyle(node.parentElement);
  let bottom = -Infinity;
  context.font = `${style.fontWeight} ${style.fontSize} ${style.fontFamily}`;
  context.fillStyle = style.color;
  context.textBaseline = "alphabetic";
  for (const { text, box } of linesOf(node)) {
    const { fontBoundingBoxAscent: above, fontBoundingBoxDescent: below } = context.measureText(text);
    const align = { center: "center", right: "right", end: "right" }[style.textAlign] ?? "left";
    context.textAlign = align;
    const x = { center: (box.left + box.right) / 2, right: box.right, left: box.left }[align];
    context.fillText(text, x, (box.top + box.bottom + above - below) / 2);
    bottom = Math.max(bottom, box.bottom);
  }
  return bottom;
}

// The lines into which a text node is broken, with the box of each.
function linesOf(node) {
  const range = document.createRange(),
    lines = [];
  range.selectNodeContents(node);
  if (range.getClientRects().length === 1) {
    return [{ text: node.data.trim(), box: range.getBoundingClientRect() }];
  }
  for (let start = 0, end; start < node.data.length; start = end) {
    end = start + String.fromCodePoint(node.data.codePointAt(start)).length;
    range.setStart(node, start);
    range.setEnd(node, end);
    const box = range.getBoundingClientRect(),
      line = lines.at(-1);
    if (!box.width) continue;
    if (line && Math.abs(line.box.top - box.top) < 2) {
      line.text += node.data.slice(start, end);
      line.box = { ...line.box, right: box.right };
    } else lines.push({ text: node.data.slice(start, end), box: { top: box.top, bottom: box.bottom, left: box.left, right: box.right } });
  }
  return lines;
}
