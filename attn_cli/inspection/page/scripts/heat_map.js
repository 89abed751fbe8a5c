// The large map of one head: queries down, keys across.
//
// The shades are a canvas, as large as the box and no larger: of a long text it shows the part that
// the box is scrolled to. Above it lies a grid for the keyboard and for screen readers. It
// holds the row of the chosen query only, with `aria-rowcount` for the others: 32,896 cells at
// 256 characters would make a page slow that has to answer while one types.

const LARGEST_CELL = 28,
  READABLE_CELL = 13, // however low the window is
  SMALLEST_CELL = 9, // of a map that is as wide as its box
  CELL_IN_WINDOW = 12; // of a larger one, of which the box shows a part; CSS pixels
const LABELS = 22, // CSS pixels beside and above the cells
  LONGEST_LABELS = 90, // where symbols have several characters
  MARGIN = 4; // beside and below the cells, for the rings around them

function heatMapView(state) {
  const { vocabulary } = state,
    box = byId("map"),
    grid = byId("map-grid");
  const row = element("div", { role: "row", className: "map-row" });
  const hovered = element("div", { className: "map-hover", "aria-hidden": "true", hidden: true });
  grid.append(row, hovered);
  const body = grid.parentElement,
    cells = byId("map-cells");
  let size = LARGEST_CELL,
    labels = LABELS;

  function draw() {
    if (box.hidden) return;
    const T = state.queryIds.length,
      S = state.keyIds.length;
    labels = labelSpace();
    const room = Math.floor((box.clientWidth - labels - MARGIN) / S);
    const below = Math.floor((parseFloat(getComputedStyle(box).maxHeight) - labels - MARGIN) / T);
    const largest = Math.min(LARGEST_CELL, room, Math.max(READABLE_CELL, below));
    size = room < SMALLEST_CELL ? CELL_IN_WINDOW : largest;
    body.style.width = `${S * size + MARGIN}px`;
    body.style.height = `${T * size + MARGIN}px`;
    cells.style.left = cells.style.top = `${labels}px`;
    grid.setAttribute("aria-rowcount", T);
    grid.setAttribute("aria-colcount", S);
    mark();
    drawCells();
  }

  // What is in sight, in CSS pixels from the upper left cell.
  function sight() {
    const [high, wide] = [state.queryIds.length * size, state.keyIds.length * size];
    const width = Math.min(wide, box.clientWidth - labels),
      height = Math.min(high, box.clientHeight - labels);
    const [left, top] = [Math.min(box.scrollLeft, wide - width), Math.min(box.scrollTop, high - height)];
    return { left, top, width, height };
  }

  // The whole cells in sight, at least one.
  function range() {
    const { left, top, width, height } = sight();
    const within = (start, length) => Math.max(1, Math.floor((start + length) / size) - Math.ceil(start / size));
    return {
      query: Math.ceil(top / size),
      key: Math.ceil(left / size),
      queries: within(top, height),
      keys: within(left, width),
    };
  }

  function moveTo(query, key) {
    box.scrollTo({ left: key * size, top: query * size, behavior: "instant" });
  }

  // CSS pixels beside and above the cells, as the longest symbol needs.
  function labelSpace() {
    const symbols = [...state.queryIds, ...state.keyIds].map((id) => vocabulary.shown(id));
    const longest = Math.max(...symbols.map((symbol) => symbol.length));
    return longest > 2 ? Math.min(LONGEST_LABELS, 8 * longest + 8) : LABELS;
  }

  // What is in sight; a saved picture has all.
  function drawCells() {
    const view = sight(),
      context = sizeCanvas(cells, view.width, view.height);
    context.translate(-view.left, -view.top);
    paintCells(context, view);
    const whole = { left: 0, top: 0, width: state.keyIds.length * size, height: state.queryIds.length * size };
    cells.picture = { ...whole, paint: (picture) => paintCells(picture, whole) };
  }

  // The cells in a part of the map; without the mask also the line up to which it would let a query
  // see.
  function paintCells(context, { left, top, width, height }) {
    const last = Math.min(Math.ceil((top + height) / size), state.queryIds.length);
    const [from, to] = [Math.floor(left / size), Math.ceil((left + width) / size)];
    for (let t = Math.floor(top / size); t < last; t++) {
      for (let j = from; j < Math.min(to, state.seenBy(t)); j++) {
        context.fillStyle = shadesOf()[shadeOf(SCALES.weight.fraction(state.weight(t, j)))].ground;
        context.fillRect(j * size, t * size, size - 1, size - 1);
      }
    }
    if (!state.maskIsOff) return;
    context.fillStyle = colourOf("--accent");
    for (let t = Math.floor(top / size); t < last; t++) {
      context.fillRect((t + 1) * size - 1.5, t * size - 1, 2, size + 1);
      context.fillRect((t + 1) * size - 1.5, (t + 1) * size - 1.5, size + 1, 2);
    }
  }

  function mark() {
    hovered.hidden = state.hovered === null;
    if (box.hidden) return;
    drawLabels(byId("map-columns"), true);
    drawLabels(byId("map-rows"), false);
    drawRow();
  }

  function drawLabels(canvas, across) {
    const ids = across ? state.keyIds : state.queryIds,
      [width, height] = across ? [ids.length * size, labels] : [labels, ids.length * size];
    drawOn(canvas, width, height, (context) => paintLabels(context, ids, across));
  }

  function paintLabels(context, ids, across) {
    const { fontFamily } = getComputedStyle(box),
      [ink, accent] = [colourOf("--ink"), colourOf("--accent")];
    context.textAlign = "center";
    context.textBaseline = "middle";
    const chosen = across ? state.key : state.query;
    const upright = across && labels > LABELS; // long symbols are written from bottom to top
    ids.forEach((id, t) => {
      const middle = (t + 0.5) * size;
      context.font = `${t === chosen ? 700 : 400} ${Math.max(10, Math.min(13, size - 1))}px ${fontFamily}`;
      context.fillStyle = t === chosen ? accent : ink;
      context.save();
      context.translate(across ? middle : labels / 2, across ? labels / 2 : middle);
      if (upright) context.rotate(-Math.PI / 2);
      context.fillText(vocabulary.shown(id), 0, 0, Math.max(9, size, labels - 4));
      context.restore();
    });
  }

  function drawRow() {
    const { query, key } = state,
      seen = state.seenBy(query),
      focused = grid.contains(document.activeElement);
    row.setAttribute("aria-rowindex", query + 1);
    row.style.top = `${query * size}px`;
    row.style.width = `${seen * size}px`;
    row.style.height = `${size}px`;
    while (row.children.length > seen) row.lastChild.remove();
    while (row.children.length < seen) row.append(element("span", { role: "gridcell" }));
    Array.from(row.children).forEach((cell, j) => {
      cell.style.left = `${j * size}px`;
      cell.style.width = cell.style.height = `${size}px`;
      cell.tabIndex = j === key ? 0 : -1;
      cell.setAttribute("aria-colindex", j + 1);
      cell.setAttribute("aria-selected", j === key);
      cell.setAttribute("aria-label", state.sentence(query, j));
    });
    if (!focused) return;
    row.children[key].focus({ preventScroll: true });
    row.children[key].scrollIntoView({ block: "nearest", inline: "nearest" });
  }

  // Scrolls the map's own box, never the page.
  function keepInView() {
    const left = state.key * size,
      top = state.query * size;
    const width = box.clientWidth - labels,
      high = box.clientHeight - labels;
    if (left < box.scrollLeft) box.scrollLeft = left;
    if (left + size > box.scrollLeft + width) box.scrollLeft = left + size - width;
    if (top < box.scrollTop) box.scrollTop = top;
    if (top + size > box.scrollTop + high) box.scrollTop = top + size - high;
  }

  grid.addEventListener("keydown", (event) => {
    const { query, key, queryIds } = state,
      last = queryIds.length - 1,
      lastKey = state.seenBy(query) - 1;
    if (event.altKey || event.metaKey) return;
    const lead = {
      ArrowUp: () => ({ query: Math.max(0, query - 1), key }),
      ArrowDown: () => ({ query: Math.min(last, query + 1), key }),
      ArrowLeft: () => ({ key: Math.max(0, key - 1) }),
      ArrowRight: () => ({ key: Math.min(lastKey, key + 1) }),
      Home: () => (event.ctrlKey ? { query: 0, key: 0 } : { key: 0 }),
      End: () => (event.ctrlKey ? { query: last, key: last } : { key: lastKey }),
    }[event.key];
    if (!lead) return;
    event.preventDefault();
    state.choose(lead());
  });

  function cellUnder(event) {
    const bounds = grid.getBoundingClientRect();
    const key = Math.floor((event.clientX - bounds.left) / size);
    const query = Math.floor((event.clientY - bounds.top) / size);
    const inside = query >= 0 && query < state.queryIds.length && key >= 0;
    return inside && key < state.seenBy(query) ? { query, key } : null;
  }

  grid.addEventListener("pointermove", (event) => {
    const cell = cellUnder(event);
    hovered.hidden = cell === null;
    state.hover(cell);
    if (cell === null) return;
    hovered.style.left = `${cell.key * size}px`;
    hovered.style.top = `${cell.query * size}px`;
    hovered.style.width = hovered.style.height = `${size}px`;
  });
  grid.addEventListener("pointerleave", () => {
    hovered.hidden = true;
    state.hover(null);
  });
  grid.addEventListener("click", (event) => {
    const cell = cellUnder(event);
    if (!cell) return;
    state.choose(cell);
    row.children[cell.key].focus({ preventScroll: true });
  });

  state.subscribe(["text", "head", "theme", "view", "width"], draw);
  const markOverview = mapOverview(state, { range, moveTo }); // after the map itself is drawn
  box.addEventListener("scroll", () => {
    drawCells();
    markOverview();
  });
  state.subscribe(["text", "view", "width"], () => {
    if (!box.hidden) keepInView();
  });
  state.subscribe(["query", "key"], () => {
    mark();
    keepInView();
  });
}
