// What a page does when it opens, whatever its model is.

const TYPING_PAUSE = 150; // milliseconds after the last key before the model runs

// The page's state, of a class; a model that cannot run here is told where a reader looks first,
// and nothing of it is shown.
function openedState(State, data) {
  let state;
  try {
    state = new State(data);
  } catch (error) {
    byId("refusal").textContent = error.message;
    byId("refusal").hidden = false;
    throw error;
  }
  byId("model-line").textContent = modelLine(data, state.model);
  byId("page").hidden = false;
  state.subscribe(["text"], () => {
    byId("speed").textContent = `The last forward pass took ${number(state.milliseconds, 0)} ms.`;
  });
  return state;
}

function modelLine(data, model) {
  return [
    data.description,
    `${data.parameters.toLocaleString("en")} parameters`,
    `${counted(model.n_layer, "layer")} of ${counted(model.n_head, "head")}`,
    `${model.n_embd} channels`,
    ...(model.ngrams ? [`n-gram embeddings, lengths ${model.ngrams.lengths.join(", ")}`] : []),
    `block ${model.kind}, position ${model.position}`,
  ].join(" · ");
}

// What is drawn to the width of the page is drawn anew when that changes.
function watchWidth(state) {
  let width = document.documentElement.clientWidth;
  window.addEventListener("resize", () => {
    if (document.documentElement.clientWidth === width) return;
    width = document.documentElement.clientWidth;
    state.notify("width");
  });
}

// A typed array of rows -> nested arrays.
function nested(values, rows, columns) {
  return Array.from({ length: rows }, (_, t) =>
    Array.from(values.subarray(t * columns, (t + 1) * columns)),
  );
}
