// What each part of the lesson shows of a text, by its kind, as lesson/rendering.py does it.

function lessonParts(part, text) {
  const value = (expression) => (expression === null ? null : text.value(expression)),
    { shown } = text;
  const pairTable = ({ what, numbers, decimals }) => {
    const rows = value(numbers);
    const cells = roundedRows(shown.map((t) => shown.map((j) => rows[t][j])), decimals);
    return {
      kind: "table",
      caption: `${what}, (T, T) = (${text.T}, ${text.T})${text.cut}`,
      columns: text.columnNames,
      rows: cells.map((row, index) => [text.rowNames[index], row]),
    };
  };
  return {
    text: () => [{ kind: "text", text: text.said(part) }],
    Formula: () => [lessonFormula(...part.lines.map((line) => text.said(line)))],
    Table: () => [
      {
        kind: "table",
        caption: text.said(part.caption),
        columns: part.columns.map((heading) => text.said(heading)),
        rows: part.rows.map(([name, cells]) => [text.said(name), cells.map((cell) => text.said(cell))]),
      },
    ],
    VectorTable: () => {
      const rows = value(part.vectors),
        caption = `${part.what}, (${part.axes}) = (${text.T}, ${rows[0].length})${text.cut}`;
      return [lessonMatrix(caption, text.rowNames, shown.map((t) => rows[t]))];
    },
    PairTable: () => [pairTable(part)],
    Pair: () => [{ kind: "side by side", left: pairTable(part.left), right: pairTable(part.right) }],
    PairMaps: () => [], // the page draws maps of its own
    MatrixTable: () => [
      lessonMatrix(
        text.said(part.caption),
        part.names.map((name) => text.said(name)),
        part.rows.map(value),
      ),
    ],
    PositionTable: () => [positionTable(part, text)],
    HeadsTable: () => [headsTable(text)],
    DotProduct: () => {
      const [left, right] = [part.left, part.right].map(([heading, one]) => [heading, value(one)]);
      return workedDotProduct(text.said(part.caption), left, right, value(part.bias));
    },
    WorkedNorm: () =>
      workedNorm(text.said(part.caption), value(part.vector), value(part.gain), value(part.bias), part),
    WorkedSoftmax: () => {
      const positions = part.shown === "positions";
      const places = positions ? shown : text.candidates;
      const names = positions ? text.rowNames : places.map((id) => text.symbol(id));
      return workedSoftmax(text.said(part.caption), part.heading, value(part.scores), places, names);
    },
    WeightedSum: () => weightedSum(text),
    Temperatures: () => {
      const names = text.candidates.map((id) => text.symbol(id)),
        columns = part.temperatures.map((one) => [`${one}`, text.atTemperature(one)]);
      return [
        lessonTable("probabilities at temperature", withOthers(names, text.answer.length), columns),
      ];
    },
    When: () => (value(part.condition) ? part.parts.flatMap((one) => lessonParts(one, text)) : []),
    OfThisText: () => [{ kind: "of the first text" }],
  }[part.kind ?? "text"]();
}

function positionTable({ caption, columns }, text) {
  const ofNext = Object.values(columns).includes("loss"),
    positions = text.shown.filter((t) => !ofNext || t < text.T - 1),
    { ids } = text;
  const predicted = (t) => Math.exp(-text.loss(t));
  const probability = (p) => (p >= 0.01 ? fixed(p, LESSON_FACTOR) : fourDigits(p));
  const made = {
    id: () => positions.map((t) => `${ids[t]}`),
    next: () => positions.map((t) => text.symbol(ids[t + 1])),
    probability: () => positions.map((t) => probability(predicted(t))),
    loss: () => roundedTogether(positions.map((t) => text.loss(t)), LESSON_SUM),
  };
  const shownColumns = Object.entries(columns).map(([heading, which]) => [heading, made[which]()]);
  return lessonTable(text.said(caption), text.rowNames.slice(0, positions.length), shownColumns);
}

function headsTable(text) {
  const { n_head: H } = text.model,
    heads = Array.from({ length: Math.min(H, LESSON_SHOWN) }, (_, head) => head);
  const rows = heads.map((head) => {
    const row = text.tensors.head("softmax weights", head)[text.followed];
    return text.shown.map((t) => row[t]);
  });
  return {
    kind: "table",
    caption:
      `weights of the last row, (H, T) = (${H}, ${text.T})` +
      (H > LESSON_SHOWN ? `; the first ${LESSON_SHOWN} heads` : "") +
      text.cut,
    columns: text.columnNames,
    rows: roundedRows(rows).map((cells, head) => [`head ${head + 1}`, cells]),
  };
}

function weightedSum(text) {
  const weights = Array.from(text.weights[text.followed]),
    values = text.tensors.head("value heads", text.head).map((row) => row[0]),
    products = weights.map((weight, t) => weight * values[t]),
    of = (all) => text.shown.map((t) => all[t]);
  const decimals = factorDecimals([...of(weights), ...of(values)]),
    rest = total(text.omitted.map((t) => products[t]));
  return [
    lessonTable("weight times value", withOthers(text.rowNames, text.T), [
      ["weight", [...roundedTogether(of(weights), decimals), OMITTED]],
      ["value", [...roundedTogether(of(values), decimals), OMITTED]],
      ["product", roundedTogether([...of(products), rest], LESSON_PRODUCT)],
    ]),
    sumFormula(total(products)),
  ];
}
