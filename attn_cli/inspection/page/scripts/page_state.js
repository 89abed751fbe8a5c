// What the page shows: the text, and the chosen head, query and key. Positions and channels count
// from 0, as in code, and are shown so; layers and heads count from 0 here, and are shown from 1.
//
// Views subscribe to the parts that they draw.
//
// Parts: "text", "head" (layer and head), "query", "key", "hover" (the cell under the
// pointer), "view" (map, lines or table), "theme", "width", "ablations".

class PageState {
  constructor(data) {
    this.model = new Model(data);
    this.vocabulary = new Vocabulary(data.tokenizer, data.mask_id);
    this.pass = new ForwardPass(this.model);
    this.withHidden = new ForwardPass(this.model); // of an encoder, with one more hidden
    this.answers = new Map(); // of an encoder, by position
    this.firstIds = data.ids; // [] where the page opens without a text
    this.bosId = data.bos_id;
    this.layer = data.layer;
    this.head = data.head;
    this.query = this.key = 0;
    this.hovered = null;
    this.view = "map";
    this.subscribers = [];
    this.beforeView = () => {};
  }

  subscribe(parts, draw) {
    this.subscribers.push({ parts, draw });
  }

  notify(...parts) {
    for (const subscriber of this.subscribers) {
      if (subscriber.parts.some((part) => parts.includes(part))) subscriber.draw();
    }
  }

  // Takes another text. `ids` is all of it; the model sees the last block_size of it.
  // `from` is what it came from: "first", "typing" or "writing".
  read(ids, { outside = [], from }) {
    const before = performance.now();
    this.typedNothing = ids.length === 0;
    this.allIds = this.typedNothing ? [] : Array.from(ids);
    this.ids = this.inContext(this.allIds);
    this.outside = outside;
    this.from = from;
    this.pass.run(this.ids);
    this.pass.logits;
    this.answers.clear();
    this.changed = String(this.ids) !== String(this.inContext(this.firstIds));
    const blank = this.model.causal ? -1 : this.ids.indexOf(this.model.maskId);
    this.query = blank < 0 ? this.ids.length - 1 : blank;
    this.key = this.topKey(this.query);
    this.hovered = null; // a cell of the text before
    this.milliseconds = performance.now() - before;
    this.notify("text");
  }

  // What the model sees of a text: its end, or, where it is empty, the id that begins a document.
  inContext(ids) {
    return ids.length ? ids.slice(-this.model.block_size) : [this.bosId];
  }

  backToFirst() {
    this.read(this.firstIds, { from: "first" });
  }

  // Chooses what to look at; a query without a key gets the key with the largest weight.
  choose({ layer = this.layer, head = this.head, query = this.query, key }) {
    const parts = [];
    if (layer !== this.layer || head !== this.head) parts.push("head");
    if (query !== this.query) parts.push("query");
    Object.assign(this, { layer, head, query, hovered: null });
    const chosen = Math.min(
      key ?? (parts.includes("query") ? this.topKey(query) : this.key),
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

  // The attention weight of query t on key j, in one head.
  weight(t, j, layer = this.layer, head = this.head) {
    return this.pass.layers[layer].weights[this.pass.rowOf(head, t) + j];
  }

  // How many keys query t sees, from the first on.
  seenBy(t) {
    return this.pass.seenBy(t);
  }

  // The position that the model is asked about: after the text, or of an encoder the chosen
  // character, which is hidden, or where another is a blank, the first blank.
  get asked() {
    const { ids, model, query } = this;
    if (model.causal) return ids.length;
    const blank = ids.indexOf(model.maskId);
    return blank < 0 || ids[query] === model.maskId ? query : blank;
  }

  // The logits (V,) of each character for what the model is asked.
  answer() {
    return this.model.causal ? this.pass.last : this.answerAt(this.asked);
  }

  // The same of an encoder at any position, with the character there hidden.
  answerAt(t) {
    if (!this.answers.has(t)) {
      const { ids, model, vocabulary } = this,
        V = vocabulary.size,
        hidden = ids.map((id, place) => (place === t ? model.maskId : id));
      const pass = ids[t] === model.maskId ? this.pass : this.withHidden.run(hidden);
      const logits = pass.logits.slice(t * V, (t + 1) * V);
      logits[model.maskId] = -Infinity; // it is no character
      this.answers.set(t, logits);
    }
    return this.answers.get(t);
  }

  topKey(t) {
    let best = 0;
    for (let j = 1; j < this.seenBy(t); j++) if (this.weight(t, j) > this.weight(t, best)) best = j;
    return best;
  }

  name(t) {
    return `${this.vocabulary.named(this.ids[t])} at ${t}`;
  }

  sentence(t, j) {
    const there = t === j ? "itself" : this.name(j);
    return `${this.name(t)} gives ${percent(this.weight(t, j))} of its attention to ${there}`;
  }

  // A sentence on a whole row: the largest attention weights of a character.
  summary(t) {
    const places = Array.from({ length: this.seenBy(t) }, (_, j) => j);
    places.sort((a, b) => this.weight(t, b) - this.weight(t, a));
    const most = places.slice(0, 3).map((j) => `${this.name(j)} (${percent(this.weight(t, j))})`);
    return `${this.name(t)} looks at ${most.join(", ")}`;
  }
}
