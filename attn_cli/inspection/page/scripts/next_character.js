// The probabilities of the next character, or of an encoder of the blank, with temperature, top-k
// and top-p.

function nextCharacterView(state, sample) {
  const { vocabulary } = state,
    V = vocabulary.size - (vocabulary.maskId !== null); // what stands for a blank is no answer
  const inputs = { temperature: byId("temperature"), top_k: byId("top-k"), top_p: byId("top-p") };
  inputs.top_k.max = V;
  inputs.temperature.max = Math.max(2, Math.ceil(sample.temperature));
  inputs.top_p.min = Math.min(0.01, sample.top_p ?? 1);
  setSlider(inputs.temperature, sample.temperature);
  setSlider(inputs.top_k, Math.min(sample.top_k ?? V, V));
  setSlider(inputs.top_p, sample.top_p ?? 1);

  // A slider at its end keeps everything.
  state.controls = () => ({
    temperature: inputs.temperature.valueAsNumber,
    top_k: inputs.top_k.valueAsNumber < V ? inputs.top_k.valueAsNumber : null,
    top_p: inputs.top_p.valueAsNumber < 1 ? inputs.top_p.valueAsNumber : null,
  });

  function draw() {
    const controls = state.controls();
    const shown = {
      temperature:
        controls.temperature === 0 ? "0, the most probable only" : exactly(controls.temperature),
      top_k: controls.top_k === null ? "all" : `${controls.top_k}`,
      top_p: controls.top_p === null ? "all" : exactly(controls.top_p),
    };
    for (const [name, text] of Object.entries(shown)) {
      byId(`${inputs[name].id}-shown`).textContent = text;
      inputs[name].setAttribute("aria-valuetext", text);
    }
    const own = probabilities(state.answer()),
      kept = probabilities(state.answer(), controls);
    const order = ranked(own).filter((id) => id !== vocabulary.maskId),
      rows = barsWorthDrawing(order, own);
    drawBars(
      byId("next-probs"),
      vocabulary,
      rows.map((id) => ({ id, own: own[id], kept: kept[id] })),
    );
    say(
      "next-caption",
      `${whereAsked(state)}: ${vocabulary.named(rows[0])} with ${percent(kept[rows[0]])}`,
    );
    const possible = kept.reduce((count, p) => count + (p > 0), 0);
    const rest = restOf(order, rows, kept);
    byId("next-rest").textContent = `${rest}${possible < V ? ` ${possible} of ${V} are possible.` : ""}`.trim();
  }

  for (const input of Object.values(inputs)) input.addEventListener("input", draw);
  state.subscribe(state.model.causal ? ["text"] : ["text", "query"], draw);
}

// Which character the probabilities are of, as the beginning of a caption.
function whereAsked(state) {
  const { asked, ids, model } = state;
  if (model.causal) return `After ${state.name(asked - 1)}`;
  return ids[asked] === model.maskId ? `In the blank at ${asked}` : `${state.name(asked)}, hidden`;
}

// Sets a slider to the run's value, with finer steps where its own would miss it.
function setSlider(slider, value) {
  for (const step of [slider.step, 0.01, 0.001, "any"]) {
    slider.step = step;
    slider.value = value;
    if (slider.valueAsNumber === value) return;
  }
}

// The number itself, with two digits where they say all of it.
function exactly(value) {
  return Number(value.toFixed(2)) === value ? number(value, 2) : String(value);
}

// The settings of the sampling in words.
function settings({ temperature, top_k, top_p }) {
  if (temperature === 0) return "temperature 0, which takes the most probable";
  const parts = [`temperature ${exactly(temperature)}`];
  if (top_k !== null) parts.push(`top-k ${top_k}`);
  if (top_p !== null) parts.push(`top-p ${exactly(top_p)}`);
  return parts.join(", ");
}
