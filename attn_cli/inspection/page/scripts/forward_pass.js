// The forward pass of one text, with every tensor that the page shows.
//
// T characters, C channels, H heads, D head size, F feed-forward, V vocabulary, L layers. Arrays
// have a row per character, and in a decoder no character sees a later one: the rows of what a
// text has in common with the one before, from its beginning on, are kept. So this is its own KV
// cache. In an encoder, and without the mask, every character sees all others, and a change anywhere
// changes every row.
//
// The decoder of an encoder-decoder also attends to a source of S characters, whose keys and
// values are computed once.

// Where row t begins in a triangle of weights, row by row.
const rowStart = (t) => (t * (t + 1)) / 2;

class ForwardPass {
  // `ablated`: {layer, head} of a head whose output is replaced by zeros, as in ablation.py.
  // `causal`: whether no character sees a later one; a decoder is trained so.
  constructor(model, ablated = null, causal = model.causal) {
    this.model = model;
    this.ablated = ablated;
    this.causal = causal;
    this.source = null; // of an encoder-decoder
    this.ids = [];
    this.capacity = 0;
  }

  // Runs the model on 1 to block_size ids.
  run(ids) {
    if (ids.length > this.capacity) this.reserve(ids.length);
    let same = 0;
    while (same < ids.length && same < this.ids.length && ids[same] === this.ids[same]) same++;
    if (!this.causal && (same < ids.length || same < this.ids.length)) same = 0;
    this.ids = Array.from(ids);
    this.lensKnown = this.lensKnown.map((known) => Math.min(known, same));
    this.embed(same, ids.length);
    this.model.layers.forEach((_, number) => this.runBlock(number, same, ids.length));
    return this;
  }

  reserve(length) {
    const { block_size, n_embd, n_head, n_inner, n_layer, vocabSize } = this.model;
    const T = Math.min(block_size, Math.max(length, 2 * this.capacity, 64));
    const rows = (size) => new Float32Array(T * size);
    this.capacity = T;
    this.ids = [];
    this.residualStream = Array.from({ length: n_layer + 1 }, () => rows(n_embd)); // (T, C) each
    this.layers = Array.from({ length: n_layer }, () => ({
      query: rows(n_embd),
      key: rows(n_embd),
      value: rows(n_embd),
      output: rows(n_embd),
      weights: new Float32Array(n_head * this.rowBefore(T)), // a triangle or a square per head
    }));
    this.lenses = Array.from({ length: n_layer + 1 }, () => null);
    this.lensKnown = new Array(n_layer + 1).fill(0);
    this.vocabSize = vocabSize;
    if (this.source) this.reserveSource(T);
    this.normed = rows(n_embd);
    this.added = rows(n_embd);
    this.inner = rows(n_inner);
    this.ngramRows = this.model.ngrams && rows(this.model.ngrams.totalWidth);
    this.gate = this.model.block.gated ? rows(n_inner) : null;
  }

  embed(from, to) {
    const { token, ngrams, positions, neighbours, n_embd: C } = this.model,
      x = this.residualStream[0];
    for (let t = from; t < to; t++) {
      for (let i = 0; i < C; i++) x[t * C + i] = token[this.ids[t] * C + i];
    }
    if (ngrams) {
      ngrams.lookUp(this.ids, this.ngramRows, from, to);
      linear(this.ngramRows, ngrams.projection, this.added, from, to, ngrams.totalWidth, C);
      for (let i = from * C; i < to * C; i++) x[i] += this.added[i];
    }
    if (neighbours && from < to) this.addNeighbours(neighbours, to);
    if (!positions) return;
    for (let i = from * C; i < to * C; i++) x[i] += positions[i];
  }

  // In an encoder: of what stands before and after each of T characters, each through a matrix.
  addNeighbours({ before, after }, T) {
    const { n_embd: C } = this.model,
      x = this.residualStream[0];
    linear(x, before, this.added, 0, T, C, C);
    linear(x, after, this.normed, 0, T, C, C);
    for (let i = C; i < T * C; i++) x[i] += this.added[i - C];
    for (let i = 0; i < (T - 1) * C; i++) x[i] += this.normed[i + C];
  }

  // Attends to another source from now on: its hidden states, (S, C).
  attendTo(encoded, S) {
    this.source = { encoded, S };
    this.capacity = 0; // so that the next run begins anew
  }

  reserveSource(T) {
    const { model } = this,
      { encoded, S } = this.source,
      { n_embd: C, n_head: H } = model;
    model.layers.forEach(({ crossAttention: part }, number) => {
      const [key, value] = [new Float32Array(S * C), new Float32Array(S * C)];
      this.compare(part, "key", encoded, key, 0, S, model.cross_rope);
      linear(encoded, part.value, value, 0, S, C, C);
      const [query, output] = [new Float32Array(T * C), new Float32Array(T * C)];
      this.layers[number].cross = { query, key, value, output, weights: new Float32Array(H * T * S) };
    });
  }

  runBlock(number, from, to) {
    const { model } = this,
      { n_embd: C } = model;
    const part = model.layers[number],
      layer = this.layers[number],
      x = this.residualStream[number + 1];
    const add = () => {
      for (let i = from * C; i < to * C; i++) x[i] += this.added[i];
    };
    x.set(this.residualStream[number].subarray(from * C, to * C), from * C);
    model.norm(x, part.attention.norm, this.normed, from, to);
    this.attend(number, from, to);
    linear(layer.output, part.attention.projection, this.added, from, to, C, C);
    add();
    if (part.crossAttention) {
      model.norm(x, part.crossAttention.norm, this.normed, from, to);
      this.attendSource(number, from, to);
      linear(layer.cross.output, part.crossAttention.projection, this.added, from, to, C, C);
      add();
    }
    model.norm(x, part.feedForwardNorm, this.normed, from, to);
    this.feedForward(part, from, to);
    add();
  }

  attend(number, from, to) {
    const { model, normed } = this,
      { n_embd: C, n_head: H } = model;
    const part = model.layers[number].attention,
      layer = this.layers[number];
    this.compare(part, "query", normed, layer.query, from, to);
    this.compare(part, "key", normed, layer.key, from, to);
    linear(normed, part.value, layer.value, from, to, C, C);
    layer.output.fill(0, from * C, to * C);
    for (let head = 0; head < H; head++) {
      const isAblated = this.ablated?.layer === number && this.ablated.head === head;
      if (isAblated) continue; // its output stays zero
      for (let t = from; t < to; t++) {
        this.attendFrom(layer, head, t, this.rowOf(head, t), this.seenBy(t));
      }
    }
  }

  attendSource(number, from, to) {
    const { model } = this,
      { cross } = this.layers[number];
    const part = model.layers[number].crossAttention;
    this.compare(part, "query", this.normed, cross.query, from, to, model.cross_rope);
    cross.output.fill(0, from * model.n_embd, to * model.n_embd);
    for (let head = 0; head < model.n_head; head++) {
      for (let t = from; t < to; t++) {
        this.attendFrom(cross, head, t, this.crossRowOf(head, t), this.source.S);
      }
    }
  }

  // Queries or keys as they are compared: normalised and rotated where the model does so.
  compare(part, name, x, out, from, to, rotates = true) {
    const { model } = this,
      { n_embd: C, n_head: H, headSize: D, eps } = model;
    linear(x, part[name], out, from, to, C, C);
    if (model.block.queryKeyNorm) rmsNorm(out, part[`${name}Norm`], out, from * H, to * H, D, eps);
    if (model.rotary && rotates) model.rotate(out, from, to);
  }

  // One row of one head: scores, softmax, weighted sum of the values of the first `seen` keys.
  // `row`: where its weights begin.
  attendFrom({ query, key, value, output, weights }, head, t, row, seen) {
    const { n_embd: C, headSize: D } = this.model,
      scale = 1 / Math.sqrt(D),
      out = t * C + head * D;
    for (let j = 0; j < seen; j++) {
      weights[row + j] = dot(query, out, key, j * C + head * D, D) * scale;
    }
    softmaxInPlace(weights, row, seen);
    for (let j = 0; j < seen; j++) {
      const weight = weights[row + j],
        start = j * C + head * D;
      for (let i = 0; i < D; i++) output[out + i] += weight * value[start + i];
    }
  }

  feedForward(part, from, to) {
    const { gate, model, normed, inner } = this,
      { n_embd: C, n_inner: F } = model;
    linear(normed, part.up, inner, from, to, C, F);
    if (model.block.gated) {
      linear(normed, part.gate, gate, from, to, C, F);
      for (let i = from * F; i < to * F; i++) inner[i] *= silu(gate[i]);
    } else {
      for (let i = from * F; i < to * F; i++) inner[i] = gelu(inner[i]);
    }
    linear(inner, part.down, this.added, from, to, F, C);
  }

  // The logits (T, V) from the residual stream after so many layers; after all, the model's own.
  lens(number) {
    const { model, vocabSize: V } = this,
      known = this.lensKnown[number],
      T = this.ids.length;
    this.lenses[number] ??= new Float32Array(this.capacity * V);
    if (known < T) {
      model.norm(this.residualStream[number], model.finalNorm, this.normed, known, T);
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

  // How many keys query t sees, from the first on.
  seenBy(t) {
    return this.causal ? t + 1 : this.ids.length;
  }

  // How many weights of a head stand before its row t.
  rowBefore(t) {
    return this.causal ? rowStart(t) : t * this.capacity;
  }

  // Where row t of a head begins in its layer's `weights`.
  rowOf(head, t) {
    return head * this.rowBefore(this.capacity) + this.rowBefore(t);
  }

  // The same of its attention to the source.
  crossRowOf(head, t) {
    return (head * this.capacity + t) * this.source.S;
  }

  // The hidden states of an encoder, (T, C), after the final norm.
  get hidden() {
    const { model } = this,
      T = this.ids.length,
      out = new Float32Array(T * model.n_embd);
    model.norm(this.residualStream[model.n_layer], model.finalNorm, out, 0, T);
    return out;
  }

  // The surprisal of a character, -log2 of its probability, in bits; null for the first.
  surprisal(t, layers = this.model.n_layer) {
    if (t === 0) return null;
    const V = this.vocabSize;
    return -logSoftmaxAt(this.lens(layers), (t - 1) * V, V, this.ids[t]) / Math.LN2;
  }

  // The mean surprisal; null for a text of one character.
  get meanSurprisal() {
    if (this.ids.length < 2) return null;
    let sum = 0;
    for (let t = 1; t < this.ids.length; t++) sum += this.surprisal(t);
    return sum / (this.ids.length - 1);
  }
}
