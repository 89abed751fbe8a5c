// The operations of a forward pass on flat arrays, one row a character.
// Numbers are stored with 32 bits and summed with 64.

// out = x @ weight.T + bias for the rows from `from` up to `to`; weight is (outSize, inSize).
// Four rows at a time, so that each weight is read once for four characters.
function linear(x, { weight, bias }, out, from, to, inSize, outSize) {
  let t = from;
  for (; t + 4 <= to; t += 4) {
    const a = t * inSize,
      b = a + inSize,
      c = b + inSize,
      d = c + inSize;
    for (let o = 0; o < outSize; o++) {
      const w = o * inSize,
        start = bias ? bias[o] : 0;
      let first = start,
        second = start,
        third = start,
        fourth = start;
      for (let i = 0; i < inSize; i++) {
        const factor = weight[w + i];
        first += factor * x[a + i];
        second += factor * x[b + i];
        third += factor * x[c + i];
        fourth += factor * x[d + i];
      }
      const index = t * outSize + o;
      out[index] = first;
      out[index + outSize] = second;
      out[index + 2 * outSize] = third;
      out[index + 3 * outSize] = fourth;
    }
  }
  for (; t < to; t++) {
    for (let o = 0; o < outSize; o++) {
      out[t * outSize + o] = (bias ? bias[o] : 0) + dot(x, t * inSize, weight, o * inSize, inSize);
    }
  }
}

function dot(x, xStart, y, yStart, size) {
  let sum = 0;
  for (let i = 0; i < size; i++) sum += x[xStart + i] * y[yStart + i];
  return sum;
}

// x / sqrt(mean(x²) + eps) * weight, over each piece of `size`; may write over x.
function rmsNorm(x, { weight }, out, from, to, size, eps) {
  for (let start = from * size; start < to * size; start += size) {
    const scale = 1 / Math.sqrt(dot(x, start, x, start, size) / size + eps);
    for (let i = 0; i < size; i++) out[start + i] = x[start + i] * scale * weight[i];
  }
}

// (x - mean) / sqrt(variance + eps) * weight + bias, over each piece of `size`.
function layerNorm(x, { weight, bias }, out, from, to, size, eps) {
  for (let start = from * size; start < to * size; start += size) {
    let mean = 0,
      variance = 0;
    for (let i = start; i < start + size; i++) mean += x[i];
    mean /= size;
    for (let i = start; i < start + size; i++) variance += (x[i] - mean) ** 2;
    const scale = 1 / Math.sqrt(variance / size + eps);
    for (let i = 0; i < size; i++) {
      out[start + i] = (x[start + i] - mean) * scale * weight[i] + (bias ? bias[i] : 0);
    }
  }
}

// GPT-2's GELU, the form with tanh.
function gelu(x) {
  return 0.5 * x * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x * x * x)));
}

function silu(x) {
  return x / (1 + Math.exp(-x));
}

// The softmax of a piece of x, written over it.
function softmaxInPlace(x, start, size) {
  let largest = -Infinity,
    sum = 0;
  for (let i = start; i < start + size; i++) largest = Math.max(largest, x[i]);
  for (let i = start; i < start + size; i++) sum += x[i] = Math.exp(x[i] - largest);
  for (let i = start; i < start + size; i++) x[i] /= sum;
}

// The natural logarithm of the softmax of a piece of x, at one index.
function logSoftmaxAt(x, start, size, index) {
  let largest = -Infinity,
    sum = 0;
  for (let i = start; i < start + size; i++) largest = Math.max(largest, x[i]);
  for (let i = start; i < start + size; i++) sum += Math.exp(x[i] - largest);
  return x[start + index] - largest - Math.log(sum);
}
