// Charts of kind "lines": one line per optimizer, with a band around it.

const CROWD = 12; // more lines than this are thin and show the band of a raised line alone
const LABEL_GAP = 15;
const LONGEST_LABEL = 180; // pixels

function drawLines(view, series, width) {
  const layout = layOutLines(view, series, width);
  if (layout === null) return null;
  const { x, y, yTicks, left, right, top, bottom, height, labelWidth } = layout;
  const points = { xs: Array.from(unpack(view.x.values), x.at), shape: view.shape };
  const drawing = canvasOf(`${view.y.label} over ${view.x.label}, optimizers: ${series.length}`, width, height);
  if (series.length > CROWD) drawing.classList.add("crowd");
  drawing.append(
    title(view.y),
    verticalAxis(y, yTicks, left, right),
    horizontalAxis(x, x.ticks((right - left) / 90), bottom, bottom + 4, bottom + 19),
    svg("text", { class: "title", x: (left + right) / 2, y: height - 6, "text-anchor": "middle" }, view.x.label),
  );
  if (Number.isFinite(view.reference)) drawing.append(referenceRow(view, left, right, y.at(view.reference)));
  const plot = svg("svg", frame(left - 6, top - 6, right - left + 12, bottom - top + 12));
  plot.append(...series.map((one) => drawLine(one, points, y)));
  drawing.append(plot);
  if (labelWidth > 0) drawing.append(drawLabels(series, layout, view.y.best));
  return { drawing, probe: (px, py) => probeLines(view, series, points.xs, x, y, px, py), rule: [top, bottom] };
}

function layOutLines(view, series, width) {
  const bands = series.length > CROWD ? [] : series.flatMap((one) => [...one.low, ...one.high]);
  const values = [...series.flatMap((one) => [...one.mid]), ...bands];
  const range = extent(view.y.scale, withReference(values, view), 0.02);
  const domain = extent(view.x.scale, unpack(view.x.values));
  if (range === null || domain === null) return null;
  const height = Math.round(Math.min(440, Math.max(300, width * 0.5)));
  const [top, bottom] = [32, height - 46];
  const isLowOnTop = view.y.top === "best" && view.y.best === "low";
  const y = makeScale(view.y.scale, range, isLowOnTop ? [top, bottom] : [bottom, top]);
  const yTicks = y.ticks((bottom - top) / 45);
  const left = Math.ceil(Math.max(24, ...yTicks.map(({ label }) => textWidth(label)))) + 8;
  const labels = labelsWithin(series.map(({ look }) => look), LONGEST_LABEL);
  const labelWidth = width < 620 ? 0 : Math.min(LONGEST_LABEL, widest(labels));
  const right = width - (labelWidth > 0 ? labelWidth + 30 : 20);
  const x = makeScale(view.x.scale, domain, [left, right]);
  return { x, y, yTicks, left, right, top, bottom, height, labels, labelWidth };
}

function frame(x, y, width, height) {
  return { x, y, width, height, viewBox: `${x} ${y} ${width} ${height}` };
}

function drawLine(one, { xs, shape }, y) {
  const [mid, low, high] = [one.mid, one.low, one.high].map((values) => Array.from(values, y.at));
  const band = stretches(xs, low, high).map(
    (stretch) => `M${trace(stretch, xs, high, shape).join("L")}L${trace(stretch, xs, low, shape).reverse().join("L")}Z`,
  );
  const line = stretches(xs, mid).map((stretch) => `M${trace(stretch, xs, mid, shape).join("L")}`);
  return svg(
    "g",
    { class: "series", "data-optimizer": one.number },
    svg("path", { class: "band", d: band.join(""), fill: one.look.color }),
    svg("path", { class: "line", d: line.join(""), stroke: one.look.color, ...dashes(one.look) }),
    ...markedPoints(xs, mid, one.number).map((i) => marker(one.look, xs[i], mid[i])),
  );
}

// Runs of points at which all columns have a value.
function stretches(...columns) {
  const found = [[]];
  for (let i = 0; i < columns[0].length; i += 1) {
    if (columns.every((column) => Number.isFinite(column[i]))) found.at(-1).push(i);
    else found.push([]);
  }
  return found.filter((stretch) => stretch.length > 0);
}

function trace(stretch, xs, ys, shape) {
  return stretch.flatMap((i, place) => {
    const point = (j) => `${xs[i].toFixed(2)} ${ys[j].toFixed(2)}`;
    return shape === "step" && place > 0 ? [point(stretch[place - 1]), point(i)] : [point(i)];
  });
}

// About six points, not the same of neighbouring optimizers so that markers don't cover each other.
function markedPoints(xs, ys, number) {
  const present = stretches(xs, ys).flat();
  if (present.length <= 6) return present;
  const spacing = present.length / 6;
  return Array.from({ length: 6 }, (_, i) => present[Math.floor((i + ((number * 3) % 8) / 8) * spacing)]);
}

function referenceRow(view, left, right, y) {
  const label = svg("text", { class: "tick", x: left + 4, y: y - 5 }, view.referenceLabel ?? "");
  return svg("g", { class: "reference" }, svg("line", { x1: left, x2: right, y1: y, y2: y }), label);
}

// Names at the lines' ends: all of them moved apart, or where there are too many, the best that don't collide.
function drawLabels(series, { y, right, top, bottom, labels: names, labelWidth }, best) {
  const ends = series
    .map((one, i) => ({ one, name: names[i], value: Array.from(one.mid).filter(Number.isFinite).at(-1) }))
    .filter(({ value }) => Number.isFinite(y.at(value)))
    .map((end) => ({ ...end, from: y.at(end.value), y: y.at(end.value) }));
  const labels = ends.length * LABEL_GAP <= bottom - top ? moveApart(ends, bottom) : withoutCollisions(ends, best);
  return svg(
    "g",
    { class: "labels" },
    ...labels.map(({ one, name, from, y }) =>
      svg(
        "g",
        { class: "series", "data-optimizer": one.number },
        svg("path", { class: "leader", d: `M${right + 2} ${from.toFixed(2)}L${right + 14} ${y.toFixed(2)}` }),
        marker(one.look, right + 20, y, 0.85),
        nameText({ x: right + 28, y: y.toFixed(2), dy: "0.35em" }, one.look, name, labelWidth),
      ),
    ),
  );
}

function moveApart(ends, bottom) {
  const labels = [...ends].sort((a, b) => a.from - b.from);
  labels.forEach((label, i) => {
    if (i > 0) label.y = Math.max(label.y, labels[i - 1].y + LABEL_GAP);
  });
  labels.reverse().forEach((label, i) => {
    label.y = Math.min(label.y, i > 0 ? labels[i - 1].y - LABEL_GAP : bottom);
  });
  return labels;
}

function withoutCollisions(ends, best) {
  const labels = [];
  for (const end of ends.sort((a, b) => compareValues(a.value, b.value, best))) {
    if (labels.every((label) => Math.abs(label.y - end.y) >= LABEL_GAP)) labels.push(end);
  }
  return labels;
}

function compareValues(a, b, best) {
  return best === "high" ? b - a : a - b;
}

// What the page says of the point that is nearest to the pointer.
function probeLines(view, series, xs, x, y, px, py) {
  const distances = xs.map((position) => (Number.isFinite(position) ? Math.abs(position - px) : Infinity));
  const i = distances.indexOf(Math.min(...distances));
  const present = series
    .filter((one) => Number.isFinite(one.mid[i]))
    .sort((a, b) => compareValues(a.mid[i], b.mid[i], view.y.best));
  if (present.length === 0) return null;
  const offsets = present.map((one) => Math.abs(y.at(one.mid[i]) - py));
  const closest = Math.min(...offsets);
  return {
    x: xs[i],
    raised: closest < 14 ? present[offsets.indexOf(closest)].number : null,
    heading: `${view.x.label}: ${x.format(unpack(view.x.values)[i])}`,
    entries: present.map((one) => entry(one, i, y.format)),
  };
}

function entry(one, i, format) {
  const hasInterval = Number.isFinite(one.low[i]) && Number.isFinite(one.high[i]);
  const interval = hasInterval ? `${format(one.low[i])} to ${format(one.high[i])}` : "";
  return { number: one.number, look: one.look, value: format(one.mid[i]), interval };
}
