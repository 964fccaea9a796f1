// Asks how the experiment stands, and shows it. What comes from data is only ever set as text.
"use strict";

const EVERY_MS = 2000;
const OPTIMIZERS = 12;

const number = new Intl.NumberFormat("en");
const short = new Intl.NumberFormat("en", { maximumSignificantDigits: 3 });
const byId = (id) => document.getElementById(id);
let showAll = false;
let last = null;
let lostSince = null;

function element(tag, attributes = {}, ...children) {
  const made = tag === "svg" || tag === "rect" || tag === "line"
    ? document.createElementNS("http://www.w3.org/2000/svg", tag)
    : document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

// Replaces what an element holds, unless it is the same: a selection of text stays.
function fill(id, ...children) {
  const place = byId(id);
  const made = element(place.tagName.toLowerCase(), {}, ...children);
  if (made.innerHTML !== place.innerHTML) place.replaceChildren(...made.childNodes);
}

function reveal(id, isThere) {
  byId(id).hidden = !isThere;
}

function duration(seconds) {
  const whole = Math.round(seconds);
  const [days, hours, minutes] = [Math.floor(whole / 86400), Math.floor(whole / 3600) % 24, Math.floor(whole / 60) % 60];
  if (days) return `${days} d ${hours} h`;
  if (hours) return `${hours} h ${minutes} min`;
  return minutes ? `${minutes} min ${whole % 60} s` : `${whole} s`;
}

function clock(seconds) {
  return new Date(seconds * 1000).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", second: "2-digit" });
}

function parts(found) {
  const skipped = found.statuses.skipped ?? 0;
  const wanted = found.planned === null ? found.done : found.planned;
  return { ok: found.done - found.failed - skipped, failed: found.failed, skipped, left: found.left, wanted };
}

function showProgress(found) {
  const { ok, failed, skipped, left, wanted } = parts(found);
  const total = Math.max(ok + failed + skipped + left, 1);
  fill("bar", ...Object.entries({ ok, failed, skipped }).filter(([, count]) => count).map(([kind]) => element("i", { class: kind })));
  for (const piece of byId("bar").children) piece.style.width = `${(100 * { ok, failed, skipped }[piece.className]) / total}%`;
  const share = Math.floor((1000 * (total - left)) / total) / 10;
  byId("bar").setAttribute("aria-label", `${share} % of the runs are done`);
  const entries = [
    ["done", `${number.format(wanted - left)}${found.planned === null ? "" : ` of ${number.format(wanted)}`}`, "ok"],
    ["failed", number.format(failed), "failed"],
    ...(skipped ? [["skipped", number.format(skipped), "skipped"]] : []),
    ["left", found.planned === null && !found.drivers.length ? "not known" : number.format(left), "left"],
    ...(found.rate && !found.complaint ? [["runs a second", short.format(found.rate), ""]] : []),
    ...(found.time_left === null || found.complaint ? [] : [["time left, about", duration(found.time_left), ""]]),
    ["on disk", `${short.format(found.size / 2 ** 20)} MiB`, ""],
  ];
  if (found.planned === null) entries[0][1] = number.format(found.done);
  fill("numbers", ...entries.map(([name, value, kind]) => element("div", {},
    element("dt", {}, ...(kind ? [element("b", { class: kind })] : []), name),
    element("dd", { "data-number": name }, value))));
}

function showCommand(id, sentence, command) {
  reveal(id, Boolean(command));
  if (command) fill(id, `${sentence} `, element("code", {}, command));
}

function showHistory({ begin, seconds, ok, other }) {
  reveal("history-section", ok.length);
  if (!ok.length) return;
  const most = Math.max(...ok.map((count, place) => count + other[place]), 1);
  const width = 600 / Math.max(ok.length, 20);
  const bars = ok.flatMap((count, place) => [["ok", 0, count], ["other", count, other[place]]]
    .filter(([, , height]) => height)
    .map(([kind, below, height]) => element("rect", {
      class: kind, x: (place * width).toFixed(2), width: Math.max(width - 1.5, 1).toFixed(2),
      y: (100 - (100 * (below + height)) / most).toFixed(2), height: ((100 * height) / most).toFixed(2),
    })));
  fill("history", element("svg", { viewBox: "0 0 600 101", preserveAspectRatio: "none", role: "img",
    "aria-label": `Runs that ended in every ${duration(seconds)}, at most ${most}` },
    element("line", { x1: 0, x2: 600, y1: 100.5, y2: 100.5 }), ...bars));
  fill("history-note", `From ${new Date(begin * 1000).toLocaleString()} on; a bar is ${duration(seconds)}, `
    + `the highest ${number.format(most)} runs. Failed and skipped ones are orange.`);
}

function showRunning(drivers) {
  reveal("running-section", drivers.length);
  fill("running", ...drivers.flatMap(({ where, left, running, more }) => [
    element("p", {}, `${where}: ${number.format(left)} runs left`),
    element("ul", {}, ...running.map((line) => element("li", {}, line)), ...(more ? [element("li", {}, `and ${more} more`)] : [])),
  ]));
}

function showFailures(failures) {
  reveal("failures-section", failures.length);
  const open = new Set([...document.querySelectorAll("#failures details[open]")].map((one) => one.dataset.cause));
  fill("failures", ...failures.map(({ status, reason, count, run, lines }) => {
    const cause = `${status} ${reason}`;
    return element("details", { "data-cause": cause, ...(open.has(cause) ? { open: "" } : {}) },
      element("summary", {}, element("b", {}, number.format(count)), ` ${status}: ${reason || "no reason given"}`),
      element("p", { class: "quiet" }, `first: ${run}`),
      ...(lines ? [element("pre", {}, lines)] : []));
  }));
}

function showOptimizers(optimizers) {
  reveal("optimizers-section", optimizers.length);
  const shown = showAll ? optimizers : optimizers.slice(0, OPTIMIZERS);
  fill("optimizers", ...shown.map(({ name, planned, done, failed, seconds }) => element("tr", {},
    element("th", {}, name),
    element("td", { class: "n" }, `${number.format(done)} of ${number.format(planned)}`),
    element("td", { class: "spare" }, element("progress", { max: Math.max(planned, 1), value: done, "aria-label": `${done} of ${planned}` })),
    element("td", { class: "n" }, failed ? number.format(failed) : "–"),
    element("td", { class: "n" }, seconds === null ? "–" : short.format(seconds)))));
  reveal("more", optimizers.length > OPTIMIZERS);
  byId("more").textContent = showAll ? "Show the slowest only" : `Show all ${number.format(optimizers.length)}`;
}

function showReport(report, done) {
  reveal("report-section", true);
  const { number: built, began, seconds, building, complaint } = report;
  byId("build").disabled = building !== null;
  byId("build").textContent = built === null ? "Build the report" : "Build it again";
  const link = built === null ? [] : [
    element("a", { href: "report/", target: "_blank", rel: "noopener" }, `Open the report of ${clock(began)}`),
    `, which took ${duration(seconds)}. `,
  ];
  const word = building !== null ? `It is being built, for ${duration(building)} so far; runs go on meanwhile.`
    : complaint || (built === null ? (done ? "None is built yet." : "No runs are stored yet.") : "");
  fill("report", ...link, word);
}

function show(found) {
  last = found;
  reveal("complaint", Boolean(found.complaint));
  byId("complaint").textContent = found.complaint;
  if (!("done" in found)) return;
  const name = found.folder.split("/").pop();
  document.title = `${name}: Optathlon view`;
  fill("folder", name);
  byId("folder").title = found.folder;
  const going = found.drivers.length ? `${found.drivers.reduce((sum, one) => sum + one.running.length + one.more, 0)} runs go on`
    : found.planned !== null && found.left ? "nothing runs, and runs are left"
      : found.done ? "nothing runs" : "no runs are stored yet";
  fill("state", `${found.folder}: ${found.complaint ? "as it was" : `${going},`} at ${clock(found.now)}`);
  showProgress(found);
  showCommand("resume", "This does what is left:", !found.complaint && found.commands.resume);
  showCommand("retry", "This does them again:", !found.complaint && found.commands.retry);
  showHistory(found.history);
  showRunning(found.complaint ? [] : found.drivers);
  showFailures(found.failures);
  showOptimizers(found.optimizers);
  showReport(found.report, found.done);
  byId("build").disabled ||= Boolean(found.complaint);
}

async function look() {
  try {
    const answer = await fetch("state");
    if (!answer.ok) throw new Error(answer.statusText);
    show(await answer.json());
    lostSince = null;
  } catch {
    lostSince ??= Date.now() / 1000;
    reveal("complaint", true);
    byId("complaint").textContent = `There is no answer since ${clock(lostSince)}: \`optathlon view\` has ended, or is busy.`;
  }
  setTimeout(look, EVERY_MS);
}

byId("more").addEventListener("click", () => { showAll = !showAll; showOptimizers(last.optimizers); });
byId("build").addEventListener("click", async () => {
  byId("build").disabled = true;
  await fetch("report", { method: "POST" }).catch(() => {});
});
look();
