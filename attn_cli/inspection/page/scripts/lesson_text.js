// What the lesson follows of a text, as lesson/context.py has it, and what its expressions stand
// for, as lesson/quantities.py evaluates them.

const LESSON_SHOWN = 8, // rows and columns of a table
  LESSON_CANDIDATES = 5,
  LESSON_TIE = 1e-5;

const softmaxOf = (row) => {
  const out = Float32Array.from(row);
  softmaxInPlace(out, 0, out.length);
  return out;
};

const indexOfMost = (row) => row.reduce((best, value, i) => (value > row[best] ? i : best), 0);

class LessonText {
  // `plan`: of the payload. `pass`: the forward pass of a text.
  constructor(pass, plan, maskId) {
    const { layer, head, symbols } = plan;
    Object.assign(this, { pass, layer, head, symbols, ids: pass.ids });
    this.model = pass.model;
    this.tensors = new LessonTensors(pass, layer);
    this.T = this.ids.length;
    this.D = this.model.headSize;
    this.encoder = maskId !== null;
    this.followed = this.encoder ? this.ids.indexOf(maskId) : this.T - 1;
    this.weights = this.tensors.head("softmax weights", head);
    this.topKey = indexOfMost(this.weights[this.followed]);
    this.shown = this.shownPositions();
    this.omitted = Array.from(this.ids.keys()).filter((t) => !this.shown.includes(t));
    this.cut = this.omitted.length ? `; ${this.shown.length} of them` : "";
    const V = pass.vocabSize,
      start = this.followed * V;
    this.answer = pass.logits.slice(start, start + V - this.encoder);
    const order = Array.from(this.answer.keys()).sort((a, b) => this.answer[b] - this.answer[a]);
    this.candidates = order.slice(0, order.length <= LESSON_SHOWN ? order.length : LESSON_CANDIDATES);
  }

  shownPositions() {
    if (this.T <= LESSON_SHOWN) return Array.from(this.ids.keys());
    const around = (count) => {
      const first = Math.min(Math.max(0, this.followed - Math.floor(count / 2)), this.T - count);
      return Array.from({ length: count }, (_, i) => first + i);
    };
    const all = around(LESSON_SHOWN);
    if (all.includes(this.topKey)) return all;
    return [...around(LESSON_SHOWN - 1), this.topKey].sort((a, b) => a - b);
  }

  symbol(id) {
    return this.symbols[id];
  }

  get columnNames() {
    return this.shown.map((t) => this.symbol(this.ids[t]));
  }

  get rowNames() {
    const digits = String(this.T - 1).length;
    return this.shown.map((t) => `${String(t).padStart(digits)} ${this.symbol(this.ids[t])}`);
  }

  atTemperature(temperature) {
    const scaled = Array.from(this.answer, (logit) => logit / temperature),
      largest = Math.max(...scaled),
      whole = scaled.reduce((sum, one) => sum + Math.exp(one - largest), 0);
    const shown = this.candidates.map((id) => Math.exp(scaled[id] - largest) / whole);
    const rest = Math.max(1 - shown.reduce((sum, one) => sum + one, 0), 0);
    return roundedTogether([...shown, rest], LESSON_SUM);
  }

  // The cross-entropy of the character after position t, in nats.
  loss(t) {
    const V = this.pass.vocabSize;
    return Math.fround(-logSoftmaxAt(this.pass.logits, t * V, V, this.ids[t + 1]));
  }

  named(name) {
    const { T, followed, topKey, shown, ids } = this;
    const row = this.weights[followed];
    const scores = (which) => this.tensors.head(which, this.head);
    const counts = () => {
      const count = new Map();
      for (const id of ids) count.set(id, (count.get(id) ?? 0) + 1);
      return Array.from(count).reduce((most, one) => (one[1] > most[1] ? one : most));
    };
    const apart = () => {
      const others = shown.filter((t) => t !== topKey);
      return topKey < Math.min(...others) - 1 || topKey > Math.max(...others) + 1;
    };
    const meanLoss = () => {
      let sum = 0;
      for (let t = 0; t < T - 1; t++) sum += this.loss(t);
      return sum / (T - 1);
    };
    return {
      T: () => T,
      followed: () => followed,
      top_key: () => topKey,
      omitted: () => this.omitted.length > 0,
      shown: () => shown.length,
      "first shown": () => shown[0],
      "top key is apart": apart,
      ids: () => ids,
      commonest: () => counts()[0],
      times: () => counts()[1],
      ties: () => row.filter((weight) => weight > row[topKey] - LESSON_TIE).length - 1,
      "visible scores": () => scores(this.encoder ? "scaled scores" : "masked scores"),
      "without mask": () => scores("scaled scores").map(softmaxOf),
      "with mask": () =>
        scores("scaled scores").map((one, t) => softmaxOf(one.map((score, j) => (j > t ? -Infinity : score)))),
      answer: () => this.answer,
      best: () => this.candidates[0],
      second: () => this.candidates[1],
      drawn: () => this.atTemperature(1)[0],
      "mean loss": meanLoss,
    }[name]();
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
      quoted: () => `‘${this.symbol(this.ids[value(0)])}’ at position ${value(0)}`,
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
