// One text on its way through the model. Everything on the page is read from here.
//
// T characters, C channels, H heads, D head size, V vocabulary, L layers. Arrays have a row a
// character, and no character sees a later one: a text that begins as the one before keeps the
// rows of the beginning, which makes this its own cache of keys and values.

// Where row t begins in a triangle of weights, row by row.
const rowStart = (t) => (t * (t + 1)) / 2;

class Pass {
  // `without`: {layer, head} of a head that is taken away, as ablation.py does.
  constructor(model, without = null) {
    this.model = model;
    this.without = without;
    this.ids = [];
    this.capacity = 0;
  }

  // Reads a text of 1 to block_size ids.
  read(ids) {
    if (ids.length > this.capacity) this.reserve(ids.length);
    let same = 0;
    while (same < ids.length && same < this.ids.length && ids[same] === this.ids[same]) same++;
    this.ids = Array.from(ids);
    this.lensKnown = this.lensKnown.map((known) => Math.min(known, same));
    this.embed(same, ids.length);
    this.model.layers.forEach((_, number) => this.block(number, same, ids.length));
    return this;
  }

  reserve(length) {
    const { block_size, n_embd, n_head, n_inner, n_layer, vocabSize } = this.model;
    const T = Math.min(block_size, Math.max(length, 2 * this.capacity, 64));
    const rows = (size) => new Float32Array(T * size);
    this.capacity = T;
    this.ids = [];
    this.streams = Array.from({ length: n_layer + 1 }, () => rows(n_embd)); // (T, C) each
    this.layers = Array.from({ length: n_layer }, () => ({
      query: rows(n_embd),
      key: rows(n_embd),
      value: rows(n_embd),
      mixed: rows(n_embd),
      weights: new Float32Array(n_head * rowStart(T)), // a triangle a head
    }));
    this.lenses = Array.from({ length: n_layer + 1 }, () => null);
    this.lensKnown = new Array(n_layer + 1).fill(0);
    this.vocabSize = vocabSize;
    this.normed = rows(n_embd);
    this.added = rows(n_embd);
    this.wide = rows(n_inner);
    this.gate = this.model.gated ? rows(n_inner) : null;
  }

  embed(from, to) {
    const { token, positions, n_embd: C } = this.model,
      x = this.streams[0];
    for (let t = from; t < to; t++) {
      for (let i = 0; i < C; i++) {
        x[t * C + i] = token[this.ids[t] * C + i] + (positions ? positions[t * C + i] : 0);
      }
    }
  }

  block(number, from, to) {
    const { model } = this,
      C = model.n_embd,
      part = model.layers[number];
    const before = this.streams[number],
      after = this.streams[number + 1];
    model.norm(before, part.attentionNorm, this.normed, from, to);
    this.attend(number, from, to);
    linear(this.layers[number].mixed, part.projection, this.added, from, to, C, C);
    for (let i = from * C; i < to * C; i++) after[i] = before[i] + this.added[i];

    model.norm(after, part.feedForwardNorm, this.normed, from, to);
    this.feedForward(part, from, to);
    for (let i = from * C; i < to * C; i++) after[i] += this.added[i];
  }

  attend(number, from, to) {
    const { model } = this,
      { n_embd: C, headSize: D, n_head: H } = model;
    const part = model.layers[number],
      layer = this.layers[number];
    for (const name of ["query", "key", "value"]) {
      linear(this.normed, part[name], layer[name], from, to, C, C);
    }
    if (model.gated) {
      rmsNorm(layer.query, part.queryNorm, layer.query, from * H, to * H, D, model.eps);
      rmsNorm(layer.key, part.keyNorm, layer.key, from * H, to * H, D, model.eps);
    }
    if (model.turns) {
      model.turn(layer.query, from, to);
      model.turn(layer.key, from, to);
    }
    layer.mixed.fill(0, from * C, to * C);
    for (let head = 0; head < H; head++) {
      const gone = this.without?.layer === number && this.without.head === head;
      if (gone) continue; // what it would have mixed in stays zero
      for (let t = from; t < to; t++) this.attendFrom(layer, head, t);
    }
  }

  // One row of one head: scores, softmax, and the mix of values.
  attendFrom(layer, head, t) {
    const { n_embd: C, headSize: D } = this.model,
      scale = 1 / Math.sqrt(D);
    const { query, key, value, mixed, weights } = layer;
    const row = this.rowOf(head, t),
      out = t * C + head * D;
    for (let j = 0; j <= t; j++) {
      weights[row + j] = dot(query, out, key, j * C + head * D, D) * scale;
    }
    softmaxInPlace(weights, row, t + 1);
    for (let j = 0; j <= t; j++) {
      const weight = weights[row + j],
        start = j * C + head * D;
      for (let i = 0; i < D; i++) mixed[out + i] += weight * value[start + i];
    }
  }

  feedForward(part, from, to) {
    const { gate, model, normed, wide } = this,
      { n_embd: C, n_inner: F } = model;
    linear(normed, part.up, wide, from, to, C, F);
    if (model.gated) {
      linear(normed, part.gate, gate, from, to, C, F);
      for (let i = from * F; i < to * F; i++) wide[i] *= silu(gate[i]);
    } else {
      for (let i = from * F; i < to * F; i++) wide[i] = gelu(wide[i]);
    }
    linear(wide, part.down, this.added, from, to, F, C);
  }

  // The logits (T, V) that the stream after so many layers would give; after all, the model's.
  lens(number) {
    const { model, vocabSize: V } = this,
      known = this.lensKnown[number],
      T = this.ids.length;
    this.lenses[number] ??= new Float32Array(this.capacity * V);
    if (known < T) {
      model.norm(this.streams[number], model.finalNorm, this.normed, known, T);
      linear(this.normed, model.head, this.lenses[number], known, T, model.n_embd, V);
      this.lensKnown[number] = T;
    }
    return this.lenses[number];
  }

  get logits() {
    return this.lens(this.model.n_layer);
  }

  // The logits of the character after the last, (V,).
  get last() {
    const end = this.ids.length * this.vocabSize;
    return this.logits.subarray(end - this.vocabSize, end);
  }

  // Where row t of a head begins in its layer's `weights`.
  rowOf(head, t) {
    return head * rowStart(this.capacity) + rowStart(t);
  }

  // What a character was worth as a surprise, in bits; of the first there is none.
  surprise(t, layers = this.model.n_layer) {
    if (t === 0) return null;
    const V = this.vocabSize;
    return -logSoftmaxAt(this.lens(layers), (t - 1) * V, V, this.ids[t]) / Math.LN2;
  }

  // The mean of these surprises; null for a text of one character.
  get meanSurprise() {
    if (this.ids.length < 2) return null;
    let sum = 0;
    for (let t = 1; t < this.ids.length; t++) sum += this.surprise(t);
    return sum / (this.ids.length - 1);
  }
}
