// What the page of an encoder-decoder shows: a source, the target that the model writes for it, and
// what is chosen in both. S source characters, T target characters, each with its end.
//
// The maps have one of two sides: "alignment", the target's attention to the source, or "source",
// the source's attention to itself in the encoder. The last column of heads is their mean.

class TranslationState extends MapState {
  constructor(data) {
    const parameters = new Parameters(data.weights);
    const decoder = new Model(data, parameters);
    super(decoder, { layer: data.layer ?? 0, head: data.head ?? 0 });
    const shared = { prefix: "encoder.", causal: false, token: decoder.token };
    this.encoder = new ForwardPass(new Model(data, parameters, shared));
    this.decoder = new ForwardPass(decoder);
    parameters.requireAllUsed();
    this.endId = data.bos_id; // of a source and of a target; it also begins a target
    this.vocabulary = new Vocabulary(data.tokenizer, null, this.endId);
    this.targetWords = data.target_words; // whether a target is of words, with blanks between
    this.given = { layer: data.layer, head: data.head }; // what the page was asked to open with
    if (decoder.n_head > 1) this.headNames.push("mean");
    this.side = "alignment";
    this.target = 0; // the chosen character of the target
  }

  get queryIds() {
    return this.side === "alignment" ? this.targetIds : this.sourceIds;
  }

  get keyIds() {
    return this.sourceIds;
  }

  // The query of the maps that is hovered, or else chosen.
  get shownQuery() {
    return this.hovered?.query ?? this.query;
  }

  // The character of the target that the page tells of.
  get shownTarget() {
    return this.side === "alignment" ? this.shownQuery : this.target;
  }

  // Takes the ids of another source, without its end, and writes its target.
  read(ids) {
    const before = performance.now(),
      isFirst = this.sourceIds === undefined;
    this.sourceIds = [...ids.slice(0, this.model.block_size - 1), this.endId];
    this.encoder.run(this.sourceIds);
    this.decoder.attendTo(this.encoder.hidden, this.sourceIds.length);
    this.targetIds = this.write();
    this.milliseconds = performance.now() - before;
    if (isFirst) this.lookAtMostAligned();
    this.target = Math.min(this.target, this.targetIds.length - 1);
    this.query = Math.min(this.query, this.queryIds.length - 1);
    this.key = this.topKey(this.query);
    this.hovered = null; // a cell of the source before
    this.firstSource ??= String(this.sourceIds);
    this.notify("text");
  }

  // Whether the source is another than the page opened with.
  get changed() {
    return String(this.sourceIds) !== this.firstSource;
  }

  // The target, of the most probable character each time, as in generation/greedy_targets.py.
  write() {
    const ids = [this.endId];
    while (ids.length <= this.model.block_size) {
      ids.push(mostProbable(this.decoder.run(ids).last));
      if (ids.at(-1) === this.endId) break;
    }
    return ids.slice(1);
  }

  // A target as one reads it.
  targetText(ids = this.targetIds) {
    return ids
      .filter((id) => id !== this.endId)
      .map((id) => this.vocabulary.symbols[id])
      .join(this.targetWords ? " " : "");
  }

  get hasEnded() {
    return this.targetIds.at(-1) === this.endId;
  }

  // The probabilities (V,) of each character of the target at t.
  probabilitiesAt(t) {
    const V = this.vocabulary.size;
    return probabilities(this.decoder.logits.subarray(t * V, (t + 1) * V));
  }

  // Of the head in the last column, the mean of all of the layer.
  weight(t, j, layer = this.layer, head = this.head) {
    const { n_head: H } = this.model;
    if (head < H) return this.weightOf(t, j, layer, head);
    let sum = 0;
    for (let each = 0; each < H; each++) sum += this.weightOf(t, j, layer, each);
    return sum / H;
  }

  weightOf(t, j, layer, head, side = this.side) {
    if (side === "source") {
      return this.encoder.layers[layer].weights[this.encoder.rowOf(head, t) + j];
    }
    return this.decoder.layers[layer].cross.weights[this.decoder.crossRowOf(head, t) + j];
  }

  // Chooses the head, of those that the page may open with, in which most of the source's
  // characters are looked at by a target character of their own.
  lookAtMostAligned() {
    let most = -1;
    for (let layer = 0; layer < this.model.n_layer; layer++) {
      for (let head = 0; head < this.model.n_head; head++) {
        const asked = layer === (this.given.layer ?? layer) && head === (this.given.head ?? head);
        const coverage = this.coverage(layer, head);
        if (!asked || coverage <= most) continue;
        most = coverage;
        Object.assign(this, { layer, head });
      }
    }
  }

  // The largest attention weight on a source character, the end left out: their mean. It is 1 where
  // each has a target character that looks at nothing else.
  coverage(layer, head) {
    const S = this.sourceIds.length - 1;
    let sum = 0;
    for (let j = 0; j < S; j++) {
      sum += Math.max(...this.targetIds.map((_, t) => this.weightOf(t, j, layer, head, "alignment")));
    }
    return S ? sum / S : 0;
  }

  // Shows the maps of another side.
  turn(side) {
    if (side === this.side) return;
    this.side = side;
    this.query = side === "alignment" ? this.target : this.key;
    this.key = this.topKey(this.query);
    this.hovered = null;
    this.notify("text");
  }

  choose(chosen) {
    if (this.side === "alignment" && chosen.query !== undefined) this.target = chosen.query;
    super.choose(chosen);
  }

  chooseTarget(t) {
    this.target = t;
    this.turn("alignment");
    this.choose({ query: t });
  }

  headName(layer = this.layer, head = this.head) {
    const stack = this.side === "alignment" ? "Decoder" : "Encoder";
    if (head === this.model.n_head) return `${stack} layer ${layer + 1}, mean of its heads`;
    return `${stack} ${super.headName(layer, head).toLowerCase()}`;
  }

  targetName(t) {
    return `${this.vocabulary.named(this.targetIds[t])} at ${t} of the target`;
  }

  keyName(j, from = null) {
    if (this.side === "source" && j === from) return "itself";
    return `${this.vocabulary.named(this.sourceIds[j])} at ${j}`;
  }

  queryName(t) {
    return this.side === "alignment" ? this.targetName(t) : this.keyName(t);
  }
}
