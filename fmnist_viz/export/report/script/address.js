// The view in the address, so that a colleague who opens it sees the same. It is read as data: unknown names and numbers out of range are passed over.
const HEAD = "view&", LONGEST = 12_000;
const address = {shown: "", timer: 0, step: false, busy: true, start: null};

// Sorted row numbers as gaps and lengths of runs in base 36, or as a bitmap where that is shorter.
function packRows(rows) {
  const runs = [];
  for (let at = 0, last = 0; at < rows.length;) {
    let end = at;
    while (end + 1 < rows.length && rows[end + 1] === rows[end] + 1) end++;
    runs.push((rows[at] - last).toString(36) + (end > at ? `-${(end - at).toString(36)}` : ""));
    last = rows[end];
    at = end + 1;
  }
  const text = runs.join("."), size = Math.ceil((rows.at(-1) ?? 0) / 8 + 1);
  if (text.length <= size * 4 / 3) return text;
  const bytes = new Uint8Array(size);
  for (const i of rows) bytes[i >> 3] |= 1 << (i & 7);
  let raw = "";
  for (const byte of bytes) raw += String.fromCharCode(byte);
  return `*${btoa(raw).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "")}`;
}

function unpackRows(text) {
  const rows = [];
  if (text.startsWith("*")) {
    let raw = "";
    try { raw = atob(text.slice(1).replaceAll("-", "+").replaceAll("_", "/")); } catch { return []; }
    for (let i = 0; i < Math.min(total, raw.length * 8); i++) if (raw.charCodeAt(i >> 3) >> (i & 7) & 1) rows.push(i);
    return rows;
  }
  let at = 0;
  for (const run of text.split(".")) {
    const found = /^([0-9a-z]{1,6})(?:-([0-9a-z]{1,6}))?$/.exec(run);
    if (!found) return [];
    at += parseInt(found[1], 36);
    const end = at + (found[2] ? parseInt(found[2], 36) : 0);
    if (end >= total) return [];
    for (; at < end; at++) rows.push(at);
    rows.push(at);
  }
  return rows;
}

// What differs from the page as it opens, in a fixed order.
function viewText() {
  const view = new URLSearchParams(), put = (name, value, usual) => { if (value !== usual && value !== "" && value !== null && value !== undefined) view.set(name, value); };
  const layer = data.representations[map.representation]?.name;
  if (layer !== address.start.layer || map.method !== address.start.method) { put("layer", layer); put("method", map.method); }
  put("colour", map.by, "class");
  put("rings", map.errors.visible ? "1" : "");
  put("shapes", map.shaped ? "1" : "");
  put("true", filters.truth.join("."));
  put("predicted", filters.taken.join("."));
  put("right", filters.right);
  put("confidence", `${filters.low}-${filters.high}`, "0-100");
  put("split", filters.split);
  put("against", filters.against);
  if (selection.cell) put("cell", selection.cell.join("."));
  else if (selection.asked.length) put("rows", packRows(selection.asked));
  put("card", card.row === null ? "" : data.ids[card.row]);
  for (const [name, part] of Object.entries(viewParts)) put(name, part.text());
  put("theme", document.documentElement.dataset.theme);
  if ((view.get("rows") ?? "").length > LONGEST) view.delete("rows");
  const text = view.toString();
  return text && HEAD + text;
}

// Everything that one action changes becomes one step of the browser's history. What changes all the time (`gradual`: sliders, zooming) is saved once
// it rests, and is no step of its own.
function saveView(gradual = false) {
  if (address.busy) return;
  clearTimeout(address.timer);
  address.step ||= gradual !== true;
  address.timer = setTimeout(pushView, address.step ? 0 : 300);
}

function pushView() {
  const text = viewText(), step = address.step;
  address.step = false;
  if (address.busy || text === address.shown) return;
  address.shown = text;
  try { history[step ? "pushState" : "replaceState"](null, "", `#${text}`); } catch { address.busy = true; }  // in a frame without an address of its own
}

function applyView(text) {
  const view = new URLSearchParams(text.startsWith(HEAD) ? text.slice(HEAD.length) : ""), get = (name) => view.get(name) ?? "";
  const numbers = (name) => get(name).split(".").filter((part) => /^\d{1,6}$/.test(part)).map(Number);
  address.busy = true;
  setTheme(["light", "dark"].includes(get("theme")) ? get("theme") : null);
  const layer = data.representations.findIndex((r) => r.name === (view.has("layer") ? get("layer") : address.start.layer));
  showMap(layer < 0 ? address.start.representation : layer, view.has("method") && data.methods.includes(get("method")) ? get("method") : address.start.method);
  colorMap([...byId("color").options].some((option) => option.value === get("colour") && !option.disabled) ? get("colour") : "class");
  showRings(get("rings") === "1" && predicted);
  shapeMap(get("shapes") === "1");
  const [, low, high] = /^(\d{1,3}(?:\.\d{1,3})?)-(\d{1,3}(?:\.\d{1,3})?)$/.exec(get("confidence")) ?? ["", "0", "100"];
  setFilters({truth: numbers("true"), taken: numbers("predicted"), right: get("right"), low: Number(low), high: Number(high), split: get("split"), against: get("against")});
  const cell = numbers("cell");
  if (predicted && cell.length === 2 && cell.every((k) => k < classCount)) selectCell(...cell);
  else { const rows = view.has("rows") ? unpackRows(get("rows")) : []; selectRows(rows, rows.length ? "As the address says." : "", null); }
  for (const [name, part] of Object.entries(viewParts)) part.show(get(name));
  const row = view.has("card") ? data.ids.indexOf(get("card")) : -1;
  if (row >= 0) openCard(row, card.list.includes(row) ? null : []);
  else closeCard();
  address.busy = false;
  address.shown = text.startsWith(HEAD) ? viewText() : "";
}

function bindAddress() {
  address.start = {representation: map.representation, layer: data.representations[map.representation]?.name, method: map.method};
  const given = () => location.hash.slice(1);
  address.busy = false;
  const follow = () => { const text = given(); if (text !== address.shown && (text === "" || text.startsWith(HEAD))) applyView(text); };
  for (const kind of ["popstate", "hashchange"]) addEventListener(kind, follow);
  follow();
}
