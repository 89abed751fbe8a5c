// How the next character is chosen: temperature, top-k and top-p, in this order, as in
// generation/sampling.py. A test holds the two equal.

// Logits (V,) -> the odds of each next character. `top_k` and `top_p` may be null.
function probabilities(logits, { temperature = 1, top_k = null, top_p = null } = {}) {
  const V = logits.length;
  const first = likeliest(logits),
    largest = logits[first];
  const odds = new Float64Array(V);
  if (temperature === 0) {
    odds[first] = 1;
    return odds;
  }
  for (let id = 0; id < V; id++) odds[id] = (logits[id] - largest) / temperature;
  if (top_k !== null && top_k < V) {
    for (const id of ranked(odds).slice(top_k)) odds[id] = -Infinity;
  }
  softmaxInPlace(odds, 0, V);
  if (top_p !== null && top_p < 1) keepFewest(odds, top_p);
  return odds;
}

// The likeliest id, which is the first of `ranked`.
function likeliest(odds) {
  let best = 0;
  for (let id = 1; id < odds.length; id++) if (odds[id] > odds[best]) best = id;
  return best;
}

// The ids from the likeliest down; of equals the lower first.
function ranked(odds) {
  return Array.from(odds.keys()).sort((a, b) => odds[b] - odds[a] || a - b);
}

// Keeps the fewest likeliest characters that together have this share, in place.
function keepFewest(odds, share) {
  let before = 0,
    kept = 0;
  for (const id of ranked(odds)) {
    const own = odds[id];
    // What is before a character decides, so that the first is always kept.
    if (before >= share) odds[id] = 0;
    else kept += own;
    before += own;
  }
  for (let id = 0; id < odds.length; id++) odds[id] /= kept;
}

// One id by a number from 0 up to 1.
function choose(odds, number) {
  const sum = odds.reduce((total, share) => total + share, 0);
  let reached = 0,
    last = 0;
  for (let id = 0; id < odds.length; id++) {
    if (odds[id] === 0) continue;
    reached += odds[id];
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

// Where the window begins that the model sees of a long text while it writes: when it is
// full, the older half is forgotten, as in generation/reader.py.
function windowStart(length, blockSize) {
  if (length <= blockSize) return 0;
  const forgotten = Math.max(1, Math.floor(blockSize / 2));
  return Math.ceil((length - blockSize) / forgotten) * forgotten;
}
