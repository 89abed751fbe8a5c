// A decoder without its causal mask: the switch at the map, what changes with this text's own numbers,
// and the mark that stays in sight while the mask is off. What makes no sense without it is put
// away: a part of the page with `data-needs-mask`, which says why.

function maskView(state) {
  const control = byId("mask-switch"),
    note = byId("mask-note"),
    mark = byId("mask-mark");
  const away = Array.from(document.querySelectorAll("[data-needs-mask]"));
  for (const part of away) {
    const reason = element("p", { className: "note mask-reason" }, part.dataset.needsMask);
    const title = part.querySelector(":scope > h2, :scope > legend");
    if (title) title.after(reason);
    else part.prepend(reason);
  }
  control.addEventListener("click", () => state.toggleMask());
  byId("mask-back").addEventListener("click", () => {
    state.toggleMask();
    control.focus({ preventScroll: true }); // the button is hidden
  });

  function draw() {
    const off = state.maskIsOff,
      focused = document.activeElement;
    control.setAttribute("aria-checked", !off);
    mark.hidden = note.hidden = !off;
    for (const part of away) part.classList.toggle("without-mask", off);
    for (const part of document.querySelectorAll("[data-with-mask]")) part.hidden = off;
    if (off && away.some((part) => part !== focused && part.contains(focused))) {
      byId("mask-back").focus({ preventScroll: true }); // what had the focus is put away
    }
    if (off) note.replaceChildren(...changesWithoutMask(state).map((line) => element("p", {}, line)));
  }

  state.subscribe(["text", "head"], draw);
}

// What is different without the mask, as sentences.
function changesWithoutMask(state) {
  const { ids, model, pass, trainedPass, vocabulary } = state,
    T = ids.length;
  if (T === 1) return ["This text has one character: there is nothing that a mask could hide."];
  const heads = [];
  for (let layer = 0; layer < model.n_layer; layer++) {
    for (let head = 0; head < model.n_head; head++) heads.push(futureShare(state, layer, head));
  }
  const mean = heads.reduce((sum, share) => sum + share, 0) / heads.length,
    own = heads[state.layer * model.n_head + state.head];
  const [now, before] = [pass.meanSurprisal, trainedPass.meanSurprisal];
  return [
    `Each row still sums to 1: ${rowSums(state)} The softmax shares that 1 out over all ${T} ${vocabulary.unit}s of the text, not only those up to the query.`,
    `The future leaks in: later ${vocabulary.unit}s get ${percent(mean)} of the attention of all heads, ` +
      `and ${percent(own)} of this head’s. A head that looked everywhere alike would give them ${percent((T - 1) / (2 * T))}.`,
    `The loss means nothing now: ${bits(now)} per ${vocabulary.unit}, with the mask ${bits(before)}. ` +
      `What is to be predicted is among what the model sees, so a low loss would be no skill; ` +
      `and it was trained with the mask, so it never learned to read what comes later.`,
  ];
}

// The share of a head's attention that goes to characters after the one that looks.
function futureShare(state, layer, head) {
  const T = state.ids.length;
  let sum = 0;
  for (let t = 0; t < T; t++) {
    for (let j = t + 1; j < T; j++) sum += state.weight(t, j, layer, head);
  }
  return sum / T;
}

// The sums of all rows of all heads, as a sentence.
function rowSums(state) {
  const { ids, model } = state,
    T = ids.length;
  let [least, most] = [Infinity, -Infinity];
  for (let layer = 0; layer < model.n_layer; layer++) {
    for (let head = 0; head < model.n_head; head++) {
      for (let t = 0; t < T; t++) {
        let sum = 0;
        for (let j = 0; j < T; j++) sum += state.weight(t, j, layer, head);
        [least, most] = [Math.min(least, sum), Math.max(most, sum)];
      }
    }
  }
  const count = counted(model.n_layer * model.n_head * T, "row");
  const [from, to] = [number(least, 5), number(most, 5)];
  return `the sums of all ${count} are ${from === to ? from : `between ${from} and ${to}`}.`;
}
