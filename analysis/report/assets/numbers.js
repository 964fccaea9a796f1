// Numbers as readers write them.

const SUPERSCRIPTS = { "-": "⁻", 0: "⁰", 1: "¹", 2: "²", 3: "³", 4: "⁴", 5: "⁵", 6: "⁶", 7: "⁷", 8: "⁸", 9: "⁹" };

function withMinus(text) {
  return text.replace("-", "−");
}

// A comma between thousands.
function withCommas(text) {
  return text.replace(/\d+/, (digits) => digits.replace(/\B(?=(\d{3})+$)/g, ","));
}

function formatPower(exponent) {
  if (exponent === 0) return "1";
  if (exponent === 1) return "10";
  return "10" + [...String(exponent)].map((character) => SUPERSCRIPTS[character]).join("");
}

function formatNumber(value, digits = 4) {
  if (!Number.isFinite(value)) return "–";
  const [mantissa, exponent] = value.toExponential(digits - 1).split("e").map(Number);
  if (exponent >= -4 && exponent <= 5) return withCommas(withMinus(String(Number(value.toPrecision(digits)))));
  return withMinus(`${mantissa} × ${formatPower(exponent)}`);
}

function formatPercent(share, digits = 4) {
  return `${formatNumber(100 * share, digits)}\u202f%`;
}
