// What a lesson follows, as lesson/attention_context.py and context.py have it, and what its
// expressions stand for, as lesson/quantities.py evaluates them.

const LESSON_SHOWN = 8, // rows and columns of a table
  LESSON_CANDIDATES = 5,
  LESSON_TIE = 1e-5;

const softmaxOf = (row) => {
  const out = Float32Array.from(row);
  softmaxInPlace(out, 0, out.length);
  return out;
};

const indexOfMost = (row) => row.reduce((best, value, i) => (value > row[best] ? i : best), 0);

// The positions of a text that tables show: all, or some around one place, and `top` with them.
class ShownPositions {
  constructor(symbols, place, top = place) {
    const T = symbols.length,
      all = Array.from(symbols.keys());
    const around = (count) => {
      const first = Math.min(Math.max(0, place - Math.floor(count / 2)), T - count);
      return all.slice(first, first + count);
    };
    const named = (t) => `${String(t).padStart(String(T - 1).length)} ${symbols[t]}`;
    let positions = T <= LESSON_SHOWN ? all : around(LESSON_SHOWN);
    if (!positions.includes(top)) positions = [...around(LESSON_SHOWN - 1), top].sort((a, b) => a - b);
    Object.assign(this, { symbols, positions, length: T });
    this.omitted = all.filter((t) => !positions.includes(t));
    this.names = positions.map(named);
    this.headings = positions.map((t) => symbols[t]);
    this.cut = this.omitted.length ? `; ${positions.length} of them` : "";
  }
}

// What every lesson follows: one forward pass, and in it one row of one head's weights.
class FollowedRow {
  // A subclass has `followed`, `topKey`, `queries`, `keys`; `answers`, what is right at the positions
  // at which that is known, and its loss in nats; and what `own` names.
  constructor(pass, { layer, head, symbols }, tensors) {
    Object.assign(this, { pass, layer, head, symbols, tensors, ids: pass.ids, model: pass.model });
    this.T = this.ids.length;
    this.weights = tensors.head("softmax weights", head); // (T, S)
  }

  symbol(id) {
    return this.symbols[id];
  }

  // Takes the logits of what the model is asked.
  ask(logits) {
    this.answer = logits;
    const order = Array.from(logits.keys()).sort((a, b) => logits[b] - logits[a]);
    this.candidates = order.slice(0, order.length <= LESSON_SHOWN ? order.length : LESSON_CANDIDATES);
  }

  logitsAt(t, count = this.pass.vocabSize) {
    const start = t * this.pass.vocabSize;
    return this.pass.logits.slice(start, start + count);
  }

  atTemperature(temperature) {
    const scaled = Array.from(this.answer, (logit) => logit / temperature),
      largest = Math.max(...scaled),
      whole = scaled.reduce((sum, one) => sum + Math.exp(one - largest), 0);
    const shown = this.candidates.map((id) => Math.exp(scaled[id] - largest) / whole);
    const rest = Math.max(1 - shown.reduce((sum, one) => sum + one, 0), 0);
    return roundedTogether([...shown, rest], LESSON_SUM);
  }

  get meanLoss() {
    const losses = Array.from(this.answers.values(), (answer) => answer.loss);
    return total(losses) / losses.length;
  }

  named(name) {
    const made = {
      T: () => this.T,
      followed: () => this.followed,
      top_key: () => this.topKey,
      ids: () => this.ids,
      shown: () => this.queries.positions.length,
      cut: () => this.queries.cut,
      answer: () => this.answer,
      best: () => this.candidates[0],
      second: () => this.candidates[1],
      drawn: () => this.atTemperature(1)[0],
      answers: () => this.answers.size,
      "shown answers": () => this.queries.positions.filter((t) => this.answers.has(t)).length,
      "mean loss": () => this.meanLoss,
      ...this.own(),
    };
    return made[name]();
  }

  value(expression) {
    if (typeof expression === "string") return this.named(expression);
    if (!Array.isArray(expression)) return expression;
    const [operation, ...parts] = expression,
      value = (index) => this.value(parts[index]),
      group = () => parts[0].map((one) => this.value(one));
    return {
      activation: () => this.tensors.activation(parts[0]),
      stream: () => this.tensors.stream(parts[0]),
      layer: () => this.tensors.layer(parts[0]),
      head: () => this.tensors.head(parts[0], this.head),
      weight: () => this.tensors.weight(parts[0]),
      at: () => value(0)[value(1)],
      "+": () => value(0) + value(1),
      "-": () => value(0) - value(1),
      "*": () => value(0) * value(1),
      "/": () => value(0) / value(1),
      cube: () => value(0) ** 3,
      exp: () => Math.exp(value(0)),
      cos: () => Math.cos(value(0)),
      sin: () => Math.sin(value(0)),
      sum: () => value(0).slice(value(1), value(2)).reduce((sum, one) => sum + one, 0),
      argmax: () => indexOfMost(value(0)),
      "argmax of sizes": () => indexOfMost(value(0).map(Math.abs)),
      "<": () => value(0) < value(1),
      "=": () => value(0) === value(1),
      rounded: () => roundedTogether(group(), parts[1])[parts[2]],
      factors: () => roundedFactors(group())[parts[1]],
      fixed: () => fixed(value(0), parts[1]),
      parentheses: () => inParentheses(value(0)),
      quoted: () => this.quoted(value(0)),
      ngram: () => this.ngram(value(0), value(1)),
      "ngram row": () => this.ngramRow(value(0), value(1)),
      "ngram number": () => this.ngramNumber(value(0)),
      joined: () => value(0).flatMap((row) => Array.from(row)),
      symbol: () => this.symbol(value(0)),
      if: () => this.said(value(0) ? parts[1] : parts[2]),
    }[operation]();
  }

  // A text: as it is, or pieces, of which the lists hold an expression each.
  said(text) {
    if (typeof text === "string") return text;
    return text.map((one) => (Array.isArray(one) ? this.value(one[0]) : one)).join("");
  }
}

class LessonText extends FollowedRow {
  // `plan`: of the payload. `pass`: the forward pass of a text. `read`: the text as it was read;
  // an encoder's may be without the blank that the pass has.
  constructor(pass, plan, maskId, read = pass.ids) {
    super(pass, plan, new LessonTensors(pass, plan.layer));
    this.encoder = maskId !== null;
    this.followed = this.encoder ? this.ids.indexOf(maskId) : this.T - 1;
    this.topKey = indexOfMost(this.weights[this.followed]);
    const symbols = Array.from(this.ids, (id) => this.symbol(id));
    this.queries = this.keys = new ShownPositions(symbols, this.followed, this.topKey);
    this.ask(this.logitsAt(this.followed, pass.vocabSize - this.encoder));
    this.answers = this.encoder ? this.hiddenInTurn(read, plan.first, maskId) : this.nextCharacters();
  }

  quoted(t) {
    return `‘${this.symbol(this.ids[t])}’ at position ${t}`;
  }

  // The last characters up to t; ∅ stands for what is before the text.
  ngram(length, t) {
    const first = t + 1 - length,
      known = Array.from(this.ids.slice(Math.max(0, first), t + 1), (id) => this.symbol(id));
    return "∅".repeat(Math.max(0, -first)) + known.join("");
  }

  ngramRow(which, t) {
    return this.model.ngrams.row(this.ids, t, which);
  }

  // The number, in a hash, of the character so far before the followed one.
  ngramNumber(back) {
    return back <= this.followed ? this.ids[this.followed - back] + 1 : 0;
  }

  get topKeyName() {
    return this.topKey === this.followed ? "itself" : this.quoted(this.topKey);
  }

  seenBy(t) {
    return this.pass.seenBy(t);
  }

  get placeOfAnswer() {
    return this.encoder ? "in the blank" : "after the text";
  }

  nextCharacters() {
    const { pass, ids } = this,
      V = pass.vocabSize;
    const loss = (t) => Math.fround(-logSoftmaxAt(pass.logits, t * V, V, ids[t + 1]));
    return new Map(Array.from(ids.slice(1), (id, t) => [t, { id, get loss() { return loss(t); } }]));
  }

  // Of an encoder: each character of a text without blanks hidden in turn. A forward pass each, so
  // none is made before its loss is asked for.
  hiddenInTurn(read, first, maskId) {
    const answers = new Map();
    if (read.includes(maskId)) return answers;
    const own = new ForwardPass(this.model),
      V = this.pass.vocabSize;
    const lossAt = (t) => {
      own.run(read.map((id, at) => (at === t ? maskId : id)));
      return Math.fround(-logSoftmaxAt(own.logits, t * V, V - 1, read[t])); // the mask is the last
    };
    for (let t = first; t < read.length; t++) {
      let known = null;
      answers.set(t, { id: read[t], get loss() { return (known ??= lossAt(t)); } });
    }
    return answers;
  }

  own() {
    const { T, followed, topKey, ids } = this,
      shown = this.keys.positions,
      row = this.weights[followed];
    const scores = (which) => this.tensors.head(which, this.head);
    const commonest = () => {
      const count = new Map();
      for (const id of ids) count.set(id, (count.get(id) ?? 0) + 1);
      return Array.from(count).reduce((most, one) => (one[1] > most[1] ? one : most));
    };
    const apart = () => {
      const others = shown.filter((t) => t !== topKey);
      return topKey < Math.min(...others) - 1 || topKey > Math.max(...others) + 1;
    };
    return {
      "first shown": () => shown[0],
      "filled n-grams": () =>
        this.tensors.activation("n-gram embeddings")[followed].filter((one) => one.some((x) => x !== 0)).length,
      "top key is apart": apart,
      commonest: () => commonest()[0],
      times: () => commonest()[1],
      ties: () => row.filter((weight) => weight > row[topKey] - LESSON_TIE).length - 1,
      "visible scores": () => scores(this.encoder ? "scaled scores" : "masked scores"),
      "without mask": () => scores("scaled scores").map(softmaxOf),
      "with mask": () =>
        scores("scaled scores").map((one, t) => softmaxOf(one.map((score, j) => (j > t ? -Infinity : score)))),
    };
  }
}
