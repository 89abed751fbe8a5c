// Numbers as this page writes them.

// A number with so many digits and a true minus; a dash for what is none.
function number(value, digits = 3) {
  if (!Number.isFinite(value)) return value === -Infinity ? "−∞" : "–";
  const text = Math.abs(value).toFixed(digits);
  return value < 0 && Number(text) !== 0 ? `−${text}` : text;
}

function signed(value, digits = 3) {
  const text = number(value, digits);
  return value > 0 && Number(text) !== 0 ? `+${text}` : text;
}

const bits = (value) => `${number(value, 2)} bits`;

function percent(fraction) {
  if (!Number.isFinite(fraction)) return "–";
  if (fraction === 0) return "0%";
  if (fraction < 0.001) return "<0.1%";
  if (fraction > 0.9995 && fraction < 1 - 1e-6) return ">99.9%"; // 1 but for rounding is 100%
  if (fraction > 0.995 && fraction < 0.9995) return `${(100 * fraction).toFixed(1)}%`;
  return `${(100 * fraction).toFixed(fraction < 0.0995 ? 1 : 0)}%`;
}

// "3 characters", "1 character".
function counted(count, noun) {
  return `${count.toLocaleString("en")} ${noun}${count === 1 ? "" : "s"}`;
}
