// All heads at a glance: one small map each.

function fillWithCanvas(button) {
  if (!button.firstChild) button.append(element("canvas", { "aria-hidden": "true" }));
  return button.firstChild;
}

function thumbnailsView(state) {
  const grid = new HeadGrid(byId("thumbnails"), state.model, {
    choose: (layer, head) => state.choose({ layer, head }),
    fill: (button, layer, head) =>
      drawPixels(
        fillWithCanvas(button),
        state.queryIds.length,
        state.keyIds.length,
        (t, j) => state.weight(t, j, layer, head),
        (t) => state.seenBy(t),
      ),
    describe: (layer, head) => state.headName(layer, head),
    names: state.headNames,
  });
  state.subscribe(["text", "theme"], () => {
    grid.draw(state.layer, state.head);
    drawLegend(byId("attention-legend"), "weight");
  });
  state.subscribe(["head"], () => grid.mark(state.layer, state.head));
}
