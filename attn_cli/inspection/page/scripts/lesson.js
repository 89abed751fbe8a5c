// The lesson, which follows the text of the page: each part that depends on the text is said anew
// when its step is shown. On the text that the page opened with, it is as the page came.

// `textOf()`: what the lesson follows of the text on the page.
function lessonView(state, plan, textOf) {
  const articles = Array.from(document.querySelectorAll(".lesson-step"));
  const first = articles.map((article) => Array.from(article.children)); // as the page came
  const shapes = Array.from(document.querySelectorAll(".lesson-way .shape")),
    firstShapes = shapes.map((shape) => shape.textContent);
  let text = null, // null on the first text
    seen = null, // what its pictures show, of any text
    drawn = new Set();

  function read() {
    drawn = new Set();
    seen = plan.steps.some((parts) => parts.length) ? textOf() : null;
    text = state.changed ? seen : null;
    shapes.forEach((shape, index) => {
      shape.textContent = text ? text.said(plan.way[index]) : firstShapes[index];
    });
    steps.setPresent(
      plan.steps.map((parts) => !text || parts.length === 0 || parts.some(isThere)),
    );
  }

  const isThere = (part) => part?.kind !== "When" || text.value(part.condition);

  function draw(number) {
    if (drawn.has(number)) return;
    drawn.add(number);
    const article = articles[number - 1],
      [heading, ...before] = first[number - 1];
    const of = (source) => before.filter((one) => Number(one.dataset.part) === source);
    const parts = plan.steps[number - 1];
    const shown = text && parts.length
      ? parts.flatMap((part, source) => {
          if (part === null) return of(source);
          return lessonParts(part, text).map(lessonElement);
        })
      : before;
    // One notice is enough for a row of parts that stay behind.
    const other = (one) => one?.classList.contains("note");
    const picture = seen && lessonPicture(parts, seen, state.vocabulary);
    article.replaceChildren(
      heading,
      ...(picture ? [picture] : []),
      ...shown.filter((one, i) => !other(one) || !other(shown[i - 1])),
    );
  }

  const steps = new LessonSteps(draw);
  const drawShown = () => {
    read();
    steps.show(steps.number);
  };
  state.subscribe(["text", "theme"], drawShown);
  window.addEventListener("beforeprint", () => articles.forEach((_, index) => draw(index + 1)));
  byId("lesson-steps").addEventListener("click", (event) => {
    if (event.target.matches(".lesson-first-text")) state.backToFirst();
  });
  drawShown();
}

// What the lesson follows of one text, newly each time. An encoder's without a blank gets one in its
// middle, as in build.py.
function followedText(state, plan) {
  const { maskId } = state.vocabulary,
    own = new ForwardPass(state.model);
  return () => {
    const { ids } = state;
    if (maskId === null || ids.includes(maskId)) return new LessonText(state.pass, plan, maskId);
    const middle = Math.floor((plan.first + ids.length) / 2),
      pass = own.run(ids.map((id, t) => (t === middle ? maskId : id)));
    return new LessonText(pass, plan, maskId, ids);
  };
}

function lessonElement(part) {
  return {
    text: () => element("p", {}, part.text),
    formula: () => element("pre", { className: "formula scroll", tabIndex: 0 }, part.lines.join("\n")),
    table: () => lessonTableElement(part),
    "side by side": () =>
      element(
        "div",
        { className: "columns two" },
        lessonTableElement(part.left),
        lessonTableElement(part.right),
      ),
    "of the first text": () =>
      element(
        "div",
        { className: "note" },
        element("p", {}, "What stands here belongs to the text that the page opened with, and is not computed for another."),
        element("button", { type: "button", className: "lesson-first-text" }, "Back to the original text"),
      ),
  }[part.kind]();
}

function lessonTableElement({ caption, columns, rows }) {
  const words = columns.map((_, index) => rows.some(([, cells]) => /\p{L}{3}/u.test(cells[index])));
  const aligned = (index) => (words[index] ? { className: "text" } : {});
  return element(
    "div",
    { className: "scroll", tabIndex: 0, role: "region", "aria-label": caption },
    element(
      "table",
      {},
      element("caption", {}, caption),
      element(
        "thead",
        {},
        element(
          "tr",
          {},
          element("td"),
          ...columns.map((heading, index) => element("th", { scope: "col", ...aligned(index) }, heading)),
        ),
      ),
      element(
        "tbody",
        {},
        ...rows.map(([name, cells]) =>
          element(
            "tr",
            {},
            element("th", { scope: "row" }, name),
            ...cells.map((cell, index) => element("td", aligned(index), cell)),
          ),
        ),
      ),
    ),
  );
}
