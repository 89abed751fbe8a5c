// Two sequential palettes: blue for parts of a whole, such as weights and probabilities, green for
// what is measured in bits. Each is a single hue whose lightness changes in one direction only, so
// that it reads the same for colour-blind eyes and in grey.

const STOPS = {
  blue: {
    light: ["#f1f4f7", "#c9d9ea", "#92b4d8", "#5788bf", "#2a5c98", "#0d2f63"],
    dark: ["#1f252c", "#24405f", "#2c6094", "#4c88c4", "#8fbbe8", "#e2f0ff"],
  },
  green: {
    light: ["#f1f5ef", "#cfe0c8", "#9dc295", "#629860", "#33693c", "#103a1d"],
    dark: ["#1f2721", "#26472d", "#34683c", "#569658", "#9cc898", "#e5f6e1"],
  },
};
const SHADES = 256;

const palettes = mapValues(STOPS, (themes) => mapValues(themes, shadesBetween));
// The same as CSS, and with what text on each shade is easiest to read in: black or white.
const styles = mapValues(palettes, (themes) =>
  mapValues(themes, (colours) =>
    colours.map((colour) => ({
      ground: css(colour),
      ink: luminance(colour) > 0.18 ? "#000" : "#fff",
    })),
  ),
);

function mapValues(object, change) {
  return Object.fromEntries(Object.entries(object).map(([key, value]) => [key, change(value)]));
}

// Stops -> 256 colours as [red, green, blue].
function shadesBetween(stops) {
  const points = stops.map((hex) => [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16)));
  return Array.from({ length: SHADES }, (_, shade) => {
    const at = (shade / (SHADES - 1)) * (points.length - 1);
    const from = Math.min(Math.floor(at), points.length - 2),
      part = at - from;
    return points[from].map((low, i) => Math.round(low + part * (points[from + 1][i] - low)));
  });
}

const prefersDark = window.matchMedia("(prefers-color-scheme: dark)");
// The system's theme until the reader chooses one. Asking for it is too slow to do it per cell.
let theme = prefersDark.matches ? "dark" : "light";

// The shades of a hue in the theme that is shown, as CSS.
function shadesOf(hue = "blue") {
  return styles[hue][theme];
}

// A value from 0 to 1 -> which of the shades.
function shadeOf(value) {
  return Math.round(Math.min(1, Math.max(0, value || 0)) * (SHADES - 1));
}

function css([red, green, blue]) {
  return `rgb(${red} ${green} ${blue})`;
}

// Paints an element's background, and its text.
function paint(target, value, hue) {
  const { ground, ink } = shadesOf(hue)[shadeOf(value)];
  target.style.backgroundColor = ground;
  target.style.color = ink;
}

// Relative luminance (WCAG 2.2); black and white are equally far from 0.18.
function luminance(colour) {
  const [red, green, blue] = colour.map((part) => {
    const level = part / 255;
    return level <= 0.04045 ? level / 12.92 : ((level + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

// How values become fractions of the palette. Most weights are small: their square root makes
// them visible.
const SCALES = {
  weight: { fraction: Math.sqrt, ticks: [0, 0.05, 0.25, 0.5, 1], title: "attention weight" },
  surprisal: { fraction: (value) => value / 8, ticks: [0, 2, 4, 6, 8], title: "surprisal in bits", hue: "green" },
  probability: { fraction: (value) => value, ticks: [0, 0.25, 0.5, 0.75, 1], title: "probability" },
};
