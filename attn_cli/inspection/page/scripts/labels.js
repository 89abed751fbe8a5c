// A classifier: the labels of the text with their probabilities, and what each character does for the
// most probable one, as in inspection/label_evidence.py.
//
// T characters, C channels, Y labels.

// The logits (Y,) of a text that a pass has run on; `ngramScores`: (T + 1, Y), null without n-grams.
function labelLogits({ model, ids, hidden }, ngramScores) {
  const C = model.n_embd,
    Y = model.labels.length,
    T = ids.length,
    mean = new Float32Array(C),
    logits = new Float32Array(Y);
  for (let i = 0; i < T * C; i++) mean[i % C] += hidden[i] / T;
  linear(mean, model.head, logits, 0, 1, C, Y);
  ngramScores?.forEach((score, i) => (logits[i % Y] += score));
  return logits;
}

// What speaks for the most probable label of the text of a pass.
class LabelEvidence {
  constructor(pass) {
    const { model, ids, hidden } = pass,
      C = model.n_embd,
      Y = model.labels.length,
      T = ids.length;
    const ngramScores = model.labelNgrams?.scores(ids, Y) ?? null;
    const logits = labelLogits(pass, ngramScores);
    this.probs = probabilities(logits);
    this.label = mostProbable(this.probs);
    // Above the mean of all labels: what (Y,) numbers add to this one's logit more than to others.
    const aboveMean = (numbers) =>
      numbers[this.label] - numbers.reduce((sum, value) => sum + value, 0) / Y;
    const ownScore = (t, y) => dot(hidden, t * C, model.head.weight, y * C, C) / T;
    const places = Array.from({ length: T }, (_, t) => t);
    this.shares = places.map((t) => aboveMean(model.labels.map((_, y) => ownScore(t, y)))); // (T,)
    this.ngramShares = // (T + 1,)
      ngramScores &&
      [...places, T].map((t) => aboveMean(Array.from(ngramScores.subarray(t * Y, (t + 1) * Y))));
    this.bias = aboveMean(Array.from(model.head.bias));
    this.logit = aboveMean(Array.from(logits)); // the sum of all of these
  }

  // What a character adds in all.
  share(t) {
    return this.shares[t] + (this.ngramShares?.[t] ?? 0);
  }
}

function labelsView(state) {
  const { model } = state,
    names = { shown: (y) => model.labels[y], named: (y) => model.labels[y] };

  state.subscribe(["text"], () => {
    const { probs, label, bias, logit, ngramShares } = state.evidence;
    const order = ranked(probs),
      others = order.slice(MOST_BARS);
    drawBars(
      byId("label-probs"),
      names,
      order.slice(0, MOST_BARS).map((id) => ({ id, own: 0, kept: probs[id], marked: id === label })),
    );
    say("label-caption", `${model.labels[label]} with ${percent(probs[label])}`);
    byId("label-rest").textContent = others.length
      ? `${counted(others.length, "other")}: ${percent(others.reduce((sum, y) => sum + probs[y], 0))} together.`
      : "";
    const end = ngramShares?.at(-1) ?? 0;
    const parts = [
      `characters ${signed(logit - bias - end, 2)}`,
      ...(ngramShares ? [`n-grams that end with the text ${signed(end, 2)}`] : []),
      `without any text ${signed(bias, 2)}`,
    ];
    byId("label-sum").textContent =
      `The logit of ${model.labels[label]}, above the mean of all labels: ${signed(logit, 2)} = ${parts.join(", ")}.`;
  });
}

// What one character does for the label, as a sentence.
function labelSentence(state, t) {
  const { evidence, model } = state,
    { label, probs, ngramShares } = evidence,
    name = model.labels[label];
  const parts = ngramShares
    ? ` (its vector ${signed(evidence.shares[t], 2)}, the n-grams that end there ${signed(ngramShares[t], 2)})`
    : "";
  const without = state.probabilityWithout(t);
  const leftOut =
    without === null ? "" : ` Left out, ${name} has ${percent(without)} instead of ${percent(probs[label])}.`;
  return `${state.name(t)} adds ${signed(evidence.share(t), 2)} to the logit of ${name}${parts}.${leftOut}`;
}

// The shades of the text: what speaks for the label; null where a character speaks against it.
function labelShades({ evidence, ids }) {
  const shares = ids.map((_, t) => evidence.share(t)),
    most = Math.max(...shares.map(Math.abs)) || 1;
  return shares.map((share) => (share < 0 ? null : share / most));
}
