// Everything on the page of an encoder-decoder put together, and `window.attn` for tests and for
// the curious.

const data = JSON.parse(byId("payload").textContent);
const state = openedState(TranslationState, data);

stagesView(state, stagesOfPair(state));
translationView(state);
sidesView(state);
thumbnailsView(state);
attentionView(state);
translationPictures(state, data);
keyboard(state);
themeButton(() => state.notify("theme"));
scrollHints(state);
watchWidth(state);
sourceFieldsView(state, data);
if (data.lesson) lessonView(state, data.lesson, () => new PairText(state, data.lesson));

window.attn = Object.freeze({
  source: () => Array.from(state.sourceIds),
  target: () => Array.from(state.targetIds),
  // The logits (T, V) of the target on the page.
  logits: () => nested(state.decoder.logits, state.targetIds.length, state.vocabulary.size),
  // The attention (L, H, T or S, S) of one side, "alignment" or "source".
  attention(side) {
    const { model, sourceIds, targetIds } = state,
      queries = side === "alignment" ? targetIds : sourceIds;
    return Array.from({ length: model.n_layer }, (_, layer) =>
      Array.from({ length: model.n_head }, (_, head) =>
        queries.map((_, t) => sourceIds.map((_, j) => state.weightOf(t, j, layer, head, side))),
      ),
    );
  },
  coverage: (layer, head) => state.coverage(layer, head),
  chosen: () => ({
    side: state.side,
    layer: state.layer,
    head: state.head,
    query: state.query,
    key: state.key,
    target: state.target,
  }),
  palettes,
  luminance,
});
