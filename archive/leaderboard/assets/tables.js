// Tables that can be sorted by a click on a heading, and narrowed by words and by numbers.
//
//   table.sortable                 has headings to sort by; not those with data-sort="off"
//   table[data-filter=WORDS]       has a field of that label that keeps rows whose text has what is written there
//   th[data-at-most=WORDS]         has a list of upper limits of the numbers in its column
//   td[data-value=NUMBER]          what a cell is sorted by, if it isn't its text; cells of a column with numbers that
//                                  have none come last

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

// Numbers by size, all else by letters; what a column of numbers lacks comes last, whichever way it is sorted.
function comparing(column, direction) {
  return (one, other) => {
    const [first, second] = [numberIn(one.cells[column]), numberIn(other.cells[column])];
    if (Number.isNaN(first) !== Number.isNaN(second)) return Number.isNaN(first) ? 1 : -1;
    if (!Number.isNaN(first)) return direction * (first - second);
    return direction * one.cells[column].textContent.trim().localeCompare(other.cells[column].textContent.trim());
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
  const narrow = () => rowsOf(table).forEach((row) => (row.hidden = !keep(row)));
  words.addEventListener("input", narrow);
  most.addEventListener("change", narrow);
  const fields = [element("label", {}, table.dataset.filter, words)];
  if (limited >= 0) fields.push(element("label", {}, headingsOf(table)[limited].dataset.atMost, most));
  table.closest(".wide").before(element("div", { class: "filters" }, ...fields));
}

document.querySelectorAll("table.sortable").forEach(makeSortable);
document.querySelectorAll("table[data-filter]").forEach(makeNarrow);
