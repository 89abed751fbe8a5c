// The model's parameters, each where the forward pass looks for it. A model of which this page
// does not know a part is refused by name: it would run, and show something else.
// C channels, D head size, V vocabulary.

const BLOCKS = {
  gpt2: { norm: layerNorm, queryKeyNorm: false, gated: false },
  qwen3: { norm: rmsNorm, queryKeyNorm: true, gated: true },
};
const POSITIONS = ["learned", "sinusoidal", "rope", "none"];

class Model {
  constructor({ config, weights, tokenizer, mask_id }) {
    requireKnown("model.block", config.block, Object.keys(BLOCKS));
    requireKnown("model.position", config.position, POSITIONS);
    Object.assign(this, config);
    this.maskId = mask_id; // what stands for a hidden character; null in a decoder
    this.causal = mask_id === null;
    this.kind = config.block;
    this.block = BLOCKS[config.block];
    this.vocabSize = tokenizer.symbols.length;
    this.headSize = config.n_embd / config.n_head;

    const unused = new Set(Object.keys(weights));
    const values = (name) => (unused.delete(name) ? unpacked(weights[name]) : null);
    const part = (name) => ({ weight: values(`${name}.weight`), bias: values(`${name}.bias`) });
    this.token = part("token_embedding").weight; // (V, C)
    this.positions = this.positionTable(values("position_embedding.weight")); // (block_size, C)
    this.rotary = config.position === "rope" ? this.rotaryTable() : null;
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
    if (unused.size) throw new Error(`This page does not know the parameter ${[...unused][0]}.`);
  }

  norm(x, part, out, from, to) {
    this.block.norm(x, part, out, from, to, this.n_embd, this.eps);
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
  rotaryTable() {
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

  // Rotates channel i with channel i + D / 2, in every head of the rows from `from` up to `to`.
  rotate(x, from, to) {
    const half = this.headSize / 2;
    for (let t = from; t < to; t++) {
      for (let head = 0; head < this.n_head; head++) {
        const start = t * this.n_embd + head * this.headSize;
        for (let i = 0; i < half; i++) {
          const cos = this.rotary.cos[t * half + i],
            sin = this.rotary.sin[t * half + i];
          const low = x[start + i],
            high = x[start + half + i];
          x[start + i] = low * cos - high * sin;
          x[start + half + i] = high * cos + low * sin;
        }
      }
    }
  }
}

function requireKnown(key, value, known) {
  if (known.includes(value)) return;
  throw new Error(`This page does not support ${key}: ${value}; it supports ${known.join(", ")}.`);
}
