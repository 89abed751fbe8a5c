// Roving focus: a group of items is one stop for the Tab key, and arrow keys move within it.

// The index that a key leads to from index `at` of `count`, laid out in rows of `columns`; null
// for any other key.
function indexAfterKey(event, at, count, columns = count) {
  if (event.altKey || event.metaKey) return null;
  const row = Math.floor(at / columns),
    inRow = at % columns;
  const lead = {
    ArrowLeft: () => (inRow > 0 ? at - 1 : at),
    ArrowRight: () => (inRow < columns - 1 && at < count - 1 ? at + 1 : at),
    ArrowUp: () => (row > 0 ? at - columns : at),
    ArrowDown: () => (at + columns < count ? at + columns : at),
    Home: () => (event.ctrlKey ? 0 : row * columns),
    End: () => Math.min(count, event.ctrlKey ? count : (row + 1) * columns) - 1,
  };
  return lead[event.key]?.() ?? null;
}

function rovingFocus(items, chosen) {
  items.forEach((item, index) => (item.tabIndex = index === chosen ? 0 : -1));
}
