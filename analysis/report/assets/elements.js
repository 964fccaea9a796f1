// Elements of the page. What comes from data is only ever set as text or as an attribute's value.

function html(tag, attributes = {}, ...children) {
  return furnish(document.createElement(tag), attributes, children);
}

function svg(tag, attributes = {}, ...children) {
  return furnish(document.createElementNS("http://www.w3.org/2000/svg", tag), attributes, children);
}

function furnish(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

// Markers by matplotlib's names, about 8 pixels wide around the origin.
const MARKERS = {
  o: "M4 0A4 4 0 1 1 -4 0A4 4 0 1 1 4 0Z",
  s: "M-3.5 -3.5H3.5V3.5H-3.5Z",
  "^": "M0 -4.4L4.4 3.4H-4.4Z",
  D: "M0 -4.8L4.8 0L0 4.8L-4.8 0Z",
  v: "M0 4.4L4.4 -3.4H-4.4Z",
  P: "M-1.5 -4.4H1.5V-1.5H4.4V1.5H1.5V4.4H-1.5V1.5H-4.4V-1.5H-1.5Z",
  X: "M-2.1 -4.2L0 -2.1L2.1 -4.2L4.2 -2.1L2.1 0L4.2 2.1L2.1 4.2L0 2.1L-2.1 4.2L-4.2 2.1L-2.1 0L-4.2 -2.1Z",
  p: "M0 -4.4L4.2 -1.4L2.6 3.6H-2.6L-4.2 -1.4Z",
  "<": "M-4.4 0L3.4 -4.4V4.4Z",
};

function marker(look, x, y, size = 1) {
  const transform = `translate(${x.toFixed(2)} ${y.toFixed(2)}) scale(${size})`;
  return svg("path", { class: "marker", d: MARKERS[look.marker] ?? MARKERS.o, fill: look.color, transform });
}

function dashes(look) {
  return look.dashed ? { "stroke-dasharray": "5 3" } : {};
}

// An optimizer's line and marker, as legends and tooltips show them.
function sample(look) {
  const line = svg("path", { class: "line", d: "M0 6H24", stroke: look.color, ...dashes(look) });
  return svg("svg", { class: "sample", width: 24, height: 12, "aria-hidden": "true" }, line, marker(look, 12, 6));
}

let canvas = null;

function textWidth(text) {
  canvas ??= document.createElement("canvas").getContext("2d");
  canvas.font = `12px ${getComputedStyle(document.body).fontFamily}`;
  return canvas.measureText(text).width;
}

const LEVELS = 5; // of labels, longest first

// What to call each of several things: as much of their names as fits the width, for all of them or for none.
function labelsWithin(things, width) {
  const labelsAt = (level) => things.map(({ name, cut = [] }) => cut[level - LEVELS + cut.length] ?? name);
  for (let level = 0; level < LEVELS - 1; level += 1) {
    const labels = labelsAt(level);
    if (labels.every((label) => textWidth(label) <= width)) return labels;
  }
  return labelsAt(LEVELS - 1);
}

// A label, squeezed where it is still too wide; the whole name appears under the pointer.
function nameText(attributes, { name }, label, width) {
  const squeeze = textWidth(label) > width ? { textLength: width, lengthAdjust: "spacingAndGlyphs" } : {};
  const words = svg("text", { ...attributes, ...squeeze }, label);
  if (label !== name) words.append(svg("title", {}, name));
  return words;
}

function widest(labels) {
  return Math.max(...labels.map(textWidth)) + 2;
}
