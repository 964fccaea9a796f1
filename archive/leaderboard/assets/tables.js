// Tables that can be sorted by a click on a heading, and narrowed by words and by numbers.
//
//   table.sortable                 has headings to sort by; not those with data-sort="off"
//   table[data-filter=WORDS]       has a field of that label that keeps rows whose text has what is written there
//   th[data-at-most=WORDS]         has a list of upper limits of the numbers in its column
//   td[data-value=NUMBER]          what a cell is sorted by, if it isn't its text; cells of a column with numbers that
//                                  have none come last, as do empty ones

"use strict";

const LIMITS = [1, 10, 100, 1000];

function element(tag, attributes, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

function headingsOf(table) {
  return [...table.tHead.rows[0].cells];
}

function rowsOf(table) {
  return [...table.tBodies[0].rows];
}

function numberIn(cell) {
  return cell.dataset.value === undefined ? NaN : Number(cell.dataset.value);
}

// What comes last whichever way a column is sorted: after numbers what has none, after texts what is empty.
function lack(cell) {
  if (!Number.isNaN(numberIn(cell))) return 0;
  return cell.textContent.trim() === "" ? 2 : 1;
}

// Numbers by size, all else by letters.
function comparing(column, direction) {
  return (one, other) => {
    const [first, second] = [one.cells[column], other.cells[column]];
    if (lack(first) !== lack(second)) return lack(first) - lack(second);
    if (lack(first) === 0) return direction * (numberIn(first) - numberIn(second));
    return direction * first.textContent.trim().localeCompare(second.textContent.trim());
  };
}

function sortBy(table, heading) {
  const isAscending = heading.getAttribute("aria-sort") !== "ascending";
  for (const each of headingsOf(table)) each.removeAttribute("aria-sort");
  heading.setAttribute("aria-sort", isAscending ? "ascending" : "descending");
  const column = headingsOf(table).indexOf(heading);
  table.tBodies[0].append(...rowsOf(table).sort(comparing(column, isAscending ? 1 : -1)));
}

function makeSortable(table) {
  for (const heading of headingsOf(table)) {
    if (heading.dataset.sort === "off") continue;
    const button = element("button", { type: "button", title: "Sort" }, ...heading.childNodes);
    button.addEventListener("click", () => sortBy(table, heading));
    heading.append(button);
  }
}

function makeNarrow(table) {
  const words = element("input", { type: "search" });
  const limited = headingsOf(table).findIndex((heading) => heading.dataset.atMost);
  const most = element("select", {}, element("option", { value: "" }, "any"));
  most.append(...LIMITS.map((limit) => element("option", { value: limit }, `up to ${limit.toLocaleString("en")}`)));
  const keep = (row) => {
    const isNamed = row.textContent.toLowerCase().includes(words.value.trim().toLowerCase());
    return isNamed && (most.value === "" || numberIn(row.cells[limited]) <= Number(most.value));
  };
  const count = element("output", {});
  const narrow = () => {
    const [rows, kept] = [rowsOf(table), rowsOf(table).filter(keep)];
    for (const row of rows) row.hidden = !kept.includes(row);
    count.textContent = kept.length < rows.length ? `${kept.length || "none"} of ${rows.length} shown` : "";
  };
  words.addEventListener("input", narrow);
  most.addEventListener("change", narrow);
  const fields = [element("label", {}, table.dataset.filter, words)];
  if (limited >= 0) fields.push(element("label", {}, headingsOf(table)[limited].dataset.atMost, most));
  table.closest(".wide").before(element("div", { class: "filters" }, ...fields, count));
}

document.querySelectorAll("table.sortable").forEach(makeSortable);
document.querySelectorAll("table[data-filter]").forEach(makeNarrow);
if (!document.getElementById("report-data")) showCues(); // where there is a chart, its script does
