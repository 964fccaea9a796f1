// Charts of kind "matrix": a value for each pair of optimizers, or of other things that have labels.

const ABOVE = "#0072b2";
const BELOW = "#d55e00";
const LARGEST_CELL = 46; // pixels
const LARGEST_SIDE = 860;
const SMALLEST_NAMED_CELL = 11;

function drawMatrix(view, items, width) {
  const values = unpack(view.mid);
  const size = Math.sqrt(values.length);
  const value = (row, column) => values[row.place * size + column.place];
  const layout = layOutMatrix(items, width);
  const { left, top, cell } = layout;
  const height = Math.ceil(top + cell * items.length + 2);
  const drawing = canvasOf(`${view.y.label}, ${items.length} by ${items.length}`, width, height);
  drawing.append(title({ label: view.y.label }), ...items.map((item, i) => drawColumnName(item, i, layout)));
  items.forEach((row, i) => {
    const cells = items.map((column, j) => drawCell(view, value(row, column), left + j * cell, top + i * cell, cell));
    drawing.append(furnish(drawRowName(row, i, layout), {}, cells.flat()));
  });
  const at = (px, py) => [items[Math.floor((py - top) / cell)], items[Math.floor((px - left) / cell)]];
  return { drawing, probe: (px, py) => probeMatrix(view, value, ...at(px, py), px) };
}

function layOutMatrix(items, width) {
  const room = Math.min(150, width * 0.3);
  const names = labelsWithin(items, room);
  const nameWidth = Math.min(room, Math.ceil(widest(names)));
  const cellBeside = (left) => Math.min(LARGEST_CELL, Math.min(width - left, LARGEST_SIDE) / items.length);
  const cell = cellBeside(nameWidth + 32);
  const isNamed = cell >= SMALLEST_NAMED_CELL;
  if (isNamed) return { names, nameWidth, left: nameWidth + 32, top: nameWidth + 60, cell, isNamed };
  return { names, nameWidth: 0, left: 0, top: 28, cell: cellBeside(0), isNamed };
}

function drawRowName(item, i, { names, nameWidth, left, top, cell, isNamed }) {
  const group = svg("g", item.look ? { class: "series", "data-optimizer": item.number } : {});
  const y = top + (i + 0.5) * cell;
  if (isNamed && item.look) group.append(marker(item.look, left - 12, y, 0.85));
  if (isNamed) {
    const place = { x: left - (item.look ? 22 : 8), y, dy: "0.35em", "text-anchor": "end" };
    group.append(nameText(place, item, names[i], nameWidth));
  }
  return group;
}

function drawColumnName(item, i, { names, nameWidth, left, top, cell, isNamed }) {
  const group = svg("g", item.look ? { "data-optimizer": item.number } : {});
  const x = left + (i + 0.5) * cell;
  if (isNamed && item.look) group.append(marker(item.look, x, top - 12, 0.85));
  if (isNamed) {
    const turn = `translate(${x.toFixed(2)} ${top - (item.look ? 22 : 8)}) rotate(-90)`;
    group.append(nameText({ transform: turn, dy: "0.35em" }, item, names[i], nameWidth));
  }
  return group;
}

// The farther from the middle of the range, the stronger the colour.
function drawCell(view, value, x, y, cell) {
  if (!Number.isFinite(value)) return [];
  const [low, middle, high] = view.range;
  const distance = value > middle ? (value - middle) / (high - middle) : (middle - value) / (middle - low);
  const gap = cell > 12 ? 1 : 0;
  const box = { x: x.toFixed(2), y: y.toFixed(2), width: (cell - gap).toFixed(2), height: (cell - gap).toFixed(2) };
  const color = { fill: value > middle ? ABOVE : BELOW, "fill-opacity": (0.75 * Math.min(1, distance)).toFixed(3) };
  const square = svg("rect", { class: "cell", ...box, ...color });
  if (cell < 34) return [square];
  const place = { class: "value", x: x + cell / 2, y: y + cell / 2, dy: "0.35em", "text-anchor": "middle" };
  return [square, svg("text", place, MEASURES[view.y.scale].format(value, 2))];
}

function probeMatrix(view, value, row, column, px) {
  if (row === undefined || column === undefined || !Number.isFinite(value(row, column))) return null;
  const words = MEASURES[view.y.scale].format(value(row, column));
  const heading = `${row.name} ${row.look ? "against" : "and"} ${column.name}: ${words}`;
  return { x: px, raised: row.number, heading, entries: [] };
}
