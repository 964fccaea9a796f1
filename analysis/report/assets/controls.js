// Buttons and lists to choose an option with. All elements of one control keep in step through `choices`.

function buildControl(name, choices) {
  const control = choices.controls[name];
  if (control.options.length < 2) return null;
  const isPlain = !control.bar && !control.filter && control.options.every((option) => !option.group);
  const isShort = isPlain && control.options.length <= 6;
  return isShort ? buildButtons(name, control, choices) : buildList(name, control, choices);
}

function buildButtons(name, control, choices) {
  const group = html("div", { class: "control", role: "group", "aria-label": control.label });
  const buttons = control.options.map((option) => {
    const button = html("button", { type: "button", value: option.name, ...hint(option) }, option.label);
    button.addEventListener("click", () => choices.choose(name, option.name));
    return button;
  });
  group.append(html("span", { class: "label" }, control.label), html("span", { class: "buttons" }, ...buttons));
  follow(choices, () => {
    for (const button of buttons) button.setAttribute("aria-pressed", button.value === choices.chosen[name]);
  });
  return group;
}

function buildList(name, control, choices) {
  const list = html("select", {});
  let filledFor = null;
  list.addEventListener("change", () => choices.choose(name, list.value));
  follow(choices, () => {
    const filter = choices.chosen[control.filter];
    if (filledFor !== filter) list.replaceChildren(...entriesOf(choices.offered(name)));
    filledFor = filter;
    list.value = choices.chosen[name];
  });
  const label = html("label", {}, html("span", { class: "label" }, control.label), list);
  if (control.bar) return html("div", { class: "control" }, label);
  return html("div", { class: "control" }, label, buildStep(name, -1, choices), buildStep(name, 1, choices));
}

// The whole name of what has a cut label.
function hint({ title }) {
  return title ? { title } : {};
}

function entriesOf(options) {
  return [...groupOptions(options)].flatMap(([group, members]) => {
    const entries = members.map((option) => html("option", { value: option.name, ...hint(option) }, option.label));
    return group ? [html("optgroup", { label: group }, ...entries)] : entries;
  });
}

function groupOptions(options) {
  const groups = new Map();
  for (const option of options) {
    const group = option.group ?? "";
    groups.set(group, [...(groups.get(group) ?? []), option]);
  }
  return groups;
}

// A button that goes to the option before or after the chosen one, and around.
function buildStep(name, step, choices) {
  const { label } = choices.controls[name];
  const words = `${step < 0 ? "Previous" : "Next"} ${label.toLowerCase()}`;
  const attributes = { type: "button", class: "step", "aria-label": words, title: words };
  const button = html("button", attributes, step < 0 ? "‹" : "›");
  button.addEventListener("click", () => {
    const options = choices.offered(name);
    const place = options.findIndex((option) => option.name === choices.chosen[name]);
    choices.choose(name, options[(place + step + options.length) % options.length].name);
  });
  return button;
}

function follow(choices, update) {
  update();
  choices.addEventListener("change", update);
}
