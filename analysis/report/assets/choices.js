// What the reader has chosen; kept in the page's address, behind the section, so that a link shows the same view.

class Choices extends EventTarget {
  constructor(controls, optimizers) {
    super();
    this.controls = controls; // by name, as in page.js
    this.optimizers = optimizers; // how many
    this.read();
    addEventListener("hashchange", () => this.follow());
  }

  // The address has changed: it may be that of a section alone, or of what is chosen, too.
  follow() {
    if (location.hash.includes("=")) {
      this.read();
      this.dispatchEvent(new Event("change"));
      this.goToAnchor();
    } else {
      this.anchor = location.hash.slice(1);
      this.write();
    }
  }

  read() {
    const [first, ...rest] = location.hash.slice(1).split("&");
    const isChoice = first.includes("=");
    this.anchor = isChoice ? "" : first;
    const address = new URLSearchParams((isChoice ? [first, ...rest] : rest).join("&"));
    this.chosen = {};
    for (const [name, { options }] of Object.entries(this.controls)) {
      this.chosen[name] = (options.find((option) => option.name === address.get(name)) ?? options[0]).name;
    }
    this.widenFilters(address);
    this.settle();
    const numbers = (address.get("hidden") ?? "").split(",").filter((text) => /^\d+$/.test(text)).map(Number);
    this.hidden = new Set(numbers.filter((number) => number < this.optimizers));
  }

  goToAnchor() {
    if (this.anchor) document.getElementById(this.anchor)?.scrollIntoView();
  }

  // The options of a control that its filter lets through.
  offered(name) {
    const { options, filter } = this.controls[name];
    if (!Object.hasOwn(this.controls, filter)) return options;
    const number = this.controls[filter].options.findIndex((option) => option.name === this.chosen[filter]);
    return options.filter(({ of = [] }) => of.length === 0 || of.includes(number));
  }

  // Where the address gives an option but not its filter, the filter is one that lets it through.
  widenFilters(address) {
    for (const [name, { options, filter }] of Object.entries(this.controls)) {
      if (!Object.hasOwn(this.controls, filter) || address.has(filter) || this.offers(name)) continue;
      const { of } = options.find((option) => option.name === this.chosen[name]);
      if (address.get(name) === this.chosen[name]) this.chosen[filter] = this.controls[filter].options[of[0]].name;
    }
  }

  // What is chosen is offered.
  settle() {
    for (const name of Object.keys(this.controls)) {
      if (!this.offers(name)) this.chosen[name] = this.offered(name)[0].name;
    }
  }

  offers(name) {
    return this.offered(name).some((option) => option.name === this.chosen[name]);
  }

  write() {
    const address = new URLSearchParams();
    for (const name of Object.keys(this.controls)) {
      if (this.chosen[name] !== this.offered(name)[0].name) address.set(name, this.chosen[name]);
    }
    if (this.hidden.size > 0) address.set("hidden", [...this.hidden].sort((a, b) => a - b).join(","));
    const page = location.href.split("#")[0];
    const hash = [this.anchor, `${address}`].filter(Boolean).join("&");
    history.replaceState(null, "", hash ? `${page}#${hash}` : page);
    this.dispatchEvent(new Event("change"));
  }

  choose(name, option) {
    this.chosen[name] = option;
    this.settle();
    this.write();
  }

  toggle(number) {
    if (!this.hidden.delete(number)) this.hidden.add(number);
    this.write();
  }

  showAlone(number) {
    this.hidden = new Set(Array.from({ length: this.optimizers }, (_, i) => i).filter((other) => other !== number));
    this.write();
  }

  showAll() {
    this.hidden.clear();
    this.write();
  }
}
