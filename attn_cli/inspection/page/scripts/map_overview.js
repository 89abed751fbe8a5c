// All of a large map in small, with a frame around the part that the map shows in full. `map` has
// `range()`, the first and last query and key in sight, and `moveTo(query, key)`, the upper left cell.

const OVERVIEW = 168, // CSS pixels of its longer side
  STEP_OF_FRAME = 8; // cells that an arrow key moves it by

function mapOverview(state, map) {
  const box = byId("map-overview"),
    canvas = byId("overview-cells"),
    frame = byId("overview-frame");
  let scale = 1; // CSS pixels a cell

  function draw() {
    const [T, S] = [state.queryIds.length, state.keyIds.length],
      seen = map.range();
    // Not for a sliver that is out of sight.
    box.hidden = byId("map").hidden || 4 * seen.queries >= 3 * T && 4 * seen.keys >= 3 * S;
    if (box.hidden) return;
    scale = OVERVIEW / Math.max(T, S);
    drawPixels(
      canvas,
      T,
      S,
      (t, j) => state.weight(t, j),
      (t) => state.seenBy(t),
    );
    canvas.style.width = `${S * scale}px`;
    canvas.style.height = `${T * scale}px`;
    frame.setAttribute("aria-valuemax", T - 1);
    mark();
  }

  function mark() {
    if (box.hidden) return;
    const { query, key, queries, keys } = map.range(),
      [lastQuery, lastKey] = [query + queries - 1, key + keys - 1];
    frame.style.left = `${key * scale}px`;
    frame.style.top = `${query * scale}px`;
    frame.style.width = `${keys * scale}px`;
    frame.style.height = `${queries * scale}px`;
    const range = `queries ${query} to ${lastQuery}, keys ${key} to ${lastKey}`;
    frame.setAttribute("aria-valuenow", query);
    frame.setAttribute("aria-valuetext", range);
    byId("overview-range").textContent = range;
  }

  // So that the middle of the frame is under the pointer.
  function follow(event) {
    const bounds = canvas.getBoundingClientRect(),
      { queries, keys } = map.range();
    const cell = (at, start, size) => Math.round((at - start) / scale - size / 2);
    map.moveTo(cell(event.clientY, bounds.top, queries), cell(event.clientX, bounds.left, keys));
  }

  const area = canvas.parentElement;
  area.addEventListener("pointerdown", (event) => {
    area.setPointerCapture(event.pointerId);
    event.preventDefault();
    frame.focus({ preventScroll: true });
    follow(event);
  });
  area.addEventListener("pointermove", (event) => {
    if (area.hasPointerCapture(event.pointerId)) follow(event);
  });
  frame.addEventListener("keydown", (event) => {
    if (event.altKey || event.metaKey) return;
    const { query, key } = map.range(),
      [T, S] = [state.queryIds.length, state.keyIds.length];
    const lead = {
      ArrowUp: [query - STEP_OF_FRAME, key],
      ArrowDown: [query + STEP_OF_FRAME, key],
      ArrowLeft: [query, key - STEP_OF_FRAME],
      ArrowRight: [query, key + STEP_OF_FRAME],
      Home: event.ctrlKey ? [0, 0] : [query, 0],
      End: event.ctrlKey ? [T, S] : [query, S],
    }[event.key];
    if (!lead) return;
    event.preventDefault();
    map.moveTo(...lead);
  });

  state.subscribe(["text", "head", "theme", "view", "width"], draw);
  return mark;
}
