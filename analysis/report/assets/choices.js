// What the reader has chosen; kept in the page's address so that a link shows the same view.

class Choices extends EventTarget {
  constructor(controls, optimizers) {
    super();
    this.controls = controls; // by name: { label, options }
    this.optimizers = optimizers; // how many
    this.read(new URLSearchParams(location.hash.slice(1)));
    addEventListener("hashchange", () => {
      if (!location.hash.includes("=")) return; // a link to a section
      this.read(new URLSearchParams(location.hash.slice(1)));
      this.dispatchEvent(new Event("change"));
    });
  }

  read(address) {
    this.chosen = {};
    for (const [name, { options }] of Object.entries(this.controls)) {
      this.chosen[name] = (options.find((option) => option.name === address.get(name)) ?? options[0]).name;
    }
    const numbers = (address.get("hidden") ?? "").split(",").filter((text) => /^\d+$/.test(text)).map(Number);
    this.hidden = new Set(numbers.filter((number) => number < this.optimizers));
  }

  write() {
    const address = new URLSearchParams();
    for (const [name, { options }] of Object.entries(this.controls)) {
      if (this.chosen[name] !== options[0].name) address.set(name, this.chosen[name]);
    }
    if (this.hidden.size > 0) address.set("hidden", [...this.hidden].sort((a, b) => a - b).join(","));
    const page = location.href.split("#")[0];
    history.replaceState(null, "", `${address}` ? `${page}#${address}` : page);
    this.dispatchEvent(new Event("change"));
  }

  choose(name, option) {
    this.chosen[name] = option;
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
