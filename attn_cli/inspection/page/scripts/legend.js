// The legend of a scale of shades.

// The palette with its numbers beneath it.
function drawLegend(container, scale) {
  const { fraction, ticks, title, hue } = SCALES[scale];
  const stops = Array.from({ length: 17 }, (_, i) => shadesOf(hue)[shadeOf(i / 16)].ground);
  const ramp = element("div", { className: "ramp" });
  ramp.style.backgroundImage = `linear-gradient(to right, ${stops.join(", ")})`;
  ramp.picture = { width: SHADES, height: 1, paint: (context) => paintRamp(context, hue) };
  const marks = ticks.map((tick, i) => {
    const last = scale === "surprisal" && i === ticks.length - 1;
    const mark = element("span", {}, last ? `${tick}+` : String(tick));
    mark.style.left = `${100 * fraction(tick)}%`;
    return mark;
  });
  container.replaceChildren(
    element("div", { className: "legend-title" }, title),
    ramp,
    element("div", { className: "ticks", "aria-hidden": "true" }, ...marks),
  );
}

function paintRamp(context, hue) {
  shadesOf(hue).forEach(({ ground }, shade) => {
    if (shade % 4) return;
    context.fillStyle = ground;
    context.fillRect(shade, 0, SHADES - shade, 1); // so that no ground shines through
  });
}
