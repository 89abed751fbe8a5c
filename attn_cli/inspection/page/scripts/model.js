// The model's learned numbers, each where the forward pass looks for it.
// C channels, D head size, V vocabulary.

class Model {
  constructor({ config, weights, tokenizer }) {
    Object.assign(this, config);
    this.vocabSize = tokenizer.symbols.length;
    this.headSize = config.n_embd / config.n_head;
    this.gated = config.block === "qwen3";

    const values = (name) => (name in weights ? unpacked(weights[name]) : null);
    const part = (name) => ({ weight: values(`${name}.weight`), bias: values(`${name}.bias`) });
    this.token = part("token_embedding").weight; // (V, C)
    this.positions = this.positionTable(values("position_embedding.weight")); // (block_size, C)
    this.turns = config.position === "rope" ? this.turnTable() : null;
    this.layers = Array.from({ length: config.n_layer }, (_, number) => {
      const within = (name) => part(`blocks.${number}.${name}`);
      return {
        attentionNorm: within("attention_norm"),
        query: within("attention.query"),
        key: within("attention.key"),
        value: within("attention.value"),
        queryNorm: within("attention.query_norm"),
        keyNorm: within("attention.key_norm"),
        projection: within("attention.projection"),
        feedForwardNorm: within("feed_forward_norm"),
        gate: within("feed_forward.gate"),
        up: within("feed_forward.up"),
        down: within("feed_forward.down"),
      };
    });
    this.finalNorm = part("final_norm");
    this.head = { weight: values("head.weight") ?? this.token, bias: null }; // (V, C), or tied
  }

  norm(x, part, out, from, to) {
    const norm = this.gated ? rmsNorm : layerNorm;
    norm(x, part, out, from, to, this.n_embd, this.eps);
  }

  positionTable(learned) {
    if (this.position !== "sinusoidal") return learned;
    const table = new Float32Array(this.block_size * this.n_embd);
    for (let t = 0; t < this.block_size; t++) {
      for (let i = 0; i < this.n_embd; i += 2) {
        const angle = Math.fround(t * 10_000 ** (-i / this.n_embd));
        table[t * this.n_embd + i] = Math.sin(angle);
        table[t * this.n_embd + i + 1] = Math.cos(angle);
      }
    }
    return table;
  }

  // Cosines and sines of the rotary positions, (block_size, D / 2) each.
  turnTable() {
    const half = this.headSize / 2;
    const cos = new Float32Array(this.block_size * half),
      sin = new Float32Array(cos.length);
    for (let t = 0; t < this.block_size; t++) {
      for (let i = 0; i < half; i++) {
        const angle = Math.fround(t * this.rope_theta ** ((-2 * i) / this.headSize));
        cos[t * half + i] = Math.cos(angle);
        sin[t * half + i] = Math.sin(angle);
      }
    }
    return { cos, sin };
  }

  // Turns channel i with channel i + D / 2, in every head of the rows from `from` up to `to`.
  turn(x, from, to) {
    const half = this.headSize / 2;
    for (let t = from; t < to; t++) {
      for (let head = 0; head < this.n_head; head++) {
        const start = t * this.n_embd + head * this.headSize;
        for (let i = 0; i < half; i++) {
          const cos = this.turns.cos[t * half + i],
            sin = this.turns.sin[t * half + i];
          const low = x[start + i],
            high = x[start + half + i];
          x[start + i] = low * cos - high * sin;
          x[start + half + i] = high * cos + low * sin;
        }
      }
    }
  }
}
