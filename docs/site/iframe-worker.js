/* Browsers start no web workers for pages that were opened as files, and the search is one. In such a page, a `Worker`
   runs its script in a hidden frame. It has what the search calls: messages both ways, which arrive later and as copies,
   as those of a real worker, and `terminate`. */
if (location.protocol === "file:")
  window.Worker = class {
    constructor(address) {
      this.frame = Object.assign(document.createElement("iframe"), { hidden: true, title: "search" });
      document.body.append(this.frame);
      this.scope = this.frame.contentWindow;
      this.scope.postMessage = (data) => setTimeout(() => this.onmessage?.({ data: structuredClone(data) }));
      const script = this.scope.document.createElement("script");
      this.loaded = new Promise((resolve, reject) => Object.assign(script, { onload: resolve, onerror: reject }));
      this.loaded.catch(() => this.onerror?.(new ErrorEvent("error", { message: `can't load ${address}` })));
      script.src = new URL(address, location.href);
      this.scope.document.head.append(script);
    }

    postMessage(data) {
      const copy = this.scope.structuredClone(data);
      this.loaded.then(() => setTimeout(() => this.scope.onmessage?.({ data: copy })));
    }

    terminate() {
      this.frame.remove();
    }
  };
