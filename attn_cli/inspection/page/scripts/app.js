// Everything put together, and `window.attn` for tests and for the curious.

const data = JSON.parse(byId("payload").textContent);
const snapshots = JSON.parse(byId("snapshots").textContent);
const state = openedState(PageState, data);
const { model, vocabulary } = state;

stagesView(state, stagesOfText(state));
typedTextView(state);
thumbnailsView(state);
attentionView(state);
embeddingView(state);
attentionRowView(state);
if (state.isClassifier) labelsView(state);
else nextCharacterView(state, data.generate_first ? data.sample : { temperature: 1, top_k: null, top_p: null });
if (model.causal) {
  maskView(state);
  writingView(state);
  logitLensView(state);
  ablationView(state, data.ablations);
  checkpointsView(state, snapshots);
} else if (!state.isClassifier) fillingView(state);
pagePictures(state, data);
keyboard(state);
themeButton(() => state.notify("theme"));
scrollHints(state);
watchWidth(state);

state.backToFirst();
if (data.lesson) lessonView(state, data.lesson, followedText(state, data.lesson));

window.attn = Object.freeze({
  // The logits (T, V) of a text, or of ids, as nested arrays.
  logits(textOrIds) {
    const ids = typeof textOrIds === "string" ? vocabulary.encode(textOrIds).ids : textOrIds;
    const pass = new ForwardPass(model, null, state.masked).run(ids.length ? ids.slice(-model.block_size) : [state.bosId]);
    return nested(pass.logits, pass.ids.length, vocabulary.size);
  },
  // Of a classifier's text: each label's probability, and what each character adds.
  labels() {
    const { probs, shares, ngramShares, bias, label } = state.evidence;
    return { names: model.labels, probs: Array.from(probs), shares, ngramShares, bias, label };
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
