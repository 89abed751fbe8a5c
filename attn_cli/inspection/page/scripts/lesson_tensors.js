// The tensors of a forward pass by the names that forward_pass.py has for them, as arrays of rows.
// T characters, C channels, H heads, D head size, F feed-forward.

class LessonTensors {
  constructor(pass, layer) {
    this.pass = pass;
    this.model = pass.model;
    this.number = layer;
    this.part = this.model.layers[layer];
    this.T = pass.ids.length;
    this.known = new Map();
  }

  once(name, compute) {
    if (!this.known.has(name)) this.known.set(name, compute());
    return this.known.get(name);
  }

  // (T, size) of a flat array, a row each.
  rows(flat, size = this.model.n_embd) {
    return this.rowsOf(flat, this.T, size);
  }

  rowsOf(flat, length, size = this.model.n_embd) {
    return Array.from({ length }, (_, t) => flat.subarray(t * size, (t + 1) * size));
  }

  linear(x, part, inSize, outSize) {
    const out = new Float32Array(this.T * outSize);
    linear(x, part, out, 0, this.T, inSize, outSize);
    return out;
  }

  normed(x, part) {
    const out = new Float32Array(this.T * this.model.n_embd);
    this.model.norm(x, part, out, 0, this.T);
    return out;
  }

  added(x, y) {
    return Float32Array.from(x.subarray(0, y.length), (value, i) => value + y[i]);
  }

  stream(after) {
    return this.rows(this.pass.residualStream[after]);
  }

  activation(name) {
    const { model, pass } = this;
    const made = {
      "token embedding": () => this.rows(this.tokens()),
      "position embedding": () => this.rows(model.positions),
      "token + position": () => this.stream(0),
      "final norm": () => this.rows(this.normed(pass.residualStream[model.n_layer], model.finalNorm)),
      "n-gram embeddings": () => {
        const { width } = model.ngrams;
        const ofEach = (row) => model.ngrams.lengths.map((_, n) => row.subarray(n * width, (n + 1) * width));
        return this.rows(this.ngrams(), model.ngrams.totalWidth).map(ofEach); // (T, N, E)
      },
      "n-gram projection": () => this.rows(this.projectedNgrams()),
      "token + n-grams": () => this.rows(this.added(this.tokens(), this.projectedNgrams())),
    }[name];
    return this.once(name, made);
  }

  tokens() {
    const { n_embd: C, token } = this.model;
    const out = new Float32Array(this.T * C);
    this.pass.ids.forEach((id, t) => out.set(token.subarray(id * C, (id + 1) * C), t * C));
    return out;
  }

  // Of each character the rows of its n-grams, one after the other, (T, N E).
  ngrams() {
    const { ngrams } = this.model,
      found = new Float32Array(this.T * ngrams.totalWidth);
    ngrams.lookUp(this.pass.ids, found, 0, this.T);
    return found;
  }

  projectedNgrams() {
    const { ngrams, n_embd: C } = this.model;
    return this.linear(this.ngrams(), ngrams.projection, ngrams.totalWidth, C);
  }

  // A tensor of the layer, (T, C) or (T, F).
  layer(name) {
    const size = /up|gelu|gate|silu/.test(name) ? this.model.n_inner : this.model.n_embd;
    return this.rows(this.flat(name), size);
  }

  flat(name) {
    const { model, part } = this,
      { n_embd: C, n_inner: F } = model;
    const before = () => this.pass.residualStream[this.number];
    const made = {
      "attention norm": () => this.normed(before(), part.attention.norm),
      query: () => this.linear(this.flat("attention norm"), part.attention.query, C, C),
      key: () => this.linear(this.flat("attention norm"), part.attention.key, C, C),
      "attention.merged heads": () => this.pass.layers[this.number].output,
      "attention.projection": () =>
        this.linear(this.flat("attention.merged heads"), part.attention.projection, C, C),
      "attention residual": () => this.added(before(), this.flat("attention.projection")),
      "feed-forward norm": () => this.normed(this.flat("attention residual"), part.feedForwardNorm),
      "feed-forward.up": () => this.linear(this.flat("feed-forward norm"), part.up, C, F),
      "feed-forward.gate": () => this.linear(this.flat("feed-forward norm"), part.gate, C, F),
      "feed-forward.gelu": () => this.flat("feed-forward.up").map(gelu),
      "feed-forward.silu": () => this.flat("feed-forward.gate").map(silu),
      "feed-forward.gate * up": () => {
        const up = this.flat("feed-forward.up");
        return this.flat("feed-forward.silu").map((value, i) => value * up[i]);
      },
      "feed-forward.down": () =>
        this.linear(
          this.flat(model.block.gated ? "feed-forward.gate * up" : "feed-forward.gelu"),
          part.down,
          F,
          C,
        ),
      "feed-forward residual": () => this.pass.residualStream[this.number + 1],
    }[name];
    return this.once(`layer ${name}`, made);
  }

  // The channels of a head, (T, D), of all (T, C).
  cut(flat, head, length = this.T) {
    const { headSize: D } = this.model;
    return this.rowsOf(flat, length).map((row) => row.subarray(head * D, (head + 1) * D));
  }

  // (T, S), of each query with each key.
  pairs(make, S = this.T) {
    return Array.from({ length: this.T }, (_, t) => Float32Array.from({ length: S }, (_, j) => make(t, j)));
  }

  // A tensor of a head, (T, D) or (T, T).
  head(name, head) {
    return this.once(`head ${head} ${name}`, () => this.ofHead(name, head));
  }

  ofHead(name, head) {
    const { model, pass, part, T } = this,
      { n_head: H, headSize: D, eps, causal } = model,
      kept = pass.layers[this.number];
    const cut = (flat) => this.cut(flat, head),
      pairs = (make) => this.pairs(make);
    const normedHeads = (which) => {
      const out = Float32Array.from(this.flat(which));
      rmsNorm(out, part.attention[`${which}Norm`], out, 0, T * H, D, eps);
      return out;
    };
    const made = {
      "query heads": () => cut(this.flat("query")),
      "key heads": () => cut(this.flat("key")),
      "value heads": () => cut(kept.value),
      "query norm": () => cut(normedHeads("query")),
      "key norm": () => cut(normedHeads("key")),
      "rotated query": () => cut(kept.query),
      "rotated key": () => cut(kept.key),
      "weights @ value": () => cut(kept.output),
      scores: () => {
        const [query, key] = [cut(kept.query), cut(kept.key)];
        return pairs((t, j) => dot(query[t], 0, key[j], 0, D));
      },
      "scaled scores": () => {
        const scores = this.head("scores", head);
        return pairs((t, j) => scores[t][j] / Math.sqrt(D));
      },
      "masked scores": () => {
        const scores = this.head("scaled scores", head);
        return pairs((t, j) => (causal && j > t ? -Infinity : scores[t][j]));
      },
      "softmax weights": () =>
        pairs((t, j) => (j < pass.seenBy(t) ? kept.weights[pass.rowOf(head, t) + j] : 0)),
    }[name];
    return made();
  }

  // A parameter by its name in the model, a vector or rows.
  weight(name) {
    const [, module, which] = /^(.*)\.(weight|bias)$/.exec(name),
      { model } = this;
    const [, layer, within] = /^blocks\.(\d+)\.(.*)$/.exec(module) ?? [];
    const { attention, feedForwardNorm, up, gate } = model.layers[layer ?? 0];
    const found = {
      final_norm: model.finalNorm,
      head: model.head,
      "ngrams.projection": model.ngrams?.projection,
      attention_norm: attention.norm,
      "attention.query": attention.query,
      "attention.query_norm": attention.queryNorm,
      "attention.projection": attention.projection,
      feed_forward_norm: feedForwardNorm,
      "feed_forward.up": up,
      "feed_forward.gate": gate,
    }[within ?? module][which];
    if (which === "bias" || module.endsWith("_norm")) return found;
    const size = module === "ngrams.projection" ? model.ngrams.totalWidth : model.n_embd;
    return this.rowsOf(found, found.length / size, size);
  }
}
