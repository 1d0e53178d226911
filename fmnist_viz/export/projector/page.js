// Answers the Projector's requests out of this file: to its code nothing differs from TensorBoard's server.
(() => {
  "use strict";
  const text = (id) => document.getElementById(id).textContent;
  const index = JSON.parse(text("index"));

  const bytes = (id) => {
    const raw = atob(text(id));
    const out = new Uint8Array(raw.length);
    for (let i = 0; i < raw.length; i++) out[i] = raw.charCodeAt(i);
    return out;
  };
  const json = (value) => new TextEncoder().encode(JSON.stringify(value));

  // The page puts names into addresses as they are, so they are taken out as they are. null: no address of the server's.
  const answer = (address) => {
    const found = /^(?:\.\/)?(runs|info|tensor|metadata|bookmarks|sprite_image)(?:\?([\s\S]*))?$/.exec(String(address));
    if (!found) return null;
    if (found[1] === "runs") return json([index.run]);
    if (found[1] === "info") return json({ embeddings: index.embeddings });
    const name = /&name=([\s\S]*?)(?:&num_rows=\d+)?$/.exec(found[2] || "");
    const tensor = name && new Map(Object.entries(index.routes)).get(name[1]);
    const id = tensor && new Map(Object.entries(tensor)).get(found[1]);
    return id ? bytes(id) : null;
  };

  window.XMLHttpRequest = class extends EventTarget {
    constructor() {
      super();
      Object.assign(this, { readyState: 0, status: 0, statusText: "", response: null, responseText: "", responseType: "", upload: new EventTarget() });
    }
    open(method, address) {
      this.address = address;
      this.readyState = 1;
    }
    send() {
      setTimeout(() => {
        const body = answer(this.address);
        this.readyState = 4;
        if (body) {
          Object.assign(this, { status: 200, statusText: "OK" });
          if (this.responseType === "arraybuffer") this.response = body.buffer;
          else this.response = this.responseText = new TextDecoder().decode(body);
        }
        this.tell("readystatechange");
        this.tell(body ? "load" : "error");
        this.tell("loadend");
      });
    }
    tell(kind) {
      const event = new Event(kind);
      if (typeof this[`on${kind}`] === "function") this[`on${kind}`](event);
      this.dispatchEvent(event);
    }
    setRequestHeader() {}
    overrideMimeType() {}
    getResponseHeader() { return null; }
    getAllResponseHeaders() { return ""; }
    abort() {}
  };

  window.fetch = async (address) => {
    const body = answer(address instanceof Request ? address.url : address);
    if (!body) throw new TypeError("this page has no network");
    return new Response(body);
  };

  const source = Object.getOwnPropertyDescriptor(HTMLImageElement.prototype, "src");
  const sheets = new Map();
  Object.defineProperty(HTMLImageElement.prototype, "src", {
    ...source,
    set(address) {
      const body = sheets.has(address) ? null : answer(address);
      if (body) sheets.set(address, URL.createObjectURL(new Blob([body])));
      source.set.call(this, sheets.get(address) || address);
    },
  });

  // The map measures itself when the window changes; the footer changes it too.
  document.getElementById("about").addEventListener("toggle", () => window.dispatchEvent(new Event("resize")));

  const program = document.createElement("script");
  program.textContent = JSON.parse(text("program"));
  document.body.append(program);
})();
