// What the page is looking at. Positions and channels count from 0, as in code, and are shown
// so; layers and heads count from 0 here, and are shown from 1.
//
// Views watch the parts that they draw.
//
// Parts: "text", "head" (layer and head), "query", "key", "hover" (the cell under the
// pointer), "view" (map, lines or table), "theme", "width", "ablations".

class State {
  constructor(data) {
    this.model = new Model(data);
    this.vocabulary = new Vocabulary(data.tokenizer);
    this.pass = new Pass(this.model);
    this.first = data.ids; // [] where the page opens without a text
    this.bosId = data.bos_id;
    this.layer = data.layer;
    this.head = data.head;
    this.query = this.key = 0;
    this.hovered = null;
    this.view = "map";
    this.watchers = [];
    this.beforeView = () => {};
  }

  watch(parts, draw) {
    this.watchers.push({ parts, draw });
  }

  tell(...parts) {
    for (const watcher of this.watchers) {
      if (watcher.parts.some((part) => parts.includes(part))) watcher.draw();
    }
  }

  // Takes another text. `ids` is all of it; the model sees the last block_size of it.
  // `from` is what it came from: "first", "typing" or "writing".
  read(ids, { outside = [], from }) {
    const before = performance.now();
    this.typedNothing = ids.length === 0;
    this.whole = this.typedNothing ? [] : Array.from(ids);
    this.ids = this.seen(this.whole);
    this.outside = outside;
    this.from = from;
    this.pass.read(this.ids);
    this.pass.logits;
    this.changed = String(this.ids) !== String(this.seen(this.first));
    this.query = this.ids.length - 1;
    this.key = this.likeliestKey(this.query);
    this.hovered = null; // a cell of the text before
    this.milliseconds = performance.now() - before;
    this.tell("text");
  }

  // What the model sees of a text: its end, and of none the character that it begins after.
  seen(ids) {
    return ids.length ? ids.slice(-this.model.block_size) : [this.bosId];
  }

  backToFirst() {
    this.read(this.first, { from: "first" });
  }

  // Chooses what to look at; a query without a key gets the key that it looks at most.
  choose({ layer = this.layer, head = this.head, query = this.query, key }) {
    const parts = [];
    if (layer !== this.layer || head !== this.head) parts.push("head");
    if (query !== this.query) parts.push("query");
    Object.assign(this, { layer, head, query, hovered: null });
    const chosen = Math.min(
      key ?? (parts.includes("query") ? this.likeliestKey(query) : this.key),
      query,
    );
    if (chosen !== this.key) parts.push("key");
    this.key = chosen;
    if (parts.length) this.tell(...parts);
  }

  show(view) {
    this.view = view;
    this.beforeView(view);
    this.tell("view");
  }

  hover(cell) {
    this.hovered = cell;
    this.tell("hover");
  }

  // How much character t looks at character j, in one head.
  weight(t, j, layer = this.layer, head = this.head) {
    return this.pass.layers[layer].weights[this.pass.rowOf(head, t) + j];
  }

  likeliestKey(t) {
    let best = 0;
    for (let j = 1; j <= t; j++) if (this.weight(t, j) > this.weight(t, best)) best = j;
    return best;
  }

  name(t) {
    return `${this.vocabulary.named(this.ids[t])} at ${t}`;
  }

  sentence(t, j) {
    const there = t === j ? "itself" : this.name(j);
    return `${this.name(t)} gives ${percent(this.weight(t, j))} of its attention to ${there}`;
  }

  // A sentence on a whole row: what a character looks at most.
  summary(t) {
    const places = Array.from({ length: t + 1 }, (_, j) => j);
    places.sort((a, b) => this.weight(t, b) - this.weight(t, a));
    const most = places.slice(0, 3).map((j) => `${this.name(j)} (${percent(this.weight(t, j))})`);
    return `${this.name(t)} looks at ${most.join(", ")}`;
  }
}
