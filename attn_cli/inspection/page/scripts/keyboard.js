// Keys that work wherever one is, unless one is typing.

function keyboard(state) {
  const help = byId("help"),
    { n_layer, n_head } = state.model;
  const openHelp = () => help.showModal();
  byId("help-button").addEventListener("click", openHelp);

  // By one head, over the ends of layers.
  function moveHead(by) {
    const count = n_layer * n_head,
      at = state.layer * n_head + state.head;
    const place = (at + by + count) % count;
    state.choose({ layer: Math.floor(place / n_head), head: place % n_head });
  }

  function moveLayer(by) {
    state.choose({ layer: Math.min(n_layer - 1, Math.max(0, state.layer + by)) });
  }

  const everywhere = {
    "?": openHelp,
    "[": () => moveHead(-1),
    "]": () => moveHead(1),
    Escape: () => state.stopWriting(),
  };
  const inMaps = { PageUp: () => moveLayer(-1), PageDown: () => moveLayer(1) };

  document.addEventListener("keydown", (event) => {
    if (help.open || event.ctrlKey || event.metaKey || event.altKey) return;
    const typing = event.target.matches("textarea, input[type=number]");
    const act =
      (typing && event.key !== "Escape" ? null : everywhere[event.key]) ??
      (event.target.closest(".attention-columns, #ablation-grid, #row") ? inMaps[event.key] : null);
    if (!act) return;
    if (event.key !== "Escape") event.preventDefault();
    act();
  });

  // Read aloud is what changes in the part of the page where one is, and nothing else.
  const readouts = document.querySelectorAll(".readout, figcaption[aria-live]");
  document.addEventListener("focusin", (event) => {
    for (const readout of readouts) {
      const here = readout.closest("section").contains(event.target);
      readout.setAttribute("aria-live", here ? "polite" : "off");
    }
  });
}
