// Arithmetic with every number written out, as worked_arithmetic.py and worked_norm.py do it.

function lessonTable(caption, names, columns) {
  const rows = names.map((_, row) => columns.map(([, cells]) => cells[row]));
  return tableOfRows(caption, columns.map(([heading]) => heading), names, rows);
}

function tableOfRows(caption, columns, names, rows) {
  return { kind: "table", caption, columns, rows: rows.map((cells, row) => [names[row], cells]) };
}

const lessonFormula = (...lines) => ({ kind: "formula", lines });

// The channels that a table shows; null stands for those between.
function shownChannels(count) {
  const first = (size) => Array.from({ length: size }, (_, i) => i);
  return count <= LESSON_SHOWN ? first(count) : [...first(LESSON_SHOWN - 2), null, count - 1];
}

function channelNames(count) {
  const chosen = shownChannels(count);
  return chosen.map((i) => (i === null ? `${count - chosen.length + 1} between` : `${i}`));
}

const channelColumn = (cells, between = OMITTED) =>
  shownChannels(cells.length).map((i) => (i === null ? between : cells[i]));

const total = (values) => values.reduce((sum, value) => sum + value, 0);

function summedColumn(values, decimals) {
  const kept = new Set(shownChannels(values.length));
  const middle = total(values.filter((_, i) => !kept.has(i)));
  const cells = roundedTogether([...values, middle], decimals);
  return channelColumn(cells.slice(0, -1), cells.at(-1));
}

// Rows of numbers under their channel numbers, the middle channels left out.
function lessonMatrix(caption, names, rows) {
  const chosen = shownChannels(rows[0].length),
    shown = chosen.filter((i) => i !== null);
  const cells = roundedRows(rows.map((row) => shown.map((i) => row[i])));
  const columns = chosen.map((i) => [
    i === null ? OMITTED : `${i}`,
    rows.map((_, row) => (i === null ? OMITTED : cells[row][shown.indexOf(i)])),
  ]);
  return lessonTable(caption, names, columns);
}

function workedDotProduct(caption, [left, one], [right, other], bias) {
  const x = Array.from(one),
    y = Array.from(other),
    products = x.map((value, i) => value * y[i]);
  const decimals = factorDecimals([...x, ...y]);
  return [
    lessonTable(caption, channelNames(x.length), [
      [left, channelColumn(roundedTogether(x, decimals))],
      [right, channelColumn(roundedTogether(y, decimals))],
      ["product", summedColumn(products, LESSON_PRODUCT)],
    ]),
    sumFormula(total(products), bias),
  ];
}

function sumFormula(sum, bias = null) {
  const lines = [`the products add up to ${roundedAlone(sum, LESSON_SUM)}`];
  if (bias !== null) {
    const [one, other] = roundedTogether([sum, bias], LESSON_PRODUCT);
    lines.push(`with the bias, ${one} + ${inParentheses(other)} = ${roundedAlone(sum + bias, LESSON_SUM)}`);
  }
  return lessonFormula(...lines);
}

const withOthers = (names, count) =>
  count > names.length ? [...names, `the ${count - names.length} others`] : names;

function workedSoftmax(caption, heading, row, places, shownNames) {
  const scores = Array.from(row),
    greatest = Math.max(...scores);
  const less = scores.map((score) => score - greatest),
    raised = less.map(Math.exp),
    whole = total(raised);
  const of = (values) => places.map((place) => values[place]);
  const rest = Math.max(whole - total(of(raised)), 0);
  return [
    lessonTable(caption, withOthers(shownNames, scores.length), [
      [heading, [...roundedTogether(of(scores), LESSON_FACTOR), OMITTED]],
      ["less the greatest", [...roundedTogether(of(less), LESSON_FACTOR), OMITTED]],
      ["exp of that", roundedTogether([...of(raised), rest], LESSON_PRODUCT)],
      [
        "divided by the sum",
        roundedTogether([...of(raised), rest].map((value) => value / whole), LESSON_SUM),
      ],
    ]),
    lessonFormula(`the exponentials add up to ${roundedAlone(whole, LESSON_SUM)}`),
  ];
}

function workedNorm(caption, vector, gains, biases, { eps, centres }) {
  const x = Array.from(vector),
    gain = Array.from(gains),
    bias = biases && Array.from(biases);
  const mean = centres ? total(x) / x.length : 0,
    centred = x.map((value) => value - mean),
    squares = centred.map((value) => value ** 2),
    meanSquare = total(squares) / x.length,
    size = Math.sqrt(meanSquare + eps),
    unit = centred.map((value) => value / size),
    result = unit.map((value, i) => value * gain[i] + (bias ? bias[i] : 0));
  const more = Math.max(0, Math.ceil(-Math.log10(size) - 0.5)),
    fine = LESSON_FACTOR + more - (x.length < LESSON_SHOWN),
    sized = centres ? "sd" : "rms",
    exact = factorDecimals([...x, ...centred]) + more,
    squared = LESSON_PRODUCT + 2 * more;
  const plain = (values, decimals) => channelColumn(roundedTogether(values, decimals));
  const columns = [
    ["x", centres ? summedColumn(x, exact) : plain(x, exact)],
    ...(centres ? [["x - mean", plain(centred, exact)]] : []),
    ["squared", summedColumn(squares, squared)],
    [`over ${sized}`, plain(unit, LESSON_PRODUCT)],
    ["gain", plain(gain, LESSON_PRODUCT)],
    ...(bias ? [["bias", plain(bias, LESSON_PRODUCT)]] : []),
    ["result", plain(result, LESSON_SUM)],
  ];
  const average = roundedAlone(meanSquare, fine + more);
  const lines = [
    `${centres ? "variance" : "mean square"} = ${roundedAlone(total(squares), squared)} / ${x.length} = ${average}`,
    `${sized} = √(${average} + ${fixed(eps, centres ? 5 : 6)}) = ${roundedAlone(size, fine)}`,
  ];
  if (centres) {
    const [added, middle] = roundedTogether([total(x), mean], exact);
    lines.unshift(`mean = ${added} / ${x.length} = ${middle}`);
  }
  return [lessonTable(caption, channelNames(x.length), columns), lessonFormula(...lines)];
}
