// The list of optimizers on top of the page. It hides, and raises, all that carries an optimizer's number.

function buildLegend(host, optimizers, choices) {
  const labels = labelsWithin(optimizers, Math.min(LONGEST_LABEL, 0.7 * host.clientWidth - 150));
  const entries = optimizers.map((look, number) => buildEntry(look, labels[number], number, choices));
  const all = html("button", { type: "button", class: "all" }, "show all");
  all.addEventListener("click", () => choices.showAll());
  host.setAttribute("role", "group");
  host.setAttribute("aria-label", "Optimizers");
  host.replaceChildren(all, ...entries);
  const hiding = document.head.appendChild(html("style"));
  follow(choices, () => {
    all.disabled = choices.hidden.size === 0;
    const selectors = [...choices.hidden].map((number) => `[data-optimizer="${number}"]`);
    hiding.textContent = selectors.length > 0 ? `${selectors.join()} { display: none !important; }` : "";
  });
}

function buildEntry(look, label, number, choices) {
  const words = `${label === look.name ? "" : `${look.name}\n`}Click: hide or show. Double click: show alone.`;
  const name = html("span", { class: "name" }, label);
  const button = html("button", { type: "button", class: "toggle", title: words }, sample(look), name);
  const alone = html("button", { type: "button", class: "only", "aria-label": `Show only ${look.name}` }, "only");
  const entry = html("span", { class: "entry" }, button, alone);
  button.addEventListener("click", (event) => {
    if (event.altKey || event.shiftKey) choices.showAlone(number);
    else choices.toggle(number);
  });
  button.addEventListener("dblclick", () => choices.showAlone(number));
  alone.addEventListener("click", () => choices.showAlone(number));
  entry.addEventListener("pointerenter", () => raise(choices.hidden.has(number) ? null : number));
  entry.addEventListener("pointerleave", () => raise(null));
  follow(choices, () => button.setAttribute("aria-pressed", !choices.hidden.has(number)));
  return entry;
}

let raising = null;

// Stress an optimizer in all charts and dim the others; null: none.
function raise(number) {
  raising ??= document.head.appendChild(html("style", { media: "screen" }));
  const rules = number === null ? "" : stress(`.series[data-optimizer="${number}"]`);
  if (raising.textContent !== rules) raising.textContent = rules;
}

function stress(raised) {
  return `
    .series:not(${raised}) { opacity: 0.15; }
    ${raised} .line { stroke-width: 3; }
    ${raised} .band { visibility: visible; fill-opacity: 0.2; }
    ${raised} .marker { visibility: visible; }`;
}
