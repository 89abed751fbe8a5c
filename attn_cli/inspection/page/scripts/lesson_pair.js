// What the lesson on an encoder-decoder follows, as lesson/pair_context.py has it: the step of
// writing at which the head looks most sharply at one place of the source.
// T target characters, S source characters, each with its end; D head size, C channels.

class PairTensors extends LessonTensors {
  constructor(decoder, encoder, layer) {
    super(decoder, layer);
    this.encoder = encoder;
  }

  activation(name) {
    if (name !== "encoder.final norm") return super.activation(name);
    return this.rowsOf(this.encoder.hidden, this.pass.source.S);
  }

  flat(name) {
    const { pass, part, model, number } = this,
      { n_embd: C } = model;
    const made = {
      "cross-attention.projection": () =>
        this.linear(pass.layers[number].cross.output, part.crossAttention.projection, C, C),
      "cross-attention residual": () =>
        this.added(this.flat("cross-attention.projection"), this.flat("attention residual")),
    }[name];
    return made ? this.once(`layer ${name}`, made) : super.flat(name);
  }

  // Of cross-attention; queries and keys as the scores compare them, whatever is done to them before.
  ofHead(name, head) {
    const { model, pass } = this,
      { cross } = pass.layers[this.number],
      { S } = pass.source,
      { headSize: D } = model;
    if (name === "value heads") return this.cut(cross.value, head, S);
    if (name === "softmax weights") {
      return this.pairs((t, j) => cross.weights[pass.crossRowOf(head, t) + j], S);
    }
    const query = this.cut(cross.query, head),
      key = this.cut(cross.key, head, S);
    if (/^(scaled )?scores$/.test(name)) {
      const scale = name === "scores" ? 1 : Math.sqrt(D);
      return this.pairs((t, j) => dot(query[t], 0, key[j], 0, D) / scale, S);
    }
    return name.includes("query") ? query : key;
  }
}

class PairText extends FollowedRow {
  // `state`: of the page of an encoder-decoder.
  constructor({ decoder, encoder, sourceIds, targetIds }, plan) {
    super(decoder, plan, new PairTensors(decoder, encoder, plan.layer));
    Object.assign(this, { sourceIds, targetIds });
    [this.read, this.target, this.source] = [this.ids, targetIds, sourceIds].map((ids) =>
      ids.map((id) => this.symbol(id)),
    );
    const highest = this.weights.map((row) => row[indexOfMost(row)]);
    this.followed = indexOfMost(highest);
    this.topKey = indexOfMost(this.weights[this.followed]);
    this.queries = new ShownPositions(this.target, this.followed);
    this.keys = new ShownPositions(this.source, this.topKey);
    this.ask(this.logitsAt(this.followed));
    const V = decoder.vocabSize;
    const loss = (t) => Math.fround(-logSoftmaxAt(decoder.logits, t * V, V, targetIds[t]));
    this.answers = new Map(targetIds.map((id, t) => [t, { id, loss: loss(t) }]));
  }

  quoted(t) {
    return `‘${this.target[t]}’ at position ${t} of the target`;
  }

  get topKeyName() {
    return `‘${this.source[this.topKey]}’ at position ${this.topKey} of the source`;
  }

  seenBy() {
    return this.source.length;
  }

  get placeOfAnswer() {
    return `at position ${this.followed} of the target`;
  }

  own() {
    return {
      S: () => this.source.length,
      "source ids": () => this.sourceIds,
      "target ids": () => this.targetIds,
      "source text": () => this.source.slice(0, -1).join(""),
      "target text": () => this.read.slice(1).join(""),
      written: () => this.target.slice(0, this.followed).join(""),
    };
  }
}
