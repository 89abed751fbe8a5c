// Embeddings of n-grams: what the last characters are together, added to that of the last one.
// Which row an n-gram has is as in ngram_hash.py, where the parts of a hash are described.
//
// T characters, N lengths of n-grams, E width of the table, C channels.

const NGRAM_PRIME = 2 ** 31 - 1;

class Ngrams {
  constructor(hash, part) {
    Object.assign(this, hash);
    this.table = part("ngrams.table").weight; // (rows, E)
    this.projection = part("ngrams.projection"); // (C, N E)
    this.width = this.table.length / this.sizes.reduce((sum, size) => sum + size, 0); // E
    this.totalWidth = this.width * this.lengths.length; // N E
  }

  // The row of the n-gram of length number `which` that ends at character t.
  row(ids, t, which) {
    const factors = this.factors[which];
    let sum = 0; // exact, since it stays below 2^53
    for (let back = 0; back < this.lengths[which] && back <= t; back++) {
      sum = (sum + (ids[t - back] + 1) * factors[back]) % NGRAM_PRIME;
    }
    return this.offsets[which] + (sum % this.sizes[which]);
  }

  // The rows of all lengths, one after the other, for characters `from` up to `to`: (T, N E).
  lookUp(ids, out, from, to) {
    for (let t = from; t < to; t++) {
      this.lengths.forEach((_, which) => {
        const start = this.row(ids, t, which) * this.width;
        const row = this.table.subarray(start, start + this.width);
        out.set(row, t * this.totalWidth + which * this.width);
      });
    }
  }
}
