// What may come after the text, with temperature, top-k and top-p.

const MOST_BARS = 10;

function nextView(state, sample) {
  const { vocabulary } = state,
    V = vocabulary.size;
  const inputs = { temperature: byId("temperature"), top_k: byId("top-k"), top_p: byId("top-p") };
  inputs.top_k.max = V;
  inputs.temperature.max = Math.max(2, Math.ceil(sample.temperature));
  inputs.temperature.value = sample.temperature;
  inputs.top_k.value = sample.top_k ?? V;
  inputs.top_p.value = sample.top_p ?? 1;

  // At its end, a slider leaves everything in.
  state.controls = () => ({
    temperature: inputs.temperature.valueAsNumber,
    top_k: inputs.top_k.valueAsNumber < V ? inputs.top_k.valueAsNumber : null,
    top_p: inputs.top_p.valueAsNumber < 1 ? inputs.top_p.valueAsNumber : null,
  });

  function draw() {
    const controls = state.controls();
    const shown = {
      temperature:
        controls.temperature === 0 ? "0, the likeliest only" : number(controls.temperature, 2),
      top_k: controls.top_k === null ? "all" : `${controls.top_k}`,
      top_p: controls.top_p === null ? "all" : number(controls.top_p, 2),
    };
    for (const [name, text] of Object.entries(shown)) {
      byId(`${inputs[name].id}-shown`).textContent = text;
      inputs[name].setAttribute("aria-valuetext", text);
    }
    const own = probabilities(state.pass.last),
      kept = probabilities(state.pass.last, controls);
    const order = ranked(own),
      rows = order.slice(0, MOST_BARS);
    drawBars(
      byId("next-odds"),
      vocabulary,
      rows.map((id) => ({ id, own: own[id], kept: kept[id] })),
    );
    byId("next-caption").textContent =
      `After ${state.name(state.ids.length - 1)}: ${vocabulary.named(rows[0])} with ${percent(kept[rows[0]])}`;
    const others = order.slice(MOST_BARS),
      left = others.reduce((sum, id) => sum + kept[id], 0);
    const possible = kept.reduce((count, share) => count + (share > 0), 0);
    byId("next-rest").textContent = others.length
      ? `${counted(others.length, "other")}: ${percent(left)} together. ${possible} of ${V} may come.`
      : `${possible} of ${V} may come.`;
  }

  for (const input of Object.values(inputs)) input.addEventListener("input", draw);
  state.watch(["text"], draw);
}
