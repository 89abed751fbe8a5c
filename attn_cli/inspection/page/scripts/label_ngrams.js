// Scores of n-grams for labels, as in model/ngrams.py: what each run of characters says by itself.
//
// T characters, Y labels.

const HASH_HALF = 32n; // the upper half of a product depends on every bit of the number

class LabelNgrams {
  constructor({ lengths, rows, multiplier, scale }, part) {
    Object.assign(this, { lengths, scale, rows: BigInt(rows), multiplier: BigInt(multiplier) });
    this.tables = lengths.map((_, which) => part(`ngram_scores.tables.${which}`).weight); // (rows, Y)
  }

  // The scores (T + 1, Y) of the n-grams that end at each character, and of those that end with the
  // text.
  scores(ids, Y) {
    const places = ids.length + 1,
      out = new Float32Array(places * Y),
      factor = this.scale / Math.sqrt(places);
    this.hashed(ids).forEach((rows, which) => {
      rows.forEach((row, t) => {
        for (let y = 0; y < Y; y++) out[t * Y + y] += factor * this.tables[which][row * Y + y];
      });
    });
    return out;
  }

  // The rows of the n-grams of each length, in integers of 64 bits that overflow.
  hashed(ids) {
    const wrapped = (value) => BigInt.asIntN(64, value);
    const symbols = [...ids.map((id) => BigInt(id + 1)), 0n], // 0: no text
      rows = new Map();
    let keys = symbols.map(() => 0n);
    for (let n = 1; n <= Math.max(...this.lengths); n++) {
      keys = keys.map((key, t) => {
        const before = symbols[t - n + 1] ?? 0n;
        return wrapped(wrapped((key ^ (key >> HASH_HALF)) * this.multiplier) + before);
      });
      const row = (key) => {
        const rest = (wrapped(key * this.multiplier) >> HASH_HALF) % this.rows;
        return Number(rest < 0n ? rest + this.rows : rest);
      };
      if (this.lengths.includes(n)) rows.set(n, keys.map(row));
    }
    return this.lengths.map((n) => rows.get(n));
  }
}
