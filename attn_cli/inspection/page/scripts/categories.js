// Colours of labels: hues evenly around the circle, neighbours of unequal lightness, and a list of
// buttons by which some of them are picked out.

const LIGHTNESS = { light: [0.56, 0.68], dark: [0.78, 0.64] };

// The colour of one of `count` labels on the page's own ground.
function categoryColour(index, count) {
  const hue = (25 + (360 * index) / count) % 360;
  return `oklch(${LIGHTNESS[theme][index % 2]} 0.15 ${hue.toFixed(1)})`;
}

// Fills a box with a button for each label, and calls `changed` with the set of those pressed.
function categoryList(box, names, counts, changed) {
  const pressed = new Set();
  const swatches = names.map(() => element("i"));
  names.forEach((name, index) => {
    const button = element(
      "button",
      { type: "button", "aria-pressed": "false" },
      swatches[index],
      element("span", { className: "name" }, name),
      element("span", { className: "count" }, counts[index].toLocaleString("en")),
    );
    button.addEventListener("click", () => {
      if (!pressed.delete(index)) pressed.add(index);
      button.setAttribute("aria-pressed", String(pressed.has(index)));
      changed(pressed);
    });
    box.append(button);
  });
  const colour = () =>
    swatches.forEach((swatch, index) => {
      swatch.style.backgroundColor = categoryColour(index, names.length);
    });
  colour();
  return { colour };
}
