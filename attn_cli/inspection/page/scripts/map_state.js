// What the maps of attention show: the chosen head, query and key. Positions and channels count
// from 0, as in code, and are shown so; layers and heads count from 0 here, and are shown from 1.
//
// Views subscribe to the parts that they draw.
//
// Parts: "text", "head" (layer and head), "query", "key", "hover" (the cell under the
// pointer), "view" (map, lines or table), "theme", "width".
//
// A subclass has the ids of the rows and columns, `queryIds` and `keyIds`, their names, and
// `weight(t, j, layer, head)`, the attention weight of query t on key j, of the chosen head by
// default.

class MapState {
  constructor(model, { layer, head }) {
    this.model = model;
    this.layer = layer;
    this.head = head;
    this.headNames = Array.from({ length: model.n_head }, (_, head) => `${head + 1}`);
    this.query = this.key = 0;
    this.hovered = null;
    this.view = "map";
    this.subscribers = [];
    this.beforeView = () => {};
    this.stopWriting = () => {};
  }

  subscribe(parts, draw) {
    this.subscribers.push({ parts, draw });
  }

  notify(...parts) {
    for (const subscriber of this.subscribers) {
      if (subscriber.parts.some((part) => parts.includes(part))) subscriber.draw();
    }
  }

  // Chooses what to look at; of another head or query without a key, the one with the largest weight.
  choose({ layer = this.layer, head = this.head, query = this.query, key }) {
    const parts = [];
    if (layer !== this.layer || head !== this.head) parts.push("head");
    if (query !== this.query) parts.push("query");
    Object.assign(this, { layer, head, query, hovered: null });
    const chosen = Math.min(
      key ?? (parts.length ? this.topKey(query) : this.key),
      this.seenBy(query) - 1,
    );
    if (chosen !== this.key) parts.push("key");
    this.key = chosen;
    if (parts.length) this.notify(...parts);
  }

  show(view) {
    this.view = view;
    this.beforeView(view);
    this.notify("view");
  }

  hover(cell) {
    this.hovered = cell;
    this.notify("hover");
  }

  // How many keys query t sees, from the first on.
  seenBy() {
    return this.keyIds.length;
  }

  topKey(t) {
    let best = 0;
    for (let j = 1; j < this.seenBy(t); j++) if (this.weight(t, j) > this.weight(t, best)) best = j;
    return best;
  }

  headName(layer = this.layer, head = this.head) {
    return `Layer ${layer + 1}, head ${this.headNames[head]}`;
  }

  sentence(t, j) {
    const share = percent(this.weight(t, j));
    return `${this.queryName(t)} gives ${share} of its attention to ${this.keyName(j, t)}`;
  }

  // A sentence on a whole row: the largest attention weights of a query.
  summary(t) {
    const places = Array.from({ length: this.seenBy(t) }, (_, j) => j);
    places.sort((a, b) => this.weight(t, b) - this.weight(t, a));
    const most = places.slice(0, 3).map((j) => `${this.keyName(j)} (${percent(this.weight(t, j))})`);
    return `${this.queryName(t)} looks at ${most.join(", ")}`;
  }
}
