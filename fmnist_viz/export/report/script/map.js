// The map: switching layer, method or colour changes the names of the glyphs' fields; the one source, and with it the selection, stays.
const map = {representation: 0, method: ["tsne", "umap", "pca"].find((m) => data.methods.includes(m)) ?? data.methods[0], by: "class", fit: null, shaped: false};

function bindMap() {
  const doc = Bokeh.documents[0], named = (name) => doc.get_model_by_name(name);
  map.figure = named("map");
  map.source = named("source");
  map.spot = named("spot");
  map.points = named("points");
  map.errors = named("errors");
  map.ring = named("spot_ring");
  map.links = named("links");
  map.lines = named("link_lines");
  map.tools = {lasso: named("lasso"), box: named("box"), pan: named("pan")};
  [map.kept, map.rest, map.wrongRows] = ["kept_rows", "rest_rows", "wrong_rows"].map(named);
  map.allWrong = [...map.wrongRows.indices];
  const glyphs = (...renderers) => [...new Set(renderers.flatMap((r) => [r.glyph, r.selection_glyph, r.nonselection_glyph]).filter((g) => g && g.type))];
  map.dots = glyphs(map.points, named("rest"));
  map.glyphs = [...map.dots, ...glyphs(map.errors)];
}

const shownMap = () => data.representations[map.representation]?.maps[map.method];

function showMap(representation = map.representation, method = map.method) {
  map.representation = representation;
  const maps = data.representations[representation]?.maps ?? {};
  map.method = method in maps ? method : data.methods.find((m) => m in maps);
  const shown = shownMap();
  for (const glyph of map.glyphs) glyph.setv({x: {field: shown?.x ?? "x_"}, y: {field: shown?.y ?? "y_"}});
  byId("map-reading").textContent = shown?.note ? "" : shown?.reading ?? "";
  byId("map-caption").textContent = !shown ? "" : `${data.representations[representation].name}, n = ${number(total)}: ${shown.parameters}.${shown.scores ? ` ${shown.scores}.` : ""}`;
  const note = byId("map-note");
  note.hidden = Boolean(shown && !shown.note);
  note.textContent = shown ? shown.note : "There is no map: nothing was projected.";
  for (const tab of byId("layer-tabs").children) {
    const on = Number(tab.dataset.layer) === representation;
    tab.setAttribute("aria-selected", on);
    tab.tabIndex = on ? 0 : -1;
    if (on) tab.parentElement.scrollLeft = tab.offsetLeft - 40;
  }
  for (const button of byId("method-tabs").children) {
    button.setAttribute("aria-pressed", button.dataset.method === map.method);
    button.disabled = !(button.dataset.method in maps);
  }
  map.local = localOf(data.representations[representation]?.name, map.method);
  byId("color").querySelector('[value="distortion"]')?.toggleAttribute("disabled", !map.local);
  if (map.by === "distortion") colorMap(map.local ? "distortion" : "class");
  map.spot.data = {x: [], y: []};
  reach.cursor = null;
  showLinks();
  fitMap();
  saveView();
}

function colorMap(by) {
  map.by = by;
  byId("color").value = by;
  if (by === "distortion") fillDistortion();
  for (const r of [map.points]) for (const g of [r.glyph, r.selection_glyph, r.nonselection_glyph]) g.fill_color = {field: `color_${by}`};
  if (map.shaped) shapeMap();
  saveView();
  const legend = byId("legend"), chip = (color, text, shape = 0) => { const i = element("i", {"data-shape": shape}); i.style.background = color; return element("span", {class: "chip"}, i, text); };
  legend.hidden = !["correct", "confidence", "distortion", "against"].includes(by);
  if (by === "distortion") legend.replaceChildren(distortionKey());
  if (by === "correct") legend.replaceChildren(chip(data.rightOrWrong[0], "right"), chip(data.rightOrWrong[1], "wrong", 2));
  if (by === "against") legend.replaceChildren(...data.against.words.map((words, k) => chip(data.against.colors[k], words, k)));
  if (by === "confidence") legend.replaceChildren("confidence", element("span", {class: "scale"}, element("i", {class: "ramp"}),
    element("span", {class: "ticks"}, ...["0", "0.5", "1"].map((text) => element("span", {}, text)))));
}

// Equal scales on both axes: the shape of a map means something, its units do not.
function fitMap() {
  const shown = shownMap(), stage = byId("stage");
  map.fit = null;
  if (!shown || shown.note || !stage.clientWidth) return placeNames();
  const box = mapBox(shown);
  const unit = 1.08 * Math.max((box[1] - box[0]) / stage.clientWidth, (box[3] - box[2]) / stage.clientHeight) || 1 / stage.clientWidth;
  setRanges((box[0] + box[1]) / 2, (box[2] + box[3]) / 2, unit);
  map.fit = [(box[0] + box[1]) / 2, (box[2] + box[3]) / 2, unit * stage.clientWidth];
}

function setRanges(x, y, unit) {
  const stage = byId("stage"), w = unit * stage.clientWidth / 2, h = unit * stage.clientHeight / 2;
  map.figure.x_range.setv({start: x - w, end: x + w});
  map.figure.y_range.setv({start: y - h, end: y + h});
}

function showRings(on) {
  byId("rings").checked = on;
  map.errors.visible = on;
  saveView();
}

function zoomMap(factor) {
  const {x_range: x, y_range: y} = map.figure;
  setRanges((x.start + x.end) / 2, (y.start + y.end) / 2, (x.end - x.start) / byId("stage").clientWidth * factor);
}

function markSpot(i) {
  const shown = shownMap();
  const there = shown && !shown.note && i !== null;
  map.spot.data = there ? {x: [map.source.get_column(shown.x)[i]], y: [map.source.get_column(shown.y)[i]]} : {x: [], y: []};
  showLinks(there ? i : null);
}

// Bokeh says which points are under the pointer; the nearest of them is shown.
function hoverMap([renderer, {geometry}]) {
  const shown = shownMap(), found = [...map.source.inspected.indices];
  if (renderer !== map.points || !shown || !found.length || geometry.type !== "point") {
    if (!found.length) leaveMap();
    return;
  }
  const xs = map.source.get_column(shown.x), ys = map.source.get_column(shown.y);
  const far = (i) => (xs[i] - geometry.x) ** 2 + (ys[i] - geometry.y) ** 2;
  const nearest = found.reduce((a, b) => (far(b) < far(a) ? b : a));
  const frame = byId("plot").getBoundingClientRect();
  showTip(nearest, frame.left + geometry.sx, frame.top + geometry.sy, found.length - 1);
  showLinks(nearest);
}

function leaveMap() {
  hideTip();
  showLinks();
}

function buildMapControls() {
  data.representations.forEach((r, k) => {
    const tab = element("button", {type: "button", role: "tab", "data-layer": k, "aria-controls": "stage"}, element("bdi", {}, r.name));
    tab.addEventListener("click", () => showMap(k));
    byId("layer-tabs").append(tab);
  });
  byId("layer-tabs").addEventListener("keydown", (event) => {
    const step = {ArrowRight: 1, ArrowLeft: -1}[event.key];
    if (!step) return;
    showMap((map.representation + step + data.representations.length) % data.representations.length);
    byId("layer-tabs").children[map.representation].focus();
    event.preventDefault();
  });
  data.methods.forEach((m, k) => {
    const button = element("button", {type: "button", "data-method": m}, data.methodNames[k]);
    button.addEventListener("click", () => showMap(map.representation, m));
    byId("method-tabs").append(button);
  });
  byId("color").addEventListener("change", (event) => colorMap(event.target.value));
  byId("rings").addEventListener("change", (event) => showRings(event.target.checked));
  byId("shapes").addEventListener("change", (event) => shapeMap(event.target.checked));
  for (const button of byId("drag").querySelectorAll("[data-tool]")) button.addEventListener("click", () => {
    map.tools[button.dataset.tool].active = true;
    for (const other of byId("drag").querySelectorAll("[data-tool]")) other.setAttribute("aria-pressed", other === button);
  });
  byId("zoom-in").addEventListener("click", () => zoomMap(1 / 1.5));
  byId("zoom-out").addEventListener("click", () => zoomMap(1.5));
  byId("zoom-fit").addEventListener("click", fitMap);
  byId("stage").addEventListener("pointerleave", leaveMap);
  byId("links").addEventListener("change", () => showLinks());
}

function watchMap() {
  for (const range of [map.figure.x_range, map.figure.y_range]) {
    range.change.connect(placeNames);
    range.change.connect(() => saveView(true));
  }
  map.source.inspect.connect(hoverMap);
  map.source.selected.properties.indices.change.connect(() => selectionChanged([...map.source.selected.indices]));
  new ResizeObserver(() => { const zoomed = zoomText(); fitMap(); zoomTo(zoomed); }).observe(byId("stage"));
}
