// The box beside the pointer.

const LONGEST_LIST = 12;
const NAME_WIDTH = 180; // pixels

function fillTooltip(box, { heading, entries, raised }) {
  const listed = entries.filter(({ number }, place) => place < LONGEST_LIST || number === raised);
  const names = listed.length === 1 ? [listed[0].look.name] : labelsWithin(listed.map(({ look }) => look), NAME_WIDTH);
  const rows = listed.map(({ number, look, value, interval }, place) =>
    html(
      "tr",
      number === raised ? { class: "raised" } : {},
      html("td", {}, sample(look)),
      html("td", { class: "name" }, names[place]),
      html("td", { class: "n" }, value),
      html("td", { class: "n quiet" }, interval),
    ),
  );
  box.replaceChildren(html("p", {}, heading), html("table", {}, html("tbody", {}, ...rows)));
  const rest = entries.length - listed.length;
  if (rest > 0) box.append(html("p", { class: "quiet" }, `… ${rest} more`));
}

// Beside the point, within the drawing's width.
function placeTooltip(box, x, y, width) {
  const wanted = x < width / 2 ? x + 16 : x - 16 - box.offsetWidth;
  box.style.left = `${Math.max(0, Math.min(wanted, width - box.offsetWidth))}px`;
  box.style.top = `${Math.max(0, y - box.offsetHeight / 2)}px`;
}
