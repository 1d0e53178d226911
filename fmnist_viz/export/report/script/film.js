// The epoch film: the slider lies between two epochs, and every point of every view at the same share of its way.
const reel = {at: 0, pair: null, frame: 0, play: "film-play", move: moveFilm};

function bindFilm() {
  if (!byId("film-data")) return;
  Object.assign(reel, JSON.parse(byId("film-data").textContent));
  const bytes = Uint8Array.from(atob(byId("film-points").textContent.trim()), (c) => c.charCodeAt(0)), m = reel.points, e = reel.epochs.length;
  byId("film-points").remove();
  reel.rows = new Int32Array(bytes.buffer, 0, m);
  reel.labels = new Int16Array(bytes.buffer, 4 * m, m);
  reel.answers = new Int16Array(bytes.buffer, 6 * m, e * m);
  reel.xy = new Int16Array(bytes.buffer, (6 + 2 * e) * m);
  // in a random but fixed order: the last class must not lie on all others
  reel.order = [...reel.rows.keys()].sort((i, j) => (i * 7919) % 10007 - (j * 7919) % 10007 || i - j);
  reel.canvases = [...byId("film").querySelectorAll("canvas")];
  reel.draws = reel.canvases.map((canvas, view) => whenSeen(canvas, () => drawView(view)));
  const slider = byId("film-slider"), last = e - 1;
  slider.addEventListener("input", () => { rest(reel); moveFilm(Number(slider.value)); });
  slider.addEventListener("keydown", (event) => {
    const to = {ArrowRight: Math.floor(reel.at + 1), ArrowUp: Math.floor(reel.at + 1), ArrowLeft: Math.ceil(reel.at - 1), ArrowDown: Math.ceil(reel.at - 1), Home: 0, End: last}[event.key];
    if (to === undefined) return;
    event.preventDefault();
    glide(reel, Math.min(Math.max(to, 0), last));
  });
  for (const tick of byId("film-ticks").children) tick.addEventListener("click", () => glide(reel, Number(tick.dataset.epoch)));
  byId("film-play").addEventListener("click", playFilm);
  byId("film-wrong").addEventListener("change", drawFilm);
  for (const canvas of reel.canvases) {
    const view = Number(canvas.dataset.view);
    canvas.addEventListener("pointermove", (event) => { const i = reel.frame ? null : nearestOnFilm(view, event); if (i === null || reel.rows[i] < 0) hideTip(); else showTip(reel.rows[i], event.clientX, event.clientY); });
    canvas.addEventListener("pointerleave", hideTip);
    canvas.addEventListener("click", (event) => { const i = nearestOnFilm(view, event); if (i !== null && reel.rows[i] >= 0) selectRows([reel.rows[i]], "Chosen on the epoch film."); });
    new ResizeObserver(reel.draws[view]).observe(canvas);
  }
  map.source.selected.properties.indices.change.connect(drawFilm);
  bindFilmPairs();
  moveFilm(last);
}

function moveFilm(at) {
  reel.at = at;
  const near = Math.round(at), epoch = reel.epochs[near], slider = byId("film-slider");
  slider.value = at;
  slider.setAttribute("aria-valuetext", epoch.name);
  for (const tick of byId("film-ticks").children) tick.setAttribute("aria-pressed", Number(tick.dataset.epoch) === near);
  byId("film-epoch").textContent = epoch.name[0].toUpperCase() + epoch.name.slice(1);
  byId("film-facts").replaceChildren(...epoch.facts.flatMap(([what, value]) => [element("dt", {}, what), element("dd", {}, value)]));
  for (const line of byId("film").querySelectorAll("[data-said]")) line.textContent = reel.views[line.dataset.said].said[near] || "\u00a0";
  drawFilm();
  sayFilmPair();
  saveView(true);
}

// About a second from epoch to epoch. For those who asked their system for less motion each press goes one epoch on, at once.
function playFilm() {
  const last = reel.epochs.length - 1, done = reel.at > last - 0.01;
  if (reel.frame) return rest(reel);
  if (matchMedia("(prefers-reduced-motion: reduce)").matches) return moveFilm(done ? 0 : Math.floor(reel.at + 1));
  glide(reel, last, done ? 0 : reel.at);
}

// Where point i is now in a view, in px of a canvas of that side. A straight way at an even pace: in the linear views that is the truth of mixed outputs.
function placeOnFilm(view, i, side) {
  const e = reel.epochs.length, k = Math.min(Math.floor(reel.at), e - 1), next = Math.min(k + 1, e - 1), t = reel.at - k;
  const at = (epoch, axis) => reel.xy[2 * ((view * e + epoch) * reel.points + i) + axis] / 32767;
  const between = (axis) => at(k, axis) + t * (at(next, axis) - at(k, axis));
  return [side / 2 * (1 + between(0)), side / 2 * (1 - between(1))];
}

const drawFilm = () => { for (const draw of reel.draws ?? []) draw(); };

function drawView(view) {
  const canvas = reel.canvases[view], side = canvas.clientWidth, scale = devicePixelRatio || 1;
  if (!side) return;
  if (canvas.width !== Math.round(side * scale)) canvas.width = canvas.height = Math.round(side * scale);
  const pen = canvas.getContext("2d"), style = getComputedStyle(document.documentElement), ink = style.getPropertyValue("--ink").trim();
  const radius = (reel.points > 1000 ? 1.6 : 2.4) * (side < 220 ? 0.75 : 1);
  pen.setTransform(scale, 0, 0, scale, 0, 0);
  pen.clearRect(0, 0, side, side);
  if (reel.views[view].linear) drawFilmAxes(pen, side, style);
  pen.lineWidth = 0.8;
  const pair = reel.pair, near = Math.round(reel.at), chosen = selection.active ? new Set(selection.rows) : null, rings = byId("film-wrong").checked, ringed = [];
  for (const pass of pair ? [false, true] : [true]) for (const i of reel.order) {
    const label = reel.labels[i], answer = reel.answers[near * reel.points + i];
    if ((!pair || label === pair.t || label === pair.p) !== pass) continue;
    const [x, y] = placeOnFilm(view, i, side);
    pen.globalAlpha = pass ? 0.8 : 0.1;
    pen.fillStyle = data.colors[label];
    pen.beginPath();
    pen.arc(x, y, radius, 0, 2 * Math.PI);
    pen.fill();
    if ((pass && rings && label !== answer) || (pair && label === pair.t && answer === pair.p) || (chosen && chosen.has(reel.rows[i]))) ringed.push([x, y]);
  }
  pen.globalAlpha = 0.9;
  pen.strokeStyle = ink;
  for (const [x, y] of ringed) {
    pen.beginPath();
    pen.arc(x, y, radius + 1.2, 0, 2 * Math.PI);
    pen.stroke();
  }
  if (reel.views[view].linear && side >= 220 && reel.axes.length <= 16) nameFilmAxes(pen, side, style);
}

// A line per class from the middle, ending in its colour.
function drawFilmAxes(pen, side, style) {
  pen.globalAlpha = 1;
  pen.lineWidth = 1;
  reel.axes.forEach(([ax, ay], k) => {
    const x = side / 2 * (1 + reel.tip * ax), y = side / 2 * (1 - reel.tip * ay);
    pen.strokeStyle = style.getPropertyValue("--line").trim();
    pen.beginPath();
    pen.moveTo(side / 2, side / 2);
    pen.lineTo(x, y);
    pen.stroke();
    pen.fillStyle = data.colors[k];
    pen.beginPath();
    pen.arc(x, y, 3.5, 0, 2 * Math.PI);
    pen.fill();
  });
}

// The classes' names at the ends of their axes, above the points.
function nameFilmAxes(pen, side, style) {
  pen.globalAlpha = 1;
  pen.lineWidth = 3;
  pen.lineJoin = "round";
  pen.font = "11px system-ui, sans-serif";
  pen.textAlign = "center";
  pen.textBaseline = "middle";
  pen.strokeStyle = style.getPropertyValue("--page").trim();
  pen.fillStyle = style.getPropertyValue("--ink").trim();
  reel.axes.forEach(([ax, ay], k) => {
    const x = side / 2 * (1 + reel.tip * ax), y = side / 2 * (1 - reel.tip * ay);
    let name = data.classes[k];
    while (name.length > 2 && pen.measureText(name).width > side * 0.3) name = name.replace(/…?$/u, "").slice(0, -1) + "…";
    const half = pen.measureText(name).width / 2, place = [Math.min(Math.max(x, half + 3), side - half - 3), Math.min(Math.max(y + (ay >= 0 ? -11 : 11), 7), side - 7)];
    pen.strokeText(name, ...place);
    pen.fillText(name, ...place);
  });
}

function nearestOnFilm(view, event) {
  const canvas = reel.canvases[view], frame = canvas.getBoundingClientRect();
  let best = null, least = 64;
  for (let i = 0; i < reel.points; i++) {
    if (reel.pair && reel.labels[i] !== reel.pair.t && reel.labels[i] !== reel.pair.p) continue;
    const [x, y] = placeOnFilm(view, i, canvas.clientWidth), far = (x - event.clientX + frame.left + canvas.clientLeft) ** 2 + (y - event.clientY + frame.top + canvas.clientTop) ** 2;
    if (far < least) [best, least] = [i, far];
  }
  return best;
}

// Two classes: how often one is taken for the other, epoch by epoch.
function bindFilmPairs() {
  for (const id of ["film-true", "film-predicted"]) {
    byId(id).append(element("option", {value: ""}, "–"), ...reel.classes.map(({k}) => element("option", {value: k}, data.classes[k])));
    byId(id).addEventListener("change", chooseFilmPair);
  }
  byId("film-all").addEventListener("click", () => { byId("film-true").value = byId("film-predicted").value = ""; chooseFilmPair(); });
  if (reel.leading.length) byId("film-leading").append(...reel.leading.map((at) => {
    const pair = reel.pairs[at];
    const button = element("button", {type: "button", class: "row", "data-pair": at}, element("span", {class: "who"}, bdi(pair.t), " → ", bdi(pair.p)), element("span", {}, filmRate(pair, reel.looks.length - 1)));
    button.addEventListener("click", () => { byId("film-true").value = pair.t; byId("film-predicted").value = pair.p; chooseFilmPair(); });
    return element("li", {}, button);
  }));
  chooseFilmPair();
}

const filmRate = (pair, look) => `${percent(pair.rates[look][0])} % (${percent(pair.rates[look][1])}–${percent(pair.rates[look][2])})`;
const filmPair = (t, p) => reel.pairs.find((pair) => pair.t === t && pair.p === p);

function chooseFilmPair() {
  const [t, p] = ["film-true", "film-predicted"].map((id) => byId(id).value), both = t !== "" && p !== "" && t !== p;
  reel.pair = both ? {t: Number(t), p: Number(p)} : null;
  byId("film-all").disabled = t === "" && p === "";
  if (byId("film-leading")) for (const button of byId("film-leading").querySelectorAll("button")) button.setAttribute("aria-pressed", both && reel.pairs[button.dataset.pair] === filmPair(reel.pair.t, reel.pair.p));
  sayFilmPair();
  chartFilm();
  drawFilm();
  saveView();
}

function sayFilmPair() {
  const words = byId("film-pair"), epoch = reel.epochs[Math.round(reel.at)], say = (...parts) => {
    const text = parts.map((part) => part.textContent ?? part).join("");
    if (words.textContent !== text) words.replaceChildren(...parts);
  };
  if (!reel.pair) return say("Choose two classes: they stand out, and the mistakes between them get a ring.");
  const {t, p} = reel.pair, found = filmPair(t, p), n = reel.classes.find(({k}) => k === t).n;
  say(bdi(t), " taken for ", bdi(p), ` ${epoch.look && reel.looks[epoch.look] ? "after " : ""}${epoch.name}: `, found ? `${filmRate(found, epoch.look)} of ${number(n)} images.` : reel.pairs.length < 400 ? `no image of ${number(n)} at any epoch.` : "not among the pairs mixed up most.");
}

// Share right of every class by epoch; or, of a pair, both directions with their intervals.
function chartFilm() {
  const svg = (tag, attributes, ...children) => {
    const e = document.createElementNS("http://www.w3.org/2000/svg", tag);
    for (const [name, value] of Object.entries(attributes)) e.setAttribute(name, value);
    e.append(...children);
    return e;
  };
  const {t, p} = reel.pair ?? {}, looks = reel.looks, last = looks.length - 1;
  const lines = reel.pair ? [[t, p, ""], [p, t, "4 3"]].map(([a, b, dash]) => ({k: a, dash, name: [data.classes[a], " → ", data.classes[b]].join(""), rates: filmPair(a, b)?.rates})).filter((line) => line.rates)
    : reel.classes.map(({k, rates}) => ({k, dash: "", name: data.classes[k], rates}));
  const from = reel.pair && looks[0] === 0 && last > 0 ? 1 : 0;  // what an untrained network mixes up says nothing, and would flatten the rest
  const top = reel.pair ? Math.max(0.05, ...lines.flatMap((line) => line.rates.slice(from).map((r) => r[2]))) : 1;
  const x = (i) => 50 + 370 * (looks[i] - looks[from]) / (looks[last] - looks[from] || 1), y = (value) => 152 - 136 * value / top, parts = [];
  for (const value of [0, top / 2, top]) parts.push(svg("path", {class: "rule", d: `M44 ${y(value)}H426`}), svg("text", {x: 38, y: y(value) + 4, "text-anchor": "end"}, percent(value, top < 0.2 ? 1 : 0)));
  for (const {k, dash, name, rates} of lines) {
    const color = data.colors[k], kept = rates.map((r, i) => [r, i]).slice(from);
    parts.push(svg("path", {class: "line", stroke: color, "stroke-dasharray": dash, d: "M" + kept.map(([r, i]) => `${x(i)} ${y(r[0])}`).join("L")}, svg("title", {}, name)));
    for (const [r, i] of kept) {
      if (reel.pair) parts.push(svg("path", {class: "line", stroke: color, d: `M${x(i)} ${y(r[1])}V${y(r[2])}`}));
      parts.push(svg("circle", {cx: x(i), cy: y(r[0]), r: last > 14 ? 1.5 : 2.5, fill: color}, svg("title", {}, `${name}: ${percent(r[0])} % (${percent(r[1])}–${percent(r[2])}), epoch ${looks[i]}`)));
    }
  }
  const every = Math.max(1, Math.ceil((last - from) / 8));
  for (let i = from; i <= last; i += every) parts.push(svg("text", {x: x(i), y: 174, "text-anchor": "middle"}, `${i === from ? "epoch " : ""}${looks[i]}`));
  byId("film-chart").replaceChildren(...parts);
  byId("film-chart").setAttribute("aria-label", lines.map((line) => `${line.name}: ${line.rates.map((r, i) => `epoch ${looks[i]} ${percent(r[0])} %`).join(", ")}`).join("; "));
  const title = byId("film-chart-title");
  if (!reel.pair) title.replaceChildren("Right by class, % of its images, epoch by epoch");
  else title.replaceChildren("Mixed up, %: ", bdi(t), " → ", bdi(p), " solid, ", bdi(p), " → ", bdi(t), " dashed");
}
