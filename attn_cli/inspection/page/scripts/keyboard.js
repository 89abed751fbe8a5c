// Keys that work anywhere on the page, except while typing.

function keyboard(state) {
  const help = byId("help"),
    { n_layer } = state.model,
    columns = state.headNames.length;
  const openHelp = () => help.showModal();
  byId("help-button").addEventListener("click", openHelp);

  // By one head, over the ends of layers.
  function moveHead(by) {
    const count = n_layer * columns,
      at = state.layer * columns + state.head;
    const index = (at + by + count) % count;
    state.choose({ layer: Math.floor(index / columns), head: index % columns });
  }

  function moveLayer(by) {
    state.choose({ layer: Math.min(n_layer - 1, Math.max(0, state.layer + by)) });
  }

  const signs = { "?": openHelp, "[": () => moveHead(-1), "]": () => moveHead(1) };
  if (state.model.causal && state.toggleMask) signs.m = () => state.toggleMask();
  const inMaps = { PageUp: () => moveLayer(-1), PageDown: () => moveLayer(1) };

  document.addEventListener("keydown", (event) => {
    // AltGraph holds Ctrl and Alt on some systems.
    const command = (event.ctrlKey || event.metaKey) && !event.getModifierState("AltGraph");
    if (help.open || command) return;
    if (event.key === "Escape") {
      state.stopWriting();
      return;
    }
    if (event.target.matches("textarea, input[type=number], input[type=text]")) return;
    // With Alt, too: there are keyboards on which brackets are Alt and a digit.
    const inside = event.target.closest("#attention, #ablation-grid, #row");
    const act = signs[event.key] ?? (inside && !event.altKey ? inMaps[event.key] : null);
    if (!act) return;
    event.preventDefault();
    act();
  });

  // A screen reader announces only changes in the section that has the focus; while one types,
  // only what the model does not see.
  const spoken = document.querySelectorAll("section [aria-live]:not(output)");
  document.addEventListener("focusin", ({ target }) => {
    for (const one of spoken) {
      const here = one.closest("section").contains(target);
      const now = here && (one.id === "typed-warning" || !target.matches("#typed, #typed input"));
      one.setAttribute("aria-live", now ? "polite" : "off");
    }
  });
}
