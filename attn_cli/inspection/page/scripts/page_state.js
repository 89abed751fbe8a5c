// What the page of a text shows: the text, and what is chosen in it.
// Its own part besides those of any `MapState`: "ablations".

class PageState extends MapState {
  constructor(data) {
    const parameters = new Parameters(data.weights);
    super(new Model(data, parameters), data);
    parameters.requireAllUsed();
    this.vocabulary = new Vocabulary(data.tokenizer, data.mask_id);
    this.pass = this.trainedPass = new ForwardPass(this.model);
    this.unmaskedPass = null; // of a decoder, made when it is first asked for
    this.withHidden = new ForwardPass(this.model); // of an encoder, with one more hidden
    this.answers = new Map(); // of an encoder, by position
    this.firstIds = data.ids; // [] where the page opens without a text
    this.bosId = data.bos_id;
    this.firstQuery = data.query; // null where the page chooses it
    this.firstKey = data.key;
    this.lines = data.lines; // whether each line is a text of its own
    this.beginning = data.beginning; // ids before what is typed, of a classifier of lines
    this.isClassifier = this.model.labels.length > 0;
    this.readTyped = () => {}; // reads what was typed and not yet read
  }

  get queryIds() {
    return this.ids;
  }

  get keyIds() {
    return this.ids;
  }

  // Takes another text. `ids` is all of it; the model sees the last block_size of it.
  // `from` is what it came from: "first", "typing", "writing", "filling", or "mask".
  read(ids, { outside = [], from }) {
    const before = performance.now();
    this.typedNothing = ids.length === 0;
    this.allIds = this.typedNothing ? [] : Array.from(ids);
    this.ids = this.inContext(this.allIds);
    this.outside = outside;
    this.from = from;
    this.runPass();
    this.answers.clear();
    this.changed = String(this.ids) !== String(this.inContext(this.firstIds));
    const blank = this.model.causal ? -1 : this.ids.indexOf(this.model.maskId);
    this.query = blank < 0 ? this.ids.length - 1 : blank;
    if (from === "first") this.query = this.firstQuery ?? this.query;
    this.key = (from === "first" ? this.firstKey : null) ?? this.topKey(this.query);
    this.hovered = null; // a cell of the text before
    this.milliseconds = performance.now() - before;
    this.notify("text");
  }

  // What the model sees of a text: its end, of a classifier its beginning, or, where it is empty, the
  // id that begins a document.
  inContext(ids) {
    if (ids.length === 0) return [this.bosId];
    const { block_size } = this.model;
    return this.isClassifier ? ids.slice(0, block_size) : ids.slice(-block_size);
  }

  backToFirst() {
    this.read(this.firstIds, { from: "first" });
  }

  // Whether no character sees a later one: always in a decoder, unless its mask is taken away.
  get masked() {
    return this.pass.causal;
  }

  // Whether a decoder runs without the mask that it was trained with.
  get maskIsOff() {
    return this.model.causal && !this.masked;
  }

  // Takes the causal mask of a decoder away, or puts it back, and runs the model anew.
  toggleMask() {
    this.readTyped();
    const before = performance.now();
    this.unmaskedPass ??= new ForwardPass(this.model, null, false);
    this.pass = this.masked ? this.unmaskedPass : this.trainedPass;
    this.from = "mask";
    this.runPass();
    this.key = this.topKey(this.query);
    this.hovered = null;
    this.milliseconds = performance.now() - before;
    this.notify("text");
  }

  // Without the mask, the model also runs with it, to compare.
  runPass() {
    for (const pass of new Set([this.pass, this.trainedPass])) pass.run(this.ids);
    if (this.isClassifier) this.evidence = new LabelEvidence(this.pass);
    else this.pass.logits;
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

  // The probability of the label where a character is left out; null where it cannot be.
  probabilityWithout(t) {
    const ids = this.ids.filter((_, place) => place !== t);
    if (ids.length === 0 || t < this.beginning.length) return null;
    const pass = this.withHidden.run(ids),
      scores = this.model.labelNgrams?.scores(ids, this.model.labels.length);
    return probabilities(labelLogits(pass, scores))[this.evidence.label];
  }

  name(t) {
    return `${this.vocabulary.named(this.ids[t])} at ${t}`;
  }

  queryName(t) {
    return this.name(t);
  }

  keyName(t, from = null) {
    return t === from ? "itself" : this.name(t);
  }
}
