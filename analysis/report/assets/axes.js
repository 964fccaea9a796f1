// The grid and the words around a drawing.

const GOOD_WAYS = { low: "lower is better", high: "higher is better" };

function title(axis) {
  const words = svg("text", { class: "title", x: 0, y: 12 }, axis.label);
  if (axis.best) words.append(svg("tspan", { class: "hint", dx: 8 }, GOOD_WAYS[axis.best]));
  return words;
}

function verticalAxis(scale, ticks, left, right) {
  return svg(
    "g",
    { class: "axis" },
    ...ticks.flatMap(({ value, label }) => {
      const y = scale.at(value).toFixed(2);
      const line = svg("line", { x1: left, x2: right, y1: y, y2: y });
      return [line, svg("text", { class: "tick", x: left - 8, y, dy: "0.35em", "text-anchor": "end" }, label)];
    }),
  );
}

// Ticks' labels stand at `labels`, lines run from `top` to `bottom`.
function horizontalAxis(scale, ticks, top, bottom, labels) {
  return svg(
    "g",
    { class: "axis" },
    ...ticks.flatMap(({ value, label }) => {
      const x = scale.at(value).toFixed(2);
      const line = svg("line", { x1: x, x2: x, y1: top, y2: bottom });
      return [line, svg("text", { class: "tick", x, y: labels, "text-anchor": "middle" }, label)];
    }),
  );
}

function canvasOf(words, width, height) {
  return svg("svg", { viewBox: `0 0 ${width} ${height}`, width, height, role: "img", "aria-label": words });
}
