// Scales from values to pixels, and the ticks of their axes.

const IDENTITY = { forth: Number, back: Number, format: formatNumber };
const MEASURES = {
  linear: IDENTITY,
  percent: { ...IDENTITY, format: formatPercent },
  whole: { ...IDENTITY, format: (value) => withCommas(withMinus(`${Math.round(value) + 0}`)) },
  log: { forth: (value) => (value > 0 ? Math.log10(value) : NaN), back: (value) => 10 ** value, format: formatNumber },
  // What is 0 or less stands on the edge.
  distance: { forth: (value) => (value > 0 ? Math.log10(value) : value <= 0 ? -Infinity : NaN), back: (value) => 10 ** value, format: formatNumber },
};

// The lowest and the highest value that the scale can show, or null; `padding` is a share of their distance, unless
// nothing is so far out.
function extent(kind, values, padding = 0) {
  const { forth, back } = MEASURES[kind];
  let [low, high] = [Infinity, -Infinity];
  for (const value of values) {
    const position = forth(value);
    if (!Number.isFinite(position)) continue;
    low = Math.min(low, position);
    high = Math.max(high, position);
  }
  if (low > high) return null;
  const margin = high > low ? padding * (high - low) : 0.1 * Math.abs(high) || 0.5;
  const [first, last] = [back(low - margin), back(high + margin)];
  return [Number.isFinite(forth(first)) ? first : back(low), Number.isFinite(last) ? last : back(high)];
}

function withReference(values, { reference }) {
  return Number.isFinite(reference) ? [...values, reference] : values;
}

function makeScale(kind, [low, high], [start, end]) {
  const { forth, format } = MEASURES[kind];
  const [first, last] = [forth(low), forth(high)];
  return {
    at: (value) => start + (((kind === "distance" ? Math.max(first, forth(value)) : forth(value)) - first) / (last - first)) * (end - start),
    ticks: (count) => ticks(kind, low, high, count),
    format,
    start,
    end,
  };
}

function ticks(kind, low, high, count) {
  if (kind === "log" || kind === "distance") return logTicks(low, high, count);
  if (kind === "linear") return linearTicks(low, high, count);
  const percent = linearTicks(100 * low, 100 * high, count);
  return percent.map(({ value, label }) => ({ value: value / 100, label: `${label}\u202f%` }));
}

function linearTicks(low, high, count) {
  const rough = (high - low) / Math.max(1, count);
  const power = Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].find((factor) => factor * 10 ** power >= rough * 0.999) * 10 ** power;
  const [first, last] = [Math.ceil(low / step - 1e-6), Math.floor(high / step + 1e-6)];
  const multiples = Array.from({ length: last - first + 1 }, (_, i) => first + i);
  const decimals = Math.max(0, -Math.floor(Math.log10(step * 1.001)));
  const isPlain = decimals <= 4 && Math.max(Math.abs(low), Math.abs(high)) < 1e6;
  const digits = 1 + Math.ceil(Math.log10(Math.max(1, ...multiples.map(Math.abs))));
  return multiples.map((multiple) => {
    const value = multiple * step;
    return { value, label: isPlain ? withCommas(withMinus((value || 0).toFixed(decimals))) : formatNumber(value, digits) };
  });
}

// Powers of ten; below three of them also 2 and 5 times these; within less than that as on a linear scale.
function logTicks(low, high, count) {
  const [first, last] = [Math.ceil(Math.log10(low) - 1e-6), Math.floor(Math.log10(high) + 1e-6)];
  const stride = Math.max(1, Math.ceil((last - first + 1) / Math.max(2, count)));
  const exponents = Array.from({ length: Math.max(0, last - first + 1) }, (_, i) => first + i);
  if (exponents.length >= 3) {
    return exponents
      .filter((exponent) => exponent % stride === 0)
      .map((exponent) => ({ value: 10 ** exponent, label: formatPower(exponent) }));
  }
  const multiples = [first - 1, ...exponents]
    .flatMap((exponent) => [1, 2, 5].map((factor) => factor * 10 ** exponent))
    .filter((value) => value >= low * 0.999 && value <= high * 1.001);
  if (multiples.length >= 3) return multiples.map((value) => ({ value, label: formatNumber(value, 1) }));
  return linearTicks(low, high, count).filter(({ value }) => value > 0);
}
