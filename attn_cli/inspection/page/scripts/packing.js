// Arrays from base64, in the forms that packing.py writes.

const littleEndian = new Uint8Array(new Uint16Array([1]).buffer)[0] === 1;

// base64 -> the numbers of a typed array.
function numbersOf(base64, Type) {
  const text = atob(base64);
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
  if (!littleEndian && Type.BYTES_PER_ELEMENT > 1) {
    for (let i = 0; i < bytes.length; i += Type.BYTES_PER_ELEMENT) {
      bytes.subarray(i, i + Type.BYTES_PER_ELEMENT).reverse();
    }
  }
  return new Type(bytes.buffer);
}

// Integers of so many bits, one after the other, the highest bit of each first -> around 0.
function integersOf(base64, bits, count) {
  const bytes = numbersOf(base64, Uint8Array),
    middle = 2 ** (bits - 1) - 1;
  const integers = new Int32Array(count);
  let held = 0,
    heldBits = 0,
    next = 0;
  for (let i = 0; i < count; i++) {
    while (heldBits < bits) {
      held = (held << 8) | bytes[next++];
      heldBits += 8;
    }
    heldBits -= bits;
    integers[i] = (held >>> heldBits) - middle;
    held &= (1 << heldBits) - 1;
  }
  return integers;
}

// A packed table: for each number of bits, the rows that have so many, in their order.
function unpackedTable({ shape: [rows, columns], scale, bits, data }) {
  const rowBits = numbersOf(bits, Uint8Array),
    values = new Float32Array(rows * columns);
  for (const [width, integers] of Object.entries(data)) {
    const own = [...rowBits.keys()].filter((row) => rowBits[row] === Number(width));
    const steps = integersOf(integers, Number(width), own.length * columns);
    own.forEach((row, i) => {
      for (let c = 0; c < columns; c++) values[row * columns + c] = steps[i * columns + c] * scale;
    });
  }
  return values;
}

// A packed array -> Float32Array, row after row.
function unpacked(array) {
  const { form, shape, data, bits, scales } = array;
  if (form === "table") return unpackedTable(array);
  if (form === "float32") return numbersOf(data, Float32Array);
  if (form === "fractions") return Float32Array.from(numbersOf(data, Uint8Array), (n) => n / 255);
  const [rows, columns] = shape,
    rowScales = numbersOf(scales, Float32Array);
  const values = Float32Array.from(integersOf(data, bits, rows * columns));
  for (let i = 0; i < values.length; i++) values[i] *= rowScales[Math.floor(i / columns)];
  return values;
}
