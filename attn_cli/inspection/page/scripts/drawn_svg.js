// Draws the SVG of a page, whose colours stand in style sheets, on a context: the lines, circles,
// texts and paths of straight lines that curves consist of.

function paintSvg(context, svg, box) {
  const { width } = svg.viewBox.baseVal;
  context.save();
  context.translate(box.left, box.top);
  context.scale(box.width / width, box.width / width);
  for (const shape of svg.querySelectorAll("line, path, circle, text")) paintShape(context, shape);
  context.restore();
}

function paintShape(context, shape) {
  const style = getComputedStyle(shape),
    at = (name) => Number(shape.getAttribute(name));
  const hasFill = style.fill !== "none" && shape.tagName !== "line",
    hasStroke = style.stroke !== "none";
  Object.assign(context, { fillStyle: style.fill, strokeStyle: style.stroke });
  context.lineWidth = parseFloat(style.strokeWidth);
  context.setLineDash(style.strokeDasharray === "none" ? [] : style.strokeDasharray.split(/[ ,]+/u).map(parseFloat));
  if (shape.tagName === "text") {
    context.font = `${style.fontWeight} ${style.fontSize} ${style.fontFamily}`;
    context.textBaseline = "alphabetic";
    context.textAlign = { middle: "center", end: "right" }[style.textAnchor] ?? "left";
    if (hasStroke) context.strokeText(shape.textContent, at("x"), at("y"));
    context.fillText(shape.textContent, at("x"), at("y"));
    return;
  }
  context.beginPath();
  if (shape.tagName === "circle") context.arc(at("cx"), at("cy"), at("r"), 0, 2 * Math.PI);
  else if (shape.tagName === "line") {
    context.moveTo(at("x1"), at("y1"));
    context.lineTo(at("x2"), at("y2"));
  } else tracePath(context, shape.getAttribute("d"));
  context.globalAlpha = parseFloat(style.fillOpacity);
  if (hasFill) context.fill();
  context.globalAlpha = parseFloat(style.strokeOpacity);
  if (hasStroke) context.stroke();
  context.globalAlpha = 1;
}

function tracePath(context, description) {
  const commands = description.matchAll(/([MLZ])(?:(-?[\d.]+)[ ,]+(-?[\d.]+))?/gu);
  for (const [, command, x, y] of commands) {
    if (command === "Z") context.closePath();
    else context[command === "M" ? "moveTo" : "lineTo"](Number(x), Number(y));
  }
}
