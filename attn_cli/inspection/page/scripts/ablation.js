// Zero ablation: the change of the loss without one head. For the text that the page opened with
// this was computed in advance; for another text it is computed here, on request.

function ablationView(state, inAdvance) {
  const { vocabulary, model } = state,
    all = byId("ablate-all"),
    nats = Math.LN2;
  const heads = Array.from({ length: model.n_layer * model.n_head }, (_, index) => index);
  const advance = new Map(
    inAdvance.map(({ layer, head, loss_increase, next_probs }) => [
      layer * model.n_head + head,
      { change: loss_increase === null ? null : loss_increase / nats, probs: unpacked(next_probs) },
    ]),
  );
  let known = advance,
    request = 0;

  const grid = new HeadGrid(byId("ablation-grid"), model, {
    choose: (layer, head) => {
      const index = layer * model.n_head + head,
        missing = !known.has(index);
      if (missing) known.set(index, ablate(index));
      state.choose({ layer, head });
      if (missing) draw();
    },
    fill: (button, layer, head) => {
      const found = known.get(layer * model.n_head + head);
      button.textContent = found ? (found.change === null ? "–" : signed(found.change)) : "·";
      paint(button, found?.change > 0 ? Math.sqrt(found.change / scaleOf()) : 0, "green");
    },
    describe: (layer, head) => {
      const found = known.get(layer * model.n_head + head);
      const change = found
        ? `${signed(found.change ?? NaN)} bits per ${vocabulary.unit}`
        : "not computed";
      return `Without layer ${layer + 1}, head ${head + 1}: ${change}`;
    },
  });

  // The largest increase gets the strongest shade, unless no increase is worth one.
  function scaleOf() {
    return Math.max(0.1, ...Array.from(known.values(), ({ change }) => change ?? 0));
  }

  function ablate(index) {
    const pass = new ForwardPass(model, {
      layer: Math.floor(index / model.n_head),
      head: index % model.n_head,
    });
    pass.run(state.ids);
    const own = state.trainedPass.meanSurprisal;
    return {
      change: own === null ? null : pass.meanSurprisal - own,
      probs: probabilities(pass.last),
    };
  }

  // Head by head, so that the page stays responsive; another text stops it.
  async function computeAll() {
    const mine = ++request;
    for (const index of heads) {
      if (known.has(index)) continue;
      known.set(index, ablate(index));
      grid.draw(state.layer, state.head);
      drawProbs();
      await new Promise((resolve) => setTimeout(resolve));
      if (mine !== request) return;
    }
    draw();
  }

  function draw() {
    grid.draw(state.layer, state.head);
    const missing = !heads.every((index) => known.has(index)),
      focused = document.activeElement === all;
    all.hidden = !missing;
    if (focused && !missing) grid.focus();
    say(
      "ablation-note",
      known === advance
        ? `Change of the loss in bits per ${vocabulary.unit}, computed in advance.`
        : `Change of the loss in bits per ${vocabulary.unit}, computed in this page: ${known.size} of ${counted(heads.length, "head")}.`,
    );
    drawProbs();
  }

  function drawProbs() {
    const found = known.get(state.layer * model.n_head + state.head),
      list = byId("ablation-probs");
    const name = `layer ${state.layer + 1}, head ${state.head + 1}`;
    if (!found) {
      say("ablation-caption", `Not yet computed for ${name}.`);
      drawBars(list, vocabulary, []);
      byId("ablation-rest").textContent = "";
      return;
    }
    const own = probabilities(state.trainedPass.last);
    const ids = Array.from(
      new Set([...ranked(own).slice(0, 6), ...ranked(found.probs).slice(0, 6)]),
    );
    const larger = own.map((prob, id) => Math.max(prob, found.probs[id]));
    const most = barsWorthDrawing(ids.sort((a, b) => larger[b] - larger[a]), larger, 8);
    byId("ablation-rest").textContent = restOf(ranked(found.probs), most, found.probs);
    say("ablation-caption", `The next character without ${name}; the outline is the whole model`);
    drawBars(
      list,
      vocabulary,
      most.map((id) => ({ id, own: own[id], kept: found.probs[id] })),
    );
  }

  all.addEventListener("click", computeAll);
  state.subscribe(["text"], () => {
    request += 1;
    if (state.from !== "mask") known = state.changed || advance.size === 0 ? new Map() : advance;
    draw();
  });
  state.subscribe(["theme"], draw);
  state.subscribe(["head"], () => {
    grid.mark(state.layer, state.head);
    drawProbs();
  });
}
