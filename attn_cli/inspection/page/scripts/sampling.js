// How the next character is chosen: temperature, top-k and top-p, in this order, as in
// generation/sampling.py. A test holds the two equal.

// Logits (V,) -> the probability of each next character. `top_k` and `top_p` may be null.
function probabilities(logits, { temperature = 1, top_k = null, top_p = null } = {}) {
  const V = logits.length;
  const first = mostProbable(logits),
    largest = logits[first];
  const probs = new Float64Array(V);
  if (temperature === 0) {
    probs[first] = 1;
    return probs;
  }
  for (let id = 0; id < V; id++) probs[id] = (logits[id] - largest) / temperature;
  if (top_k !== null && top_k < V) {
    for (const id of ranked(probs).slice(top_k)) probs[id] = -Infinity;
  }
  softmaxInPlace(probs, 0, V);
  if (top_p !== null && top_p < 1) keepNucleus(probs, top_p);
  return probs;
}

// The most probable id, the first of `ranked`; works on logits and on probabilities.
function mostProbable(probs) {
  let best = 0;
  for (let id = 1; id < probs.length; id++) if (probs[id] > probs[best]) best = id;
  return best;
}

// The ids by falling probability; of equal ones the lower id first.
function ranked(probs) {
  return Array.from(probs.keys()).sort((a, b) => probs[b] - probs[a] || a - b);
}

// Nucleus (top-p) sampling, in place: keeps the most probable characters, as few as together
// reach this probability.
function keepNucleus(probs, topP) {
  let before = 0,
    kept = 0;
  for (const id of ranked(probs)) {
    const own = probs[id];
    // The sum before a character decides, so that the first is always kept.
    if (before >= topP) probs[id] = 0;
    else kept += own;
    before += own;
  }
  for (let id = 0; id < probs.length; id++) probs[id] /= kept;
}

// One id, drawn by a random number from 0 up to 1.
function choose(probs, number) {
  const sum = probs.reduce((total, p) => total + p, 0);
  let reached = 0,
    last = 0;
  for (let id = 0; id < probs.length; id++) {
    if (probs[id] === 0) continue;
    reached += probs[id];
    last = id;
    if (reached > number * sum) return id;
  }
  return last;
}

// Numbers from 0 up to 1 that depend on the seed alone (Marsaglia 2003, "Xorshift RNGs").
function randomNumbers(seed) {
  let state = Math.imul(seed + 1, 0x9e3779b1) || 1; // spreads neighbouring seeds; never 0
  const next = () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 32;
  };
  for (let skipped = 0; skipped < 16; skipped++) next();
  return next;
}

// Where the model's context begins in a long text while it writes: when it is full, the older
// half is dropped, as in generation/generate.py.
function windowStart(length, blockSize) {
  if (length <= blockSize) return 0;
  const forgotten = Math.max(1, Math.floor(blockSize / 2));
  return Math.ceil((length - blockSize) / forgotten) * forgotten;
}
