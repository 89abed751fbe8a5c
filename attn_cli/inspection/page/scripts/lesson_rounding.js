// How the lesson rounds its numbers: as lesson/rounding.py and worked_arithmetic.py do.

const LESSON_TABLE = 3,
  LESSON_FACTOR = 5,
  LESSON_PRODUCT = 4,
  LESSON_SUM = 3, // decimals
  LESSON_NOISE = 1e-6;
const OMITTED = "…";

// With so many decimals; a number in the middle of two goes to the even one, as in Python.
function fixed(value, decimals) {
  let text = Math.abs(value).toFixed(decimals);
  const exact = Math.abs(value).toFixed(Math.min(100, decimals + 60));
  const dot = exact.indexOf("."),
    rest = exact.slice(dot + 1 + decimals);
  if (/^50*$/.test(rest)) {
    const down = decimals ? exact.slice(0, dot + 1 + decimals) : exact.slice(0, dot);
    if (Number(down.at(-1)) % 2 === 0) text = down;
  }
  return value < 0 && Number(text) !== 0 ? `-${text}` : text;
}

// Whether it differs from a whole number by no more than 32 bits leave open.
const isWhole = (value) => Math.abs(value - Math.round(value)) <= LESSON_NOISE * Math.max(1, Math.abs(value));

// Numbers that belong together, all with `most` decimals; with none if all are whole.
function roundedTogether(values, most = LESSON_TABLE) {
  const whole = values.every((value) => !Number.isFinite(value) || isWhole(value));
  return values.map((value) => {
    if (!Number.isFinite(value)) return value > 0 ? "∞" : "-∞";
    return fixed(value, whole ? 0 : most);
  });
}

const roundedAlone = (value, decimals) => roundedTogether([value], decimals)[0];

function roundedRows(rows, most = LESSON_TABLE) {
  const cells = roundedTogether(rows.flatMap((row) => Array.from(row)), most);
  return rows.map((row, index) => cells.slice(index * row.length, (index + 1) * row.length));
}

// The decimals that factors need: beside large ones, all need more.
function factorDecimals(values) {
  const largest = values.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  return LESSON_FACTOR + String(Math.trunc(largest)).length - 1;
}

const roundedFactors = (values) => roundedTogether(values, factorDecimals(values));

const inParentheses = (text) => (text.startsWith("-") ? `(${text})` : text);

// A small probability with four digits that count, as Python's "4g".
function fourDigits(value) {
  const exponent = value === 0 ? 0 : Number(value.toExponential(3).split("e")[1]);
  if (exponent >= -4) return String(Number(value.toPrecision(4)));
  const [digits] = value.toExponential(3).split("e");
  return `${Number(digits)}e-${String(-exponent).padStart(2, "0")}`;
}
