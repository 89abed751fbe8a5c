// One sequential palette for every shade on the page: a single hue whose lightness changes
// in one direction only, so that it reads the same for colour-blind eyes and in grey.

const STOPS = {
  light: ["#f1f4f7", "#c9d9ea", "#92b4d8", "#5788bf", "#2a5c98", "#0d2f63"],
  dark: ["#1f252c", "#24405f", "#2c6094", "#4c88c4", "#8fbbe8", "#e2f0ff"],
};
const SHADES = 256;

const palettes = Object.fromEntries(
  Object.entries(STOPS).map(([theme, stops]) => [theme, shadesBetween(stops)]),
);
// The same as CSS, and with what text on each shade is easiest to read in: black or white.
const styles = Object.fromEntries(
  Object.entries(palettes).map(([theme, colours]) => [
    theme,
    colours.map((colour) => ({
      ground: css(colour),
      ink: luminance(colour) > 0.18 ? "#000" : "#fff",
    })),
  ]),
);

// Stops -> 256 colours as [red, green, blue].
function shadesBetween(stops) {
  const points = stops.map((hex) => [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16)));
  return Array.from({ length: SHADES }, (_, shade) => {
    const place = (shade / (SHADES - 1)) * (points.length - 1);
    const from = Math.min(Math.floor(place), points.length - 2),
      share = place - from;
    return points[from].map((low, i) => Math.round(low + share * (points[from + 1][i] - low)));
  });
}

const prefersDark = window.matchMedia("(prefers-color-scheme: dark)");
// The system's wish until the reader has another. Asking costs too much to do it a cell.
let theme = prefersDark.matches ? "dark" : "light";

// A value from 0 to 1 -> which of the shades.
function shadeOf(value) {
  return Math.round(Math.min(1, Math.max(0, value || 0)) * (SHADES - 1));
}

function css([red, green, blue]) {
  return `rgb(${red} ${green} ${blue})`;
}

// Paints an element's background, and its text.
function paint(target, value) {
  const { ground, ink } = styles[theme][shadeOf(value)];
  target.style.backgroundColor = ground;
  target.style.color = ink;
}

// A head's triangle of weights as a picture of T by T pixels. `weightAt(t, j)` is a share.
function drawPixels(canvas, T, weightAt) {
  canvas.width = canvas.height = T;
  canvas.classList.toggle("coarse", T <= 64);
  const context = canvas.getContext("2d"),
    image = context.createImageData(T, T);
  for (let t = 0; t < T; t++) {
    for (let j = 0; j <= t; j++) {
      const [red, green, blue] = palettes[theme][shadeOf(SCALES.weight.place(weightAt(t, j)))];
      const start = 4 * (t * T + j);
      image.data[start] = red;
      image.data[start + 1] = green;
      image.data[start + 2] = blue;
      image.data[start + 3] = 255;
    }
  }
  context.putImageData(image, 0, 0);
}

// Relative luminance (WCAG 2.2); black and white are equally far from 0.18.
function luminance(colour) {
  const [red, green, blue] = colour.map((part) => {
    const share = part / 255;
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

// How values become places on the palette. Small weights are the common ones: their square
// root makes them visible.
const SCALES = {
  weight: { place: Math.sqrt, ticks: [0, 0.05, 0.25, 0.5, 1], title: "attention weight" },
  surprise: { place: (value) => value / 8, ticks: [0, 2, 4, 6, 8], title: "surprise in bits" },
  chance: { place: (value) => value, ticks: [0, 0.25, 0.5, 0.75, 1], title: "probability" },
};

// The palette with its numbers beneath it.
function drawLegend(container, scale) {
  const { place, ticks, title } = SCALES[scale];
  const stops = Array.from({ length: 17 }, (_, i) => styles[theme][shadeOf(i / 16)].ground);
  const ramp = element("div", { className: "ramp" });
  ramp.style.backgroundImage = `linear-gradient(to right, ${stops.join(", ")})`;
  const marks = ticks.map((tick, i) => {
    const last = scale === "surprise" && i === ticks.length - 1;
    const mark = element("span", {}, last ? `${tick}+` : String(tick));
    mark.style.left = `${100 * place(tick)}%`;
    return mark;
  });
  container.replaceChildren(
    element("div", { className: "legend-title" }, title),
    ramp,
    element("div", { className: "ticks", "aria-hidden": "true" }, ...marks),
  );
}
