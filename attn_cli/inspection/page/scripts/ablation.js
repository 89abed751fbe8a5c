// What the model loses without one head. For the first text this was computed beforehand; for
// another text it is computed here, when asked for.

function ablationView(state, computed) {
  const { vocabulary, model } = state,
    all = byId("ablate-all"),
    perBit = Math.LN2;
  const heads = Array.from({ length: model.n_layer * model.n_head }, (_, place) => place);
  const before = new Map(
    computed.map(({ layer, head, loss_increase, next_probs }) => [
      layer * model.n_head + head,
      { change: loss_increase === null ? null : loss_increase / perBit, odds: unpacked(next_probs) },
    ]),
  );
  let known = before,
    asked = 0;

  const grid = new HeadGrid(byId("ablation-grid"), model, {
    choose: (layer, head) => {
      const place = layer * model.n_head + head,
        missing = !known.has(place);
      if (missing) known.set(place, without(place));
      state.choose({ layer, head });
      if (missing) draw();
    },
    fill: (button, layer, head) => {
      const found = known.get(layer * model.n_head + head);
      button.textContent = found ? (found.change === null ? "–" : signed(found.change)) : "·";
      paint(button, found?.change > 0 ? Math.sqrt(found.change / scaleOf()) : 0);
    },
    describe: (layer, head) => {
      const found = known.get(layer * model.n_head + head);
      const change = found
        ? `${signed(found.change ?? NaN)} bits a ${vocabulary.unit}`
        : "not computed";
      return `Without layer ${layer + 1}, head ${head + 1}: ${change}`;
    },
  });

  // The largest rise is the darkest, and nothing is dark where no rise is worth a shade.
  function scaleOf() {
    return Math.max(0.1, ...Array.from(known.values(), ({ change }) => change ?? 0));
  }

  function without(place) {
    const pass = new Pass(model, {
      layer: Math.floor(place / model.n_head),
      head: place % model.n_head,
    });
    pass.read(state.ids);
    const whole = state.pass.meanSurprise;
    return {
      change: whole === null ? null : pass.meanSurprise - whole,
      odds: probabilities(pass.last),
    };
  }

  // Head by head, so that the page answers meanwhile; another text stops it.
  async function computeAll() {
    const mine = ++asked;
    for (const place of heads) {
      if (known.has(place)) continue;
      known.set(place, without(place));
      grid.draw(state.layer, state.head);
      drawOdds();
      await new Promise((resolve) => setTimeout(resolve));
      if (mine !== asked) return;
    }
    draw();
  }

  function draw() {
    grid.draw(state.layer, state.head);
    const left = !heads.every((place) => known.has(place)),
      focused = document.activeElement === all;
    all.hidden = !left;
    if (focused && !left) grid.focus();
    say(
      "ablation-note",
      known === before
        ? `Change of the loss in bits a ${vocabulary.unit}, computed beforehand.`
        : `Change of the loss in bits a ${vocabulary.unit}, computed in this page: ${known.size} of ${counted(heads.length, "head")}.`,
    );
    drawOdds();
  }

  function drawOdds() {
    const found = known.get(state.layer * model.n_head + state.head),
      list = byId("ablation-odds");
    const name = `layer ${state.layer + 1}, head ${state.head + 1}`;
    if (!found) {
      say("ablation-caption", `Not yet computed for ${name}.`);
      drawBars(list, vocabulary, []);
      return;
    }
    const own = probabilities(state.pass.last);
    const ids = Array.from(
      new Set([...ranked(own).slice(0, 6), ...ranked(found.odds).slice(0, 6)]),
    );
    const most = ids
      .sort((a, b) => Math.max(own[b], found.odds[b]) - Math.max(own[a], found.odds[a]))
      .slice(0, 8);
    say("ablation-caption", `The next character without ${name}; the outline is with it`);
    drawBars(
      list,
      vocabulary,
      most.map((id) => ({ id, own: own[id], kept: found.odds[id] })),
    );
  }

  all.addEventListener("click", computeAll);
  state.watch(["text"], () => {
    asked += 1;
    known = state.changed || before.size === 0 ? new Map() : before;
    draw();
  });
  state.watch(["theme"], draw);
  state.watch(["head"], () => {
    grid.mark(state.layer, state.head);
    drawOdds();
  });
}
