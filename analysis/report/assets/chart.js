// One chart of the page: its controls, its drawing, what the pointer is on, and its note.

const STRIDE = 12; // pixels that an arrow key moves the place of which the page says something
const MOVES = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
const PAINTERS = { lines: drawLines, intervals: drawRows, points: drawRows, matrix: drawMatrix };

class Chart {
  constructor(figure, id, definition, optimizers, choices) {
    Object.assign(this, { figure, definition, optimizers, choices });
    this.id = id;
    this.keys = definition.controls.map((control) => controlName(id, control));
    this.names = [...this.keys, ...(definition.scale ? [definition.scale] : [])];
    this.isNear = false;
    this.isStale = true;
    this.width = 0;
    choices.addEventListener("change", () => this.refresh());
    new ResizeObserver(() => this.width !== this.availableWidth() && this.refresh()).observe(figure);
    const nearby = { rootMargin: "400px" };
    new IntersectionObserver((changes) => this.approach(changes.at(-1).isIntersecting), nearby).observe(figure);
  }

  approach(isNear) {
    this.isNear = isNear;
    if (isNear && this.isStale) this.draw();
  }

  refresh() {
    this.isStale = true;
    if (this.isNear) this.draw();
  }

  availableWidth() {
    return Math.floor(this.figure.clientWidth);
  }

  furnish() {
    const own = this.names.filter((name) => !this.choices.controls[name].bar);
    const controls = own.map((name) => buildControl(name, this.choices)).filter((control) => control !== null);
    this.chosen = html("p", { class: "chosen quiet" });
    this.place = html("div", { class: "drawing", tabindex: 0, role: "group", "aria-label": "Values: use the arrow keys" });
    this.note = html("figcaption");
    this.tooltip = html("div", { class: "tooltip", hidden: "", "aria-live": "polite" });
    this.rule = svg("line", { class: "rule" });
    this.place.addEventListener("pointermove", (event) => this.point(event));
    this.place.addEventListener("pointerdown", (event) => this.point(event));
    this.place.addEventListener("pointerleave", (event) => event.pointerType === "mouse" && this.leave());
    this.place.addEventListener("keydown", (event) => this.walk(event));
    this.place.addEventListener("blur", () => this.leave());
    document.addEventListener("pointerdown", (event) => this.place.contains(event.target) || this.leave());
    this.save = html("button", { type: "button", class: "save", title: "The picture as it is shown here" }, "Save as SVG");
    this.save.addEventListener("click", () => this.keep());
    const bar = controls.length > 0 ? [html("div", { class: "controls" }, ...controls)] : [];
    this.figure.replaceChildren(...bar, this.chosen, this.place, this.note, this.save);
    this.figure.classList.add("drawn");
  }

  draw(width = this.availableWidth()) {
    if (width === 0) return; // in a part of the page that is closed
    if (this.place === undefined) this.furnish();
    const view = this.view();
    this.isStale = false;
    this.width = width;
    this.picture = view === undefined ? null : this.paint(view);
    this.chosen.textContent = this.words().join(" · ");
    this.note.textContent = view?.note ?? "";
    if (this.picture === null) this.place.replaceChildren(html("p", { class: "nothing" }, this.absence(view)));
    else this.place.replaceChildren(this.picture.drawing, this.tooltip);
    this.save.hidden = this.picture === null;
    this.leave();
  }

  view() {
    const key = this.keys.map((name) => this.choices.chosen[name]).join("|");
    if (!Object.hasOwn(this.definition.views, key)) return undefined;
    const view = this.definition.views[key];
    return this.definition.scale ? onScale(view, this.choices.chosen[this.definition.scale]) : view;
  }

  keep() {
    savePicture(this.picture.drawing, fileName([this.id, ...this.keys.map((name) => this.choices.chosen[name])]));
  }

  paint(view) {
    const all = view.kind === "matrix" ? itemsOf(view, this.optimizers) : seriesOf(view, this.optimizers);
    const shown = all.filter(({ number }) => !this.choices.hidden.has(number));
    return shown.length > 0 ? PAINTERS[view.kind](view, shown, this.width) : null;
  }

  words() {
    const offered = this.names.filter((name) => this.choices.controls[name].options.length > 1);
    return offered.map((name) => {
      const { label, options } = this.choices.controls[name];
      return `${label}: ${options.find((option) => option.name === this.choices.chosen[name]).label}`;
    });
  }

  absence(view) {
    const numbers = view?.optimizers ?? [];
    const isHidden = numbers.length > 0 && numbers.every((number) => this.choices.hidden.has(number));
    if (isHidden) return "All optimizers of this chart are hidden.";
    if (this.definition.absence) return this.definition.absence;
    return `There are no results for ${this.words().join(", ") || "this chart"}.`;
  }

  point(event) {
    const { left, top } = this.place.getBoundingClientRect();
    this.show(event.clientX - left, event.clientY - top);
  }

  walk(event) {
    const move = MOVES[event.key];
    if (event.key === "Escape") this.leave();
    if (move === undefined) return;
    event.preventDefault();
    const { width, height } = this.place.getBoundingClientRect();
    const [x, y] = this.pointed ?? [width / 2, height / 2];
    const within = (value, end) => Math.max(0, Math.min(value, end));
    this.show(within(x + STRIDE * move[0], width), within(y + STRIDE * move[1], height));
  }

  show(x, y) {
    this.pointed = [x, y];
    const found = this.picture?.probe(x, y) ?? null;
    if (found === null) {
      this.leave();
      return;
    }
    raise(found.raised);
    if (this.picture.rule) {
      const [y1, y2] = this.picture.rule;
      this.picture.drawing.append(furnish(this.rule, { x1: found.x, x2: found.x, y1, y2 }, []));
    }
    fillTooltip(this.tooltip, found);
    this.tooltip.hidden = false;
    placeTooltip(this.tooltip, found.x, y, this.width);
  }

  leave() {
    if (this.tooltip.hidden) return;
    this.tooltip.hidden = true;
    this.rule.remove();
    raise(null);
  }
}

// The optimizers of a view with their numbers, arrays of one value per point.
function seriesOf(view, optimizers) {
  const [mid, low, high] = [view.mid, view.low, view.high].map(unpack);
  const size = view.kind === "lines" ? unpack(view.x.values).length : 1;
  const part = (values, row) => values?.subarray(row * size, (row + 1) * size) ?? [];
  return view.optimizers.map((number, row) => ({
    number,
    look: optimizers[number],
    mid: part(mid, row),
    low: part(low, row),
    high: part(high, row),
    values: unpack(view.points?.[row]) ?? [],
  }));
}

// The rows, and columns, of a matrix.
function itemsOf(view, optimizers) {
  if (view.labels) {
    return view.labels.map((name, place) => ({ place, name, cut: view.cut?.[place], number: null, look: null }));
  }
  return view.optimizers.map((number, place) => {
    const look = optimizers[number];
    return { place, name: look.name, cut: look.cut, number, look };
  });
}
