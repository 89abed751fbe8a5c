// Everything put together, and `window.attn` for tests and for the curious.

const data = JSON.parse(byId("payload").textContent);
const snapshots = JSON.parse(byId("snapshots").textContent);
const state = openedState(PageState, data);
const { model, vocabulary } = state;

typedTextView(state);
thumbnailsView(state);
attentionView(state);
attentionRowView(state);
nextCharacterView(state, data.generate_first ? data.sample : { temperature: 1, top_k: null, top_p: null });
if (model.causal) {
  writingView(state);
  logitLensView(state);
  ablationView(state, data.ablations);
  checkpointsView(state, snapshots);
} else fillingView(state);
keyboard(state);
themeButton(() => state.notify("theme"));
watchWidth(state);

state.backToFirst();
if (data.lesson) lessonView(state, data.lesson);

window.attn = Object.freeze({
  // The logits (T, V) of a text, or of ids, as nested arrays.
  logits(textOrIds) {
    const ids = typeof textOrIds === "string" ? vocabulary.encode(textOrIds).ids : textOrIds;
    const pass = new ForwardPass(model).run(ids.length ? ids.slice(-model.block_size) : [state.bosId]);
    return nested(pass.logits, pass.ids.length, vocabulary.size);
  },
  // The attention (L, H, T, T) of the text on the page.
  attention() {
    const T = state.ids.length;
    return state.pass.layers.map((_, layer) =>
      Array.from({ length: model.n_head }, (_, head) =>
        Array.from({ length: T }, (_, t) =>
          Array.from({ length: T }, (_, j) => (j < state.seenBy(t) ? state.weight(t, j, layer, head) : 0)),
        ),
      ),
    );
  },
  probabilities: (logits, controls) => Array.from(probabilities(logits, controls)),
  encode: (text) => vocabulary.encode(text),
  ids: () => Array.from(state.allIds),
  palettes,
  luminance,
  chosen: () => ({ layer: state.layer, head: state.head, query: state.query, key: state.key }),
  milliseconds: () => state.milliseconds,
});
