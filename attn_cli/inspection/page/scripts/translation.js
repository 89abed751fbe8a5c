// The source and its target, one character beside the other: whoever chooses one of the target sees
// which of the source it looks at, and how probable it was.

function translationView(state) {
  const { vocabulary } = state;
  const symbols = (ids) => ids.map((id) => vocabulary.shown(id));

  const source = new CharacterStrip(byId("source-strip"), {
    choose: (j) => state.choose(state.side === "alignment" ? { key: j } : { query: j }),
    describe: (j) => state.sentence(state.shownQuery, j),
  });
  const target = new CharacterStrip(byId("target-strip"), {
    choose: (t) => state.chooseTarget(t),
    hover: (t) => {
      if (state.side === "alignment") state.hover(t < 0 ? null : { query: t, key: state.topKey(t) });
    },
    describe: (t) => `${state.targetName(t)}, ${percent(probabilityOf(t))}`,
  });

  const probabilityOf = (t) => state.probabilitiesAt(t)[state.targetIds[t]];

  // The source, shaded by where the query looks.
  function drawSource() {
    const query = state.shownQuery;
    const shades = state.sourceIds.map((_, j) => SCALES.weight.fraction(state.weight(query, j)));
    source.draw(symbols(state.sourceIds), shades, state.side === "alignment" ? state.key : query);
    target.items.forEach((item, t) =>
      item.classList.toggle("query", state.side === "alignment" && t === query),
    );
    say("translation-readout", `${state.summary(query)}.`);
  }

  function drawProbabilities() {
    const t = state.shownTarget,
      probs = state.probabilitiesAt(t),
      order = ranked(probs),
      rows = barsWorthDrawing(order, probs);
    drawBars(
      byId("next-probs"),
      vocabulary,
      rows.map((id) => ({ id, own: probs[id], kept: probs[id] })),
    );
    const written = state.targetIds.slice(0, t);
    const after = written.length ? `After ‘${state.targetText(written)}’` : "At the beginning";
    say("next-caption", `${after}: ${vocabulary.named(order[0])} with ${percent(probs[order[0]])}`);
    byId("next-rest").textContent = restOf(order, rows, probs);
  }

  function draw() {
    byId("written").textContent = state.targetText() || "nothing";
    target.draw(symbols(state.targetIds), state.targetIds.map(() => null), state.target);
    say(
      "written-note",
      state.hasEnded ? "" : `The model did not end it within ${counted(state.model.block_size, "symbol")}.`,
    );
  }

  state.subscribe(["text"], draw);
  state.subscribe(["text", "theme", "head", "query", "key", "hover"], () => {
    target.mark(state.target);
    say("head-shown", state.headName().toLowerCase());
    drawSource();
    drawProbabilities();
  });
}

// The switch between the two sides of the maps.
function sidesView(state) {
  const notes = {
    alignment:
      "Rows are the target, columns the source: each row says which characters of the source the model looked at to write that character.",
    source:
      "The encoder’s self-attention: rows and columns are the source, whose characters see all of it, both ways.",
  };
  const choices = Array.from(document.getElementsByName("side"));
  for (const choice of choices) choice.addEventListener("change", () => state.turn(choice.value));
  state.subscribe(["text"], () => {
    for (const choice of choices) choice.checked = choice.value === state.side;
    byId("side-note").textContent = notes[state.side];
  });
}
