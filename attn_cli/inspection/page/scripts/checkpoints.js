// The text that the page opened with, as earlier checkpoints of the run saw it.

function checkpointsView(state, snapshots) {
  byId("history").hidden = snapshots.length < 2;
  if (snapshots.length < 2) return;
  const { vocabulary, model } = state,
    first = state.inContext(state.firstIds),
    T = first.length,
    triangle = rowStart(T);
  const slider = byId("checkpoint");
  const checkpoints = snapshots.map((checkpoint) => ({
    ...checkpoint,
    weights: unpacked(checkpoint.attention), // (L, H, T (T + 1) / 2)
    losses: unpacked(checkpoint.losses), // (T - 1,) in nats
    probs: unpacked(checkpoint.next_probs), // (V,)
  }));
  slider.max = checkpoints.length - 1;
  slider.value = checkpoints.length - 1;
  const shown = () => checkpoints[slider.valueAsNumber];

  const grid = new HeadGrid(byId("history-maps"), model, {
    choose: (layer, head) => state.choose({ layer, head }),
    fill: (button, layer, head) => drawHead(fillWithCanvas(button), layer, head),
    describe: (layer, head) => `Layer ${layer + 1}, head ${head + 1}`,
  });

  function drawHead(canvas, layer, head) {
    const start = (layer * model.n_head + head) * triangle,
      { weights } = shown();
    drawPixels(
      canvas,
      T,
      T,
      (t, j) => weights[start + rowStart(t) + j],
      (t) => t + 1,
    );
  }

  function drawMap() {
    byId("history-map-title").textContent = `Layer ${state.layer + 1}, head ${state.head + 1}`;
    drawHead(byId("history-map"), state.layer, state.head);
  }

  function draw() {
    const checkpoint = shown(),
      mean = checkpoint.losses.reduce((sum, loss) => sum + loss, 0) / (T - 1) / Math.LN2;
    const step = `step ${checkpoint.step.toLocaleString("en")}`;
    byId("checkpoint-shown").textContent = step;
    slider.setAttribute("aria-valuetext", step);
    const facts = [];
    if (checkpoint.val_loss !== null)
      facts.push(`validation loss ${bits(checkpoint.val_loss / Math.LN2)} per ${vocabulary.unit}`);
    if (T > 1) facts.push(`this text ${bits(mean)} per ${vocabulary.unit}`);
    say("history-readout", `At ${step}: ${facts.join(", ") || "no loss is known"}.`);
    grid.draw(state.layer, state.head);
    drawMap();
    byId("history-strip").replaceChildren(
      ...first.map((id, t) => {
        const character = element("span", { className: "character" }, vocabulary.shown(id));
        if (t > 0) paint(character, SCALES.surprisal.fraction(checkpoint.losses[t - 1] / Math.LN2), SCALES.surprisal.hue);
        else character.classList.add("blank");
        return character;
      }),
    );
    const order = ranked(checkpoint.probs),
      rows = barsWorthDrawing(order, checkpoint.probs, 6);
    byId("history-rest").textContent = restOf(order, rows, checkpoint.probs);
    drawBars(
      byId("history-probs"),
      vocabulary,
      rows.map((id) => ({ id, own: 0, kept: checkpoint.probs[id] })),
    );
    byId("history-sample").textContent = checkpoint.sample || "No sample was written at this step.";
  }

  slider.addEventListener("input", draw);
  byId("history-back").addEventListener("click", () => {
    state.backToFirst();
    slider.focus();
  });
  state.subscribe(["text"], () => (byId("history-other").hidden = !state.changed));
  state.subscribe(["head"], () => {
    grid.mark(state.layer, state.head);
    drawMap();
  });
  state.subscribe(["theme"], draw);
  draw();
}
