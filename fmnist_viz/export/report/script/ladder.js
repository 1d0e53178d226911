// The layer ladder: the slider lies between two layers, and every point at the same share of its way. A canvas, redrawn as a whole.
const ladder = {at: 0, pair: null, frame: 0, play: "ladder-play", move: moveLadder};

function bindLadder() {
  if (!byId("ladder")) return;
  Object.assign(ladder, JSON.parse(byId("ladder-data").textContent));
  const bytes = Uint8Array.from(atob(byId("ladder-points").textContent.trim()), (c) => c.charCodeAt(0));
  byId("ladder-points").remove();
  ladder.rows = new Int32Array(bytes.buffer, 0, ladder.points);
  ladder.xy = new Float32Array(bytes.buffer, 4 * ladder.points);
  // in a random but fixed order: the last class must not lie on all others
  ladder.order = [...ladder.rows.keys()].sort((i, j) => (i * 7919) % 10007 - (j * 7919) % 10007 || i - j);
  const slider = byId("ladder-slider");
  slider.addEventListener("input", () => { rest(ladder); moveLadder(Number(slider.value)); });
  slider.addEventListener("keydown", (event) => {
    const step = {ArrowRight: 1, ArrowUp: 1, ArrowLeft: -1, ArrowDown: -1}[event.key];
    if (!step) return;
    event.preventDefault();
    glide(ladder, Math.min(Math.max(Math.round(ladder.at) + step, 0), ladder.layers.length - 1));
  });
  for (const tick of byId("ladder-ticks").children) tick.addEventListener("click", () => glide(ladder, Number(tick.dataset.layer)));
  byId("ladder-play").addEventListener("click", () => ladder.frame ? rest(ladder) : glide(ladder, ladder.layers.length - 1, ladder.at > ladder.layers.length - 1.01 ? 0 : ladder.at));
  const canvas = byId("ladder-canvas");
  canvas.addEventListener("pointermove", (event) => hoverLadder(event));
  canvas.addEventListener("pointerleave", hideTip);
  canvas.addEventListener("click", (event) => { const i = nearestOnLadder(event); if (i !== null) selectRows([ladder.rows[i]], "Chosen on the layer ladder."); });
  new ResizeObserver(drawLadder).observe(canvas);
  byId("ladder").addEventListener("contentvisibilityautostatechange", (event) => { if (!event.skipped) drawLadder(); });
  map.source.selected.properties.indices.change.connect(drawLadder);
  if (ladder.pairs.length) bindPairs();
  moveLadder(0);
}

function moveLadder(at) {
  ladder.at = at;
  byId("ladder-slider").value = at;
  const near = Math.round(at), layer = ladder.layers[near];
  byId("ladder-slider").setAttribute("aria-valuetext", layer.name);
  for (const tick of byId("ladder-ticks").children) tick.setAttribute("aria-pressed", Number(tick.dataset.layer) === near);
  const note = byId("ladder-note");
  note.hidden = layer.drawn || Math.abs(at - near) > 0.25;
  note.textContent = layer.note;
  byId("ladder-layer").replaceChildren(element("bdi", {}, layer.name));
  byId("ladder-facts").replaceChildren(...(layer.facts.length ? layer.facts : [["nothing measured", layer.note]]).flatMap(([what, value]) => [element("dt", {}, what), element("dd", {}, value)]));
  drawLadder();
  saveView(true);
}

// Where point i is now, in px of a canvas of that side; steps are eased, so that points rest at the layers.
function placeOnLadder(i, side) {
  const k = Math.min(Math.floor(ladder.at), ladder.layers.length - 1), next = Math.min(k + 1, ladder.layers.length - 1), t = ladder.at - k, ease = t * t * (3 - 2 * t);
  const at = (layer, axis) => ladder.xy[2 * (layer * ladder.points + i) + axis];
  const between = (axis) => at(k, axis) + ease * (at(next, axis) - at(k, axis));
  return [side / 2 * (1 + 0.97 * between(0)), side / 2 * (1 - 0.97 * between(1))];
}

function drawLadder() {
  // far from the screen it is drawn when it comes near
  if (!byId("ladder")?.querySelector("canvas").checkVisibility({contentVisibilityAuto: true})) return;
  const canvas = byId("ladder-canvas"), side = canvas.clientWidth, scale = devicePixelRatio || 1;
  if (!side || !ladder.xy) return;
  if (canvas.width !== Math.round(side * scale)) canvas.width = canvas.height = Math.round(side * scale);
  const pen = canvas.getContext("2d"), radius = ladder.points > 1000 ? 2 : ladder.points > 200 ? 2.6 : 3.6;
  pen.setTransform(scale, 0, 0, scale, 0, 0);
  pen.clearRect(0, 0, side, side);
  const chosen = selection.active ? new Set(selection.rows) : null, shown = ladder.pair;
  const bright = (row) => keeps(row) && (!shown || data.labels[row] === shown.a || data.labels[row] === shown.b);
  for (const pass of shown || filters.keep ? [false, true] : [true]) for (const i of ladder.order) {
    const row = ladder.rows[i];
    if (bright(row) !== pass) continue;
    const [x, y] = placeOnLadder(i, side);
    pen.globalAlpha = pass ? 0.8 : 0.12;
    pen.fillStyle = keeps(row) ? data.colors[data.labels[row]] : "#9aa1aa";
    pen.beginPath();
    pen.arc(x, y, radius, 0, 2 * Math.PI);
    pen.fill();
  }
  if (!chosen) return;
  pen.globalAlpha = 0.9;
  pen.strokeStyle = getComputedStyle(document.documentElement).getPropertyValue("--ink").trim();
  for (const i of ladder.order) if (chosen.has(ladder.rows[i])) {
    const [x, y] = placeOnLadder(i, side);
    pen.beginPath();
    pen.arc(x, y, radius + 1.5, 0, 2 * Math.PI);
    pen.stroke();
  }
}

function nearestOnLadder(event) {
  const canvas = byId("ladder-canvas"), frame = canvas.getBoundingClientRect();
  let best = null, least = 64;
  for (let i = 0; i < ladder.points; i++) {
    const [x, y] = placeOnLadder(i, canvas.clientWidth), far = (x - event.clientX + frame.left) ** 2 + (y - event.clientY + frame.top) ** 2;
    if (far < least) [best, least] = [i, far];
  }
  return best;
}

function hoverLadder(event) {
  const i = ladder.frame ? null : nearestOnLadder(event);
  if (i === null) hideTip();
  else showTip(ladder.rows[i], event.clientX, event.clientY);
}

// Two classes: where they come apart.
function bindPairs() {
  const classes = [...new Set(ladder.pairs.flatMap((pair) => [pair.a, pair.b]))].sort((a, b) => a - b);
  for (const id of ["ladder-a", "ladder-b"]) {
    byId(id).append(element("option", {value: ""}, "–"), ...classes.map((k) => element("option", {value: k}, data.classes[k])));
    byId(id).addEventListener("change", choosePair);
  }
  byId("ladder-all").addEventListener("click", () => { byId("ladder-a").value = byId("ladder-b").value = ""; choosePair(); });
  byId("ladder-hardest").append(...ladder.hardest.map((k) => {
    const pair = ladder.pairs[k], where = pair.at < 0 ? "nowhere" : ladder.layers[pair.at].name;
    const button = element("button", {type: "button", class: "row", "data-pair": k}, element("span", {class: "who"}, bdi(pair.a), " and ", bdi(pair.b)), element("span", {}, `${percent(pair.rates[pair.best][0])} % · `, element("bdi", {}, where)));
    button.addEventListener("click", () => { byId("ladder-a").value = pair.a; byId("ladder-b").value = pair.b; choosePair(); });
    return element("li", {}, button);
  }));
  choosePair();
}

function choosePair() {
  const [a, b] = ["ladder-a", "ladder-b"].map((id) => byId(id).value), both = a !== "" && b !== "" && a !== b;
  ladder.pair = both ? {a: Number(a), b: Number(b)} : null;
  const found = both ? ladder.pairs.find((pair) => pair.a === Math.min(a, b) && pair.b === Math.max(a, b)) : null;
  byId("ladder-all").disabled = a === "" && b === "";
  const words = byId("ladder-pair"), rate = (k) => `${percent(found.rates[k][0])} % (${percent(found.rates[k][1])}–${percent(found.rates[k][2])})`;
  const layer = (k) => element("bdi", {}, ladder.layers[k].name);
  if (!both) words.replaceChildren("Choose two classes.");
  else if (!found) words.replaceChildren("This pair was not measured: too few images, or too many classes.");
  else if (found.at < 0) words.replaceChildren("No layer tells them apart better than chance.");
  else words.replaceChildren("Apart at ", layer(found.at), `: ${rate(found.at)} of ${number(found.n)} held-out images right. `, ...(found.at === found.best ? ["No other layer is better."] : ["The best layer is not clearly better: ", layer(found.best), `, ${rate(found.best)}.`]));
  for (const button of byId("ladder-hardest").querySelectorAll("button")) button.setAttribute("aria-pressed", ladder.pairs[button.dataset.pair] === found);
  chartPair(found);
  drawLadder();
  saveView();
}

function chartPair(pair) {
  const chart = byId("ladder-chart"), draw = (tag, attributes, ...children) => {
    const e = document.createElementNS("http://www.w3.org/2000/svg", tag);
    for (const [name, value] of Object.entries(attributes)) e.setAttribute(name, value);
    e.append(...children);
    return e;
  };
  chart.toggleAttribute("hidden", !pair);
  if (!pair) return;
  const last = Math.max(1, ladder.layers.length - 1), low = Math.min(...pair.rates.filter(Boolean).map((r) => r[1])), high = Math.max(...pair.rates.filter(Boolean).map((r) => r[2]));
  const x = (k) => 60 + 350 * k / last, y = (value) => 132 - 108 * (value - low) / (high - low || 1), parts = [];
  for (const value of [low, high]) parts.push(draw("path", {class: "rule", d: `M44 ${y(value)}H430`}), draw("text", {x: 38, y: y(value) + 4, "text-anchor": "end"}, percent(value)));
  const known = pair.rates.map((r, k) => [r, k]).filter(([r]) => r);
  parts.push(draw("path", {class: "line", stroke: "var(--accent)", d: "M" + known.map(([r, k]) => `${x(k)} ${y(r[0])}`).join("L")}));
  for (const [r, k] of known) {
    parts.push(draw("path", {class: "line", stroke: "var(--accent)", d: `M${x(k)} ${y(r[1])}V${y(r[2])}`}), draw("circle", {cx: x(k), cy: y(r[0]), r: k === pair.at ? 5 : 3, fill: k === pair.at ? "var(--accent)" : "var(--page)", stroke: "var(--accent)"}));
  }
  const every = Math.ceil(ladder.layers.length / 5), long = ladder.layers.some((layer) => layer.name.length > 10);  // names that fit side by side
  ladder.layers.forEach((layer, k) => { if (k === pair.at || (k % every === 0 && Math.abs(k - pair.at) >= every)) parts.push(draw("text", {x: x(k), y: long && k % (2 * every) ? 172 : 156, "text-anchor": k === 0 ? "start" : k === last ? "end" : "middle", ...(k === pair.at ? {class: "ladder-apart"} : {})}, layer.name)); });
  chart.replaceChildren(...parts);
  chart.setAttribute("aria-label", `Share told right by layer: ${known.map(([r, k]) => `${ladder.layers[k].name} ${percent(r[0])} %`).join(", ")}`);
}
