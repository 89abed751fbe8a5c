// The first text as earlier checkpoints of the run saw it.

function historyView(state, snapshots) {
  byId("history").hidden = snapshots.length < 2;
  if (snapshots.length < 2) return;
  const { vocabulary, model } = state,
    first = state.seen(state.first),
    T = first.length,
    triangle = rowStart(T);
  const slider = byId("checkpoint");
  const shots = snapshots.map((shot) => ({
    ...shot,
    weights: unpacked(shot.attention), // (L, H, T (T + 1) / 2)
    losses: unpacked(shot.losses), // (T - 1,) in nats
    odds: unpacked(shot.next_probs), // (V,)
  }));
  slider.max = shots.length - 1;
  slider.value = shots.length - 1;
  const shown = () => shots[slider.valueAsNumber];

  const grid = new HeadGrid(byId("history-maps"), model, {
    choose: (layer, head) => state.choose({ layer, head }),
    fill: (button, layer, head) => drawHead(fillWithCanvas(button), layer, head),
    describe: (layer, head) => `Layer ${layer + 1}, head ${head + 1}`,
  });

  function drawHead(canvas, layer, head) {
    const start = (layer * model.n_head + head) * triangle,
      { weights } = shown();
    drawPixels(canvas, T, (t, j) => weights[start + rowStart(t) + j]);
  }

  function drawMap() {
    byId("history-map-title").textContent = `Layer ${state.layer + 1}, head ${state.head + 1}`;
    drawHead(byId("history-map"), state.layer, state.head);
  }

  function draw() {
    const shot = shown(),
      mean = shot.losses.reduce((sum, loss) => sum + loss, 0) / (T - 1) / Math.LN2;
    const step = `step ${shot.step.toLocaleString("en")}`;
    byId("checkpoint-shown").textContent = step;
    slider.setAttribute("aria-valuetext", step);
    const facts = [];
    if (shot.val_loss !== null)
      facts.push(`validation loss ${bits(shot.val_loss / Math.LN2)} a ${vocabulary.unit}`);
    if (T > 1) facts.push(`this text ${bits(mean)} a ${vocabulary.unit}`);
    say("history-readout", `At ${step}: ${facts.join(", ") || "no loss is known"}.`);
    grid.draw(state.layer, state.head);
    drawMap();
    byId("history-strip").replaceChildren(
      ...first.map((id, t) => {
        const character = element("span", { className: "character" }, vocabulary.shown(id));
        if (t > 0) paint(character, SCALES.surprise.place(shot.losses[t - 1] / Math.LN2));
        else character.classList.add("blank");
        return character;
      }),
    );
    const rows = ranked(shot.odds).slice(0, 6);
    drawBars(
      byId("history-odds"),
      vocabulary,
      rows.map((id) => ({ id, own: 0, kept: shot.odds[id] })),
    );
    byId("history-sample").textContent = shot.sample || "It wrote nothing then.";
  }

  slider.addEventListener("input", draw);
  byId("history-back").addEventListener("click", () => {
    state.backToFirst();
    slider.focus();
  });
  state.watch(["text"], () => (byId("history-other").hidden = !state.changed));
  state.watch(["head"], () => {
    grid.mark(state.layer, state.head);
    drawMap();
  });
  state.watch(["theme"], draw);
  draw();
}
