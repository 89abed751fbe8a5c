// One row of one head in numbers: q · k / √D, the mask, the softmax, the weighted sum of v.

const MOST_KEYS = 6; // rows of a table before one asks for all

function attentionRowView(state) {
  const { vocabulary, model } = state,
    { headSize: D, n_embd: C } = model;
  const everything = { keys: false, channels: false };

  const rotated = model.rotary ? "rotated by position" : "";
  const normed = model.block.queryKeyNorm ? "normalised" : "";
  const kind = [normed, rotated].filter(Boolean).join(" and ");
  byId("row-kind").textContent = kind
    ? ` Queries and keys are shown as they are compared: ${kind}.`
    : "";

  const strip = new CharacterStrip(byId("row-strip"), {
    choose: (t) =>
      state.choose({ query: state.masked ? Math.max(t, state.query) : state.query, key: t }),
    describe: (j) =>
      j >= state.seenBy(state.query) ? `${state.name(j)}, comes later, masked` : state.sentence(state.query, j),
  });

  function draw() {
    const { query, key } = state;
    byId("row-title").textContent =
      `One row in numbers: ${vocabulary.shown(state.ids[query])} at ${query}`;
    const shades = state.ids.map((_, j) =>
      j >= state.seenBy(query) ? null : SCALES.weight.fraction(state.weight(query, j)),
    );
    strip.draw(
      state.ids.map((id) => vocabulary.shown(id)),
      shades,
      key,
    );
    strip.items[query].classList.add("query");
    replaceIn(byId("row-steps"), scoreStep(), softmaxStep(), weightedSumStep());
  }

  // What the chosen head has of a character: its "query", "key", "value" or "output", (D,).
  function part(name, t) {
    const start = t * C + state.head * D;
    return state.pass.layers[state.layer][name].subarray(start, start + D);
  }

  const named = (symbol, t) => `${symbol} of ${vocabulary.shown(state.ids[t])} at ${t}`;

  function scoreStep() {
    const { query, key } = state,
      q = part("query", query),
      k = part("key", key);
    const products = q.map((value, i) => value * k[i]),
      score = dot(q, 0, k, 0, D);
    return step(
      1,
      "One score: q · k / √D",
      vectorTable({
        caption: `Channel by channel: multiply, then add up (D = ${D})`,
        rows: [
          { name: named("q", query), values: q },
          { name: named("k", key), values: k },
          { name: "q × k", values: products, after: number(score), className: "sum" },
        ],
        size: D,
        all: everything.channels,
        last: "sum",
      }),
      element(
        "p",
        { className: "sum-line" },
        `q · k = ${number(score)}, and ${number(score)} / √${D} = `,
        element("b", {}, number(score / Math.sqrt(D))),
      ),
      ...(D > FEW_CHANNELS
        ? [toggle("channels", `Show all ${D} channels`, `Show ${FEW_CHANNELS} channels`)]
        : []),
    );
  }

  function softmaxStep() {
    const { query, key, ids } = state,
      q = part("query", query),
      T = ids.length;
    const score = (j) => dot(q, 0, part("key", j), 0, D);
    const seenKeys = state.seenBy(query);
    const scaled = Array.from({ length: seenKeys }, (_, j) => score(j) / Math.sqrt(D));
    const largest = Math.max(...scaled);
    const sum = scaled.reduce((total, value) => total + Math.exp(value - largest), 0);
    const places = chosenPlaces(query, key);
    const line = (j) => {
      const seen = j < seenKeys,
        e = seen ? Math.exp(scaled[j] - largest) : 0;
      const bar = element("span", { className: "bar", "aria-hidden": "true" });
      bar.style.width = `${100 * (e / sum)}%`;
      return element(
        "tr",
        { className: j === key ? "chosen" : seen ? "" : "masked" },
        element("th", { scope: "row" }, `${vocabulary.shown(ids[j])} at ${j}`),
        ...[
          score(j),
          score(j) / Math.sqrt(D),
          ...(state.masked ? [seen ? scaled[j] : -Infinity] : []),
        ].map((value) => element("td", {}, number(value))),
        element("td", {}, number(e)),
        element("td", { className: "weight" }, element("span", {}, number(e / sum)), bar),
      );
    };
    const rest = seenKeys - places.length;
    const restWeight =
      1 - places.reduce((total, j) => total + Math.exp(scaled[j] - largest) / sum, 0);
    const later = T - seenKeys;
    return step(
      2,
      `All scores of the row: ${state.masked ? "mask, then softmax" : "softmax, without a mask"}`,
      element(
        "div",
        { className: "scroll", tabIndex: 0, role: "region", "aria-label": "The scores of the row" },
        element(
          "table",
          { className: "scores" },
          element(
            "thead",
            {},
            element(
              "tr",
              {},
              element("th", { scope: "col" }, "key"),
              ...["q · k", "/ √D", ...(state.masked ? ["masked"] : []), "exp", "weight"].map(
                (text) => element("th", { scope: "col" }, text),
              ),
            ),
          ),
          element(
            "tbody",
            {},
            ...places.map(line),
            ...(rest > 0
              ? [
                  element(
                    "tr",
                    { className: "rest" },
                    element("th", { scope: "row" }, `${rest} more`),
                    element("td", { colSpan: state.masked ? 4 : 3 }),
                    element("td", { className: "weight" }, number(Math.max(0, restWeight))),
                  ),
                ]
              : []),
            ...(later ? [line(query + 1)] : []),
          ),
        ),
      ),
      element(
        "p",
        { className: "quiet small" },
        `The column “exp” is e to the power of the score minus the row’s largest, ${number(largest)}; a weight is that number divided by the sum of the column, ${number(sum)}. `,
        later
          ? `The ${counted(later, vocabulary.unit)} after it would have scores too: the mask sets these to −∞, and so their weights to 0.`
          : state.masked
            ? "Nothing comes after it in this text: there is nothing to mask."
            : "Nothing is masked: what comes after it counts as what comes before.",
      ),
      ...(seenKeys > MOST_KEYS
        ? [toggle("keys", `Show all ${seenKeys} keys`, `Show the ${MOST_KEYS} largest weights`)]
        : []),
    );
  }

  function weightedSumStep() {
    const { query, key } = state;
    const places = chosenPlaces(query, key);
    const rows = places.map((j) => ({
      name: `${number(state.weight(query, j))} × v of ${vocabulary.shown(state.ids[j])} at ${j}`,
      values: part("value", j).map((value) => value * state.weight(query, j)),
      className: j === key ? "chosen" : "",
    }));
    const output = part("output", query);
    const rest = state.seenBy(query) - places.length;
    if (rest > 0) {
      const others = output.map(
        (value, i) => value - rows.reduce((total, row) => total + row.values[i], 0),
      );
      rows.push({ name: `${rest} more`, values: others, className: "rest" });
    }
    rows.push({ name: "their sum", values: output, className: "sum" });
    return step(
      3,
      "The weighted sum of v",
      vectorTable({
        caption: "Each value times its weight; the sum is the output of this head",
        rows,
        size: D,
        all: everything.channels,
      }),
    );
  }

  // The keys of a table, in the text's order: those with the largest weights, and the chosen.
  function chosenPlaces(query, key) {
    const places = Array.from({ length: state.seenBy(query) }, (_, j) => j);
    if (everything.keys || places.length <= MOST_KEYS) return places;
    const most = places
      .sort((a, b) => state.weight(query, b) - state.weight(query, a))
      .slice(0, MOST_KEYS);
    if (!most.includes(key)) most[MOST_KEYS - 1] = key;
    return most.sort((a, b) => a - b);
  }

  function step(count, title, ...parts) {
    return element(
      "div",
      { className: "step" },
      element(
        "h3",
        {},
        element("span", { className: "number", "aria-hidden": "true" }, `${count}`),
        ` ${title}`,
      ),
      ...parts,
    );
  }

  function toggle(what, more, fewer) {
    const button = element(
      "button",
      { type: "button", id: `toggle-${what}`, className: "plain" },
      everything[what] ? fewer : more,
    );
    button.setAttribute("aria-pressed", everything[what]);
    button.addEventListener("click", () => {
      everything[what] = !everything[what];
      draw();
    });
    return button;
  }

  state.subscribe(["text", "head", "query", "key", "theme"], draw);
}
