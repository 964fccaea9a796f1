// Brings the page to life. All files are parts of one module; their order doesn't matter.
//
// Data, in <script type="application/json" id="report-data">:
//   { optimizers: [{ name, cut?, color, marker, dashed }], // the place is the optimizer's number
//     controls: { NAME: CONTROL },                    // shared by several charts
//     charts: { ID: { controls: [NAME | CONTROL], views: { "option|option": VIEW }, absence: words where there is no view } } }
//   CONTROL: { name, label, options: [{ name, label, title?, group? }] }; the first option is chosen at first
//   VIEW: { kind: "lines" | "intervals" | "points" | "matrix", optimizers: [number], mid, low, high, note?, reference?,
//     referenceLabel?, y: { label, scale: "linear" | "log" | "percent" | "whole", best?: "low" | "high", top?: "best" },
//     x: { label, scale, values }, shape: "step" | "linear",   // lines; mid, low, high: optimizers x points, by rows
//     points: [[value | null]],                                // points; one row per optimizer
//     range: [low, middle, high], labels?: [text], cut?: [cut] } // matrix; mid: rows x columns; labels: not optimizers
//   cut: labels of a name that is cut, shorter and shorter: the last of five lengths
//   mid, low, high, x.values: numbers as in packing.js; low and high may be null.
//
// Places, in the page:
//   #legend                               the optimizers
//   figure[data-chart=ID]                 a chart
//   [data-control=NAME]                   a shared control by itself
//   [data-control=NAME][data-option=...]  shown while this option is chosen
//   [data-optimizer=NUMBER]               shown while this optimizer is

const PRINTED_WIDTH = 680; // pixels on a sheet of A4

function controlsOf({ controls, charts }) {
  const own = Object.entries(charts).flatMap(([id, chart]) =>
    chart.controls
      .filter((control) => typeof control !== "string")
      .map((control) => [controlName(id, control), control]),
  );
  return { ...controls, ...Object.fromEntries(own) };
}

function controlName(chart, control) {
  return typeof control === "string" ? control : `${chart}.${control.name}`;
}

function bringToLife(report) {
  const choices = new Choices(controlsOf(report), report.optimizers.length);
  const legend = document.getElementById("legend");
  if (legend) buildLegend(legend, report.optimizers, choices);
  for (const place of document.querySelectorAll("[data-control]:not([data-option])")) {
    place.replaceChildren(...[buildControl(place.dataset.control, choices)].filter(Boolean));
  }
  const optional = [...document.querySelectorAll("[data-control][data-option]")];
  follow(choices, () => {
    for (const element of optional) element.hidden = choices.chosen[element.dataset.control] !== element.dataset.option;
  });
  const charts = [...document.querySelectorAll("figure[data-chart]")]
    .map((figure) => ({ figure, id: figure.dataset.chart }))
    .filter(({ id }) => Object.hasOwn(report.charts, id))
    .map(({ figure, id }) => new Chart(figure, id, report.charts[id], report.optimizers, choices));
  addEventListener("beforeprint", () => charts.forEach((chart) => chart.draw(PRINTED_WIDTH)));
  addEventListener("afterprint", () => charts.forEach((chart) => chart.refresh()));
}

addEventListener("DOMContentLoaded", () => bringToLife(JSON.parse(document.getElementById("report-data").textContent)));
