// What each part of the lesson shows of a text, by its kind, as lesson/rendering.py does it.

function lessonParts(part, text) {
  const value = (expression) => (expression === null ? null : text.value(expression)),
    { queries, keys } = text;
  const pairTable = ({ what, numbers, decimals, axes }) => {
    const rows = value(numbers);
    const cells = roundedRows(queries.positions.map((t) => keys.positions.map((j) => rows[t][j])), decimals);
    const caption = `${what}, (${axes}) = (${queries.length}, ${keys.length})${queries.cut || keys.cut}`;
    return tableOfRows(caption, keys.headings, queries.names, cells);
  };
  return {
    text: () => [{ kind: "text", text: text.said(part) }],
    Formula: () => [lessonFormula(...part.lines.map((line) => text.said(line)))],
    Table: () => [
      tableOfRows(
        text.said(part.caption),
        part.columns.map((heading) => text.said(heading)),
        part.rows.map(([name]) => text.said(name)),
        part.rows.map(([, cells]) => cells.map((cell) => text.said(cell))),
      ),
    ],
    VectorTable: () => {
      const rows = value(part.vectors),
        caption = `${part.what}, (${part.axes}) = (${keys.length}, ${rows[0].length})${keys.cut}`;
      return [lessonMatrix(caption, keys.names, keys.positions.map((t) => rows[t]))];
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
    NgramTable: () => [ngramTable(part, text)],
    HeadsTable: () => [headsTable(text)],
    DotProduct: () => {
      const [left, right] = [part.left, part.right].map(([heading, one]) => [heading, value(one)]);
      return workedDotProduct(text.said(part.caption), left, right, value(part.bias));
    },
    WorkedNorm: () =>
      workedNorm(text.said(part.caption), value(part.vector), value(part.gain), value(part.bias), part),
    WorkedSoftmax: () => {
      const ofKeys = part.shown === "keys";
      const places = ofKeys ? keys.positions : text.candidates;
      const names = ofKeys ? keys.names : places.map((id) => text.symbol(id));
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
  const { queries, answers, ids } = text,
    ofAnswers = !Object.values(columns).includes("id"),
    shown = queries.positions.flatMap((t, row) => (!ofAnswers || answers.has(t) ? [{ t, name: queries.names[row] }] : []));
  const probability = (p) => (p >= 0.01 ? fixed(p, LESSON_FACTOR) : fourDigits(p));
  const each = (make) => () => shown.map(({ t }) => make(t));
  const made = {
    id: each((t) => `${ids[t]}`),
    read: each((t) => text.symbol(ids[t])),
    answer: each((t) => text.symbol(answers.get(t).id)),
    probability: each((t) => probability(Math.exp(-answers.get(t).loss))),
    loss: () => roundedTogether(shown.map(({ t }) => answers.get(t).loss), LESSON_SUM),
  };
  const shownColumns = Object.entries(columns).map(([heading, which]) => [heading, made[which]()]);
  return lessonTable(text.said(caption), shown.map(({ name }) => name), shownColumns);
}

function ngramTable({ caption, lengths }, text) {
  const { names, positions } = text.queries;
  const columns = lengths.map((n, which) => [
    `the last ${n}`,
    positions.map((t) => `${text.ngram(n, t)} ${text.ngramRow(which, t)}`),
  ]);
  return lessonTable(text.said(caption), names, columns);
}

function headsTable(text) {
  const { n_head: H } = text.model,
    { keys } = text,
    heads = Array.from({ length: Math.min(H, LESSON_SHOWN) }, (_, head) => head);
  const rows = heads.map((head) => {
    const row = text.tensors.head("softmax weights", head)[text.followed];
    return keys.positions.map((t) => row[t]);
  });
  const first = H > LESSON_SHOWN ? `; the first ${LESSON_SHOWN} heads` : "",
    caption = `weights of each head, (H, T) = (${H}, ${keys.length})${first}${keys.cut}`,
    names = heads.map((head) => `head ${head + 1}`);
  return tableOfRows(caption, keys.headings, names, roundedRows(rows));
}

function weightedSum(text) {
  const { keys } = text,
    weights = Array.from(text.weights[text.followed]),
    values = text.tensors.head("value heads", text.head).map((row) => row[0]),
    products = weights.map((weight, t) => weight * values[t]),
    of = (all) => keys.positions.map((t) => all[t]);
  const decimals = factorDecimals([...of(weights), ...of(values)]),
    rest = total(keys.omitted.map((t) => products[t]));
  return [
    lessonTable("weight times value", withOthers(keys.names, keys.length), [
      ["weight", [...roundedTogether(of(weights), decimals), OMITTED]],
      ["value", [...roundedTogether(of(values), decimals), OMITTED]],
      ["product", roundedTogether([...of(products), rest], LESSON_PRODUCT)],
    ]),
    sumFormula(total(products)),
  ];
}
