// Brings the page to life. All files are parts of one module; their order doesn't matter.
//
// Data, in <script type="application/json" id="report-data">:
//   { optimizers: [{ name, cut?, color, marker, dashed }], // the place is the optimizer's number
//     controls: { NAME: CONTROL },                    // shared by several charts
//     charts: { ID: { controls: [NAME | CONTROL], views: { "option|option": VIEW }, absence: words where there is no view,
//       scale?: NAME of a control of scales, see scaling.js } } }
//   CONTROL: { name, label, options: [{ name, label, title?, group?, of? }], bar?, filter? }
//     the first option is chosen at first; bar: it stands on top of the page, not at charts; filter: NAME of the control
//     whose chosen option, by its number in `of`, decides which options are offered (without any in `of`: always)
//   VIEW: { kind: "lines" | "intervals" | "points" | "matrix", optimizers: [number], mid, low, high, note?, reference?,
//     referenceLabel?, from?: { optimum, sign },              // see scaling.js
//     y: { label, scale: "linear" | "log" | "percent" | "whole", best?: "low" | "high", top?: "best" },
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
//   [data-of="NUMBER NUMBER"]             shown while one of these options of the filter "group" is chosen, or without any
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
  const narrowing = document.head.appendChild(html("style"));
  follow(choices, () => narrow(choices, narrowing));
  const charts = [...document.querySelectorAll("figure[data-chart]")]
    .map((figure) => ({ figure, id: figure.dataset.chart }))
    .filter(({ id }) => Object.hasOwn(report.charts, id))
    .map(({ figure, id }) => new Chart(figure, id, report.charts[id], report.optimizers, choices));
  followSections();
  showCues();
  choices.goToAnchor();
  addEventListener("beforeprint", () => charts.forEach((chart) => chart.draw(PRINTED_WIDTH)));
  addEventListener("afterprint", () => charts.forEach((chart) => chart.refresh()));
}

const FILTER = "group";

// Hide what is not of the chosen tasks.
function narrow(choices, style) {
  const { options = [] } = choices.controls[FILTER] ?? {};
  const number = options.findIndex(({ name }) => name === choices.chosen[FILTER]);
  document.body.classList.toggle("filtered", number > 0);
  style.textContent = number < 0 ? "" : `[data-of]:not([data-of=""], [data-of~="${number}"]) { display: none; }`;
}

addEventListener("DOMContentLoaded", () => bringToLife(JSON.parse(document.getElementById("report-data").textContent)));
