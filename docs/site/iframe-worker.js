/* Browsers start no web workers for pages that were opened as files, and the search is one. In such a page, a `Worker`
   runs its script in a hidden frame. It has what the search calls: `postMessage` both ways, and `terminate`. */
if (location.protocol === "file:")
  window.Worker = class extends EventTarget {
    constructor(address) {
      super();
      this.waiting = [];
      this.frame = Object.assign(document.createElement("iframe"), { hidden: true, title: "search" });
      document.body.append(this.frame);
      const scope = this.frame.contentWindow;
      scope.postMessage = (data) => this.hear(data);
      const script = scope.document.createElement("script");
      script.onload = () => this.start();
      script.onerror = () => this.onerror?.(new ErrorEvent("error", { message: `can't load ${address}` }));
      script.src = new URL(address, location.href);
      scope.document.head.append(script);
    }

    hear(data) {
      const event = new MessageEvent("message", { data });
      this.onmessage?.(event);
      this.dispatchEvent(event);
    }

    start() {
      const waiting = this.waiting;
      this.waiting = null;
      waiting.forEach((data) => this.postMessage(data));
    }

    postMessage(data) {
      if (this.waiting) this.waiting.push(data);
      else this.frame.contentWindow.onmessage?.(new MessageEvent("message", { data }));
    }

    terminate() {
      this.frame.remove();
    }
  };
