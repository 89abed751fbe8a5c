// The model's parameters, each where the forward pass looks for it. A model of which this page
// does not know a part is refused by name: it would run, and show something else.
// C channels, D head size, V vocabulary.

const BLOCKS = {
  gpt2: { norm: layerNorm, queryKeyNorm: false, gated: false },
  qwen3: { norm: rmsNorm, queryKeyNorm: true, gated: true },
};
const POSITIONS = ["learned", "sinusoidal", "rope", "none"];

// The parameters by name, each unpacked when it is asked for.
class Parameters {
  constructor(weights) {
    this.weights = weights;
    this.unused = new Set(Object.keys(weights));
  }

  // The numbers of one, once; null where there is none of that name.
  values(name) {
    return this.unused.delete(name) ? unpacked(this.weights[name]) : null;
  }

  part(name) {
    return { weight: this.values(`${name}.weight`), bias: this.values(`${name}.bias`) };
  }

  requireAllUsed() {
    const [unknown] = this.unused;
    if (unknown) throw new Error(`This page does not know the parameter ${unknown}.`);
  }
}

// One stack of blocks and its head. `token`: the embedding (V, C) that an encoder shares with its
// decoder.
class Model {
  constructor({ config, tokenizer, mask_id, labels = [], label_ngrams = null }, parameters, { prefix = "", causal, token } = {}) {
    requireKnown("model.block", config.block, Object.keys(BLOCKS));
    requireKnown("model.position", config.position, POSITIONS);
    Object.assign(this, config);
    this.maskId = mask_id; // what stands for a hidden character; null in a decoder
    this.causal = causal ?? config.causal;
    this.labels = labels; // of a classifier
    this.kind = config.block;
    this.block = BLOCKS[config.block];
    this.vocabSize = tokenizer.symbols.length;
    this.headSize = config.n_embd / config.n_head;

    const part = (name) => parameters.part(prefix + name);
    this.token = token ?? part("token_embedding").weight; // (V, C)
    const [before, after] = [part("neighbours.before"), part("neighbours.after")];
    this.neighbours = before.weight ? { before, after } : null; // of a source's characters
    this.ngrams = config.ngrams && new Ngrams(config.ngrams, part);
    this.positions = this.positionTable(part("position_embedding").weight); // (block_size, C)
    this.rotary = config.position === "rope" ? this.rotaryTable() : null;
    this.layers = Array.from({ length: config.n_layer }, (_, number) => {
      const within = (name) => part(`blocks.${number}.${name}`);
      return {
        attention: attentionPart(within, "attention"),
        crossAttention: attentionPart(within, "cross_attention"), // null without a source
        feedForwardNorm: within("feed_forward_norm"),
        gate: within("feed_forward.gate"),
        up: within("feed_forward.up"),
        down: within("feed_forward.down"),
      };
    });
    this.finalNorm = part("final_norm");
    const head = part("head"); // (V, C), or tied; of a classifier (Y, C)
    this.head = { weight: head.weight ?? this.token, bias: head.bias };
    this.labelNgrams = label_ngrams && new LabelNgrams(label_ngrams, part);
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

// The parameters of one attention and of the norm before it; null where the block has none.
function attentionPart(within, name) {
  const query = within(`${name}.query`);
  if (query.weight === null) return null;
  return {
    norm: within(`${name}_norm`),
    query,
    key: within(`${name}.key`),
    value: within(`${name}.value`),
    queryNorm: within(`${name}.query_norm`),
    keyNorm: within(`${name}.key_norm`),
    projection: within(`${name}.projection`),
  };
}

function requireKnown(key, value, known) {
  if (known.includes(value)) return;
  throw new Error(`This page does not support ${key}: ${value}; it supports ${known.join(", ")}.`);
}
