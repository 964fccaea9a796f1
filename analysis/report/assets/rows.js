// Charts of kinds "intervals" and "points": one row per optimizer; values run along the horizontal axis.

function drawRows(view, series, width) {
  const { format } = MEASURES[view.y.scale];
  const words = series.map((one) => outcome(one, format));
  const layout = layOutRows(view, series, width, Math.max(...words.map(textWidth)));
  if (layout === null) return null;
  const { x, top, height, rowHeight } = layout;
  const drawing = canvasOf(`${view.y.label}, optimizers: ${series.length}`, width, height);
  const ticks = x.ticks((x.end - x.start) / 80);
  drawing.append(title(view.y), horizontalAxis(x, ticks, top - 4, height, top - 10));
  if (Number.isFinite(view.reference)) drawing.append(referenceColumn(view, x, top, height));
  drawing.append(...series.map((one, i) => drawRow(view, one, [layout.names[i], words[i]], layout, top + i * rowHeight, width)));
  return { drawing, probe: (px, py) => probeRows(view, series, format, Math.floor((py - top) / rowHeight), px) };
}

// On a narrow screen the words stand above the marks, else beside them.
function layOutRows(view, series, width, wordWidth) {
  const values = series.flatMap((one) => [...one.mid, ...one.low, ...one.high, ...one.values]);
  const range = extent(view.y.scale, withReference(values, view), 0.02);
  if (range === null) return null;
  const isStacked = width < 560;
  const rowHeight = isStacked ? 42 : series.length > 20 ? 20 : 26;
  const room = isStacked ? width - wordWidth - 40 : width * 0.36;
  const names = labelsWithin(series.map(({ look }) => look), room);
  const nameWidth = Math.min(room, widest(names));
  const span = isStacked ? [8, width - 8] : [nameWidth + 36, width - wordWidth - 20];
  const top = Number.isFinite(view.reference) ? 58 : 42;
  return {
    x: makeScale(view.y.scale, range, span),
    top,
    height: top + series.length * rowHeight + 6,
    rowHeight,
    names,
    nameWidth,
    wordsAt: rowHeight * (isStacked ? 0.32 : 0.5),
    marksAt: rowHeight * (isStacked ? 0.74 : 0.5),
  };
}

function drawRow(view, one, [name, words], { x, nameWidth, wordsAt, marksAt }, top, width) {
  const y = top + wordsAt;
  return svg(
    "g",
    { class: "series", "data-optimizer": one.number },
    marker(one.look, 8, y),
    nameText({ x: 20, y, dy: "0.35em" }, one.look, name, nameWidth),
    ...(view.kind === "points" ? dots(one, x, top + marksAt) : bar(one, x, top + marksAt)),
    svg("text", { class: "value", x: width, y, dy: "0.35em", "text-anchor": "end" }, words),
  );
}

function outcome(one, format) {
  const missing = Array.from(one.values).filter(Number.isNaN).length;
  const words = [
    Number.isFinite(one.mid[0]) ? format(one.mid[0]) : "no result",
    ...(missing > 0 && missing < one.values.length ? [`${missing} missing`] : []),
  ];
  return words.join(", ");
}

function bar(one, x, y) {
  const [low, mid, high] = [one.low[0], one.mid[0], one.high[0]].map(x.at);
  const marks = [];
  if (Number.isFinite(low) && Number.isFinite(high)) {
    const d = `M${low.toFixed(2)} ${y}H${high.toFixed(2)}`;
    marks.push(svg("path", { class: "bar", d, stroke: one.look.color, ...dashes(one.look) }));
  }
  if (Number.isFinite(mid)) marks.push(marker(one.look, mid, y, 1.15));
  return marks;
}

function dots(one, x, y) {
  const spread = (i) => (((i + 1) * 0.618) % 1) - 0.5;
  const marks = Array.from(one.values, (value, i) => [x.at(value), y + 10 * spread(i)])
    .filter(([position]) => Number.isFinite(position))
    .map(([position, height]) => {
      const dot = marker(one.look, position, height, 0.9);
      dot.classList.add("dot");
      return dot;
    });
  const mid = x.at(one.mid[0]);
  if (!Number.isFinite(mid)) return marks;
  const [d, stroke] = [`M${mid.toFixed(2)} ${y - 8}V${y + 8}`, one.look.color];
  return [...marks, svg("path", { class: "median", d, stroke })];
}

function referenceColumn(view, x, top, height) {
  const position = x.at(view.reference);
  const anchor = position > (x.start + x.end) / 2 ? "end" : "start";
  const label = { class: "tick", x: position, y: top - 28, "text-anchor": anchor };
  const line = svg("line", { x1: position, x2: position, y1: top - 24, y2: height });
  return svg("g", { class: "reference" }, line, svg("text", label, view.referenceLabel ?? ""));
}

function probeRows(view, series, format, row, px) {
  const one = series[row];
  if (one === undefined) return null;
  const results = Array.from(one.values, (value) => format(value)).join("   ");
  const heading = view.kind === "points" && results ? `${view.y.label}, each run: ${results}` : view.y.label;
  return { x: px, raised: one.number, heading, entries: [entry(one, 0, format)] };
}
