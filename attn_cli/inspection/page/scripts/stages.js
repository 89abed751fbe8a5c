// The stages of the model at the top: links to their sections, each with a picture of what it holds
// now, and a mark on the one where one reads.

const MOST_SHOWN = 12; // characters of a source or target

// `texts`: { first, answer }, each a function that gives a stage's short text and its detail;
// `vector`: gives the numbers that the first stage becomes.
function stagesView(state, { first, answer, vector = null }) {
  const strip = byId("stages");
  const pictures = new Map(
    Array.from(strip.querySelectorAll("[data-picture]"), (box) => [box.dataset.picture, box]),
  );
  const squares = headSquares(pictures.get("heads"), state.model);
  strip.hidden = false;

  function drawText(name, [short, detail]) {
    pictures.get(name).textContent = short;
    strip.querySelector(`[data-detail=${name}]`).textContent = detail;
  }

  state.subscribe(["text", "query", "key", "theme"], () => {
    drawText("first", first());
    drawText("answer", answer());
    if (vector && pictures.has("vector")) drawStripes(pictures.get("vector"), vector());
  });
  state.subscribe(["text", "head"], () => {
    squares.forEach((square, index) => {
      const head = index % state.model.n_head,
        layer = Math.floor(index / state.model.n_head);
      square.className = layer === state.layer && head === state.head ? "chosen" : "";
    });
  });
  markSections(strip);
}

// A square for each head, a row a layer.
function headSquares(box, { n_layer, n_head }) {
  box.style.setProperty("--heads", n_head);
  const squares = Array.from({ length: n_layer * n_head }, () => element("i"));
  box.replaceChildren(...squares);
  return squares;
}

// Numbers as stripes, one below the other: the largest by its size is the darkest.
function drawStripes(box, values) {
  const largest = Math.max(...values.map(Math.abs)) || 1;
  if (!box.firstChild) box.append(element("canvas", {}));
  drawPixels(
    box.firstChild,
    values.length,
    1,
    (i) => (values[i] / largest) ** 2, // its root is what is shown
    () => 1,
  );
}

// Marks the link to the section where one reads: the one with the focus, or else the last one that
// reaches into the upper two fifths of the window.
function markSections(strip) {
  const links = Array.from(strip.querySelectorAll("a"));
  const sections = links.map((link) => document.querySelector(link.hash));
  const seen = new Set();
  const inOrder = Array.from(document.querySelectorAll("main section")).filter((one) =>
    sections.includes(one),
  );

  function mark() {
    const reached = inOrder.filter((section) => seen.has(section)),
      focused = document.activeElement.closest("section");
    const current = reached.includes(focused) ? focused : reached.at(-1);
    if (!current) return; // between two sections
    links.forEach((link, index) => {
      if (sections[index] === current) link.setAttribute("aria-current", "true");
      else link.removeAttribute("aria-current");
    });
  }

  const observer = new IntersectionObserver(
    (entries) => {
      for (const { isIntersecting, target } of entries) {
        if (isIntersecting) seen.add(target);
        else seen.delete(target);
      }
      mark();
    },
    { rootMargin: "0px 0px -60% 0px" },
  );
  for (const section of inOrder) {
    section.tabIndex = -1; // so that a link gives it the focus
    observer.observe(section);
  }
  document.addEventListener("focusin", mark);
}

// What the stages of a text's page hold.
function stagesOfText(state) {
  const { model, vocabulary } = state,
    C = model.n_embd;
  return {
    first: () => [
      vocabulary.shown(state.ids[state.query]),
      state.typedNothing ? "nothing yet" : counted(state.ids.length, vocabulary.unit),
    ],
    vector: () => Array.from(model.token.subarray(state.ids[state.query] * C, (state.ids[state.query] + 1) * C)),
    answer: () => {
      if (state.isClassifier) return mostProbableLabel(state);
      if (!model.causal) return mostProbableAnswer(state, probabilities(state.answer()));
      return mostProbableAnswer(state, probabilitiesAfter(state, state.query), "after it: ");
    },
  };
}

// The short text and the detail for a classifier's label.
function mostProbableLabel({ model, evidence: { label, probs } }) {
  return [model.labels[label].slice(0, 2), `${model.labels[label]}, ${percent(probs[label])}`];
}

// What those of a source and its target hold.
function stagesOfPair(state) {
  const { vocabulary } = state;
  const readable = (id) => (vocabulary.symbols[id] === " " ? " " : vocabulary.shown(id));
  const beginningOf = (text) => {
    const characters = Array.from(text);
    return characters.length > MOST_SHOWN ? `${characters.slice(0, MOST_SHOWN - 1).join("")}…` : text;
  };
  return {
    first: () => [
      beginningOf(state.sourceIds.slice(0, -1).map(readable).join("")),
      counted(state.sourceIds.length - 1, "symbol"),
    ],
    answer: () => [
      beginningOf(state.targetText()),
      counted(state.targetIds.length - (state.hasEnded ? 1 : 0), "symbol"),
    ],
  };
}

// The probabilities (V,) of what comes after a character of a decoder's text.
function probabilitiesAfter({ pass, vocabulary }, t) {
  return probabilities(pass.logits.subarray(t * vocabulary.size, (t + 1) * vocabulary.size));
}

function mostProbableAnswer({ vocabulary }, probs, where = "") {
  const best = mostProbable(probs);
  return [vocabulary.shown(best), `${where}${vocabulary.named(best)}, ${percent(probs[best])}`];
}
