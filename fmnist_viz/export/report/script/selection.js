// The selection: what was chosen in the matrix, on the map or in a table; always the source's own list of rows.
const MOST_THUMBS = 400, IDLE_THUMBS = 60, MOST_BARS = 5;
const selection = {rows: [], asked: [], cell: null, what: "", active: false};

function selectRows(rows, what = "", cell = null) {
  if (!map.source) return;  // the matrix is there before the map
  const shown = filters.keep ? rows.filter(keeps) : rows;
  selection.pending = {what, cell, asked: [...rows]};
  map.source.selected.indices = shown;  // comes back through selectionChanged, as a lasso's does
  if (selection.pending) selectionChanged(shown);  // equal to what was selected: Bokeh is silent then
}

function selectCell(t, p) {
  const rows = [];
  for (let i = 0; i < total; i++) if (data.labels[i] === t && data.predictions[i] === p) rows.push(i);
  selectRows(rows, cellWords(t, p) + ".", [t, p]);
}

function clearSelection() { selectRows([], "", null); }

function selectionChanged(rows) {
  const asked = selection.pending ?? {what: rows.length ? "Marked on the map." : "", cell: null, asked: rows};
  selection.pending = null;
  Object.assign(selection, {rows: rows.sort((a, b) => a - b), asked: [...asked.asked].sort((a, b) => a - b), what: asked.what, cell: asked.cell, active: asked.asked.length > 0 || asked.cell !== null});
  pressCell(asked.cell);
  showLinks();
  showSelection();
  saveView();
}

// Wrong ones from "barely" to "confidently wrong", then right ones from "barely" to "surely right".
function wallOrder(rows) {
  const at = (i) => (sure ? data.margin[i] : 0);
  return [rows.filter(wrong).sort((a, b) => at(a) - at(b) || a - b), rows.filter((i) => !wrong(i)).sort((a, b) => at(b) - at(a) || a - b)];
}

// At most `limit` of a list, evenly spaced, so that both ends are seen.
const spaced = (list, limit) => list.length <= limit ? list : Array.from({length: limit}, (_, k) => list[Math.round(k * (list.length - 1) / Math.max(1, limit - 1))]);

function showSelection() {
  const {rows, active} = selection;
  const count = `${number(rows.length)} image${rows.length === 1 ? "" : "s"}`;
  byId("selection-count").textContent = active ? count : "";
  byId("jump").textContent = `${count} ↓`;
  showJump();
  byId("clear").disabled = !active;
  byId("export").disabled = !rows.length;
  if (!active) return showIdle();
  const hidden = selection.asked.length - rows.length;
  byId("selection-what").textContent = `${selection.what}${hidden ? ` ${number(hidden)} more do not pass the filters.` : ""}`;
  byId("selection-bars").replaceChildren(...composition(rows));
  byId("wall").replaceChildren(...wallParts(rows));
  byId("wall").scrollTop = 0;
}

// The composition of some images and their pictures.
function wallParts(rows) {
  const [bad, good] = wallOrder(rows);
  const badLimit = Math.min(bad.length, good.length ? Math.max(MOST_THUMBS - good.length, Math.round(MOST_THUMBS * 0.75)) : MOST_THUMBS);
  const badShown = spaced(bad, badLimit), goodShown = spaced(good, MOST_THUMBS - badShown.length);
  const cut = rows.length > badShown.length + goodShown.length;
  const parts = [];
  if (cut) parts.push(element("p", {class: "note", id: "wall-cut"}, `${number(badShown.length + goodShown.length)} of ${number(rows.length)} shown, evenly spaced.`));
  if (bad.length) parts.push(wallPart(`Wrong${sure ? ": barely → confidently" : ""} (${number(bad.length)})`, badShown));
  if (good.length) parts.push(wallPart(`${predicted ? `Right${sure ? ": barely → surely" : ""}` : "Images"} (${number(good.length)})`, goodShown));
  if (!rows.length) parts.push(element("p", {class: "note"}, "There is no such image."));
  return parts;
}

const composition = (rows) => rows.length ? [bars("They are", rows, data.labels), ...(predicted ? [bars("Taken for", rows, data.predictions)] : [])] : [];

// On a narrow screen the selection is below the matrix and the map: a button leads there for as long as it is out of sight.
function showJump() { byId("jump").hidden = !selection.active || selection.inSight; }

function showIdle() {
  if (filters.keep) {
    const rows = [...data.labels.keys()].filter(keeps);
    byId("selection-what").textContent = `Nothing is selected. These are the ${number(rows.length)} images that pass the filters.`;
    byId("selection-bars").replaceChildren(...composition(rows));
    return void byId("wall").replaceChildren(...wallParts(rows));
  }
  const all = [...data.labels.keys()].filter(wrong).sort((a, b) => (sure ? data.margin[b] - data.margin[a] : 0) || a - b);
  byId("selection-what").textContent = `Nothing is selected. ${predicted ? "Choose a cell of the matrix, or draw" : "Draw"} around points on the map.`;
  byId("selection-bars").replaceChildren();
  byId("wall").replaceChildren(!predicted ? "" : all.length ? wallPart(sure ? "Most confidently wrong of all" : "The first errors of all", all.slice(0, IDLE_THUMBS)) : element("p", {class: "note"}, "There is no error on these images."));
}

function bars(title, rows, of) {
  const tally = new Map();
  for (const i of rows) tally.set(of[i], (tally.get(of[i]) ?? 0) + 1);
  const sorted = [...tally].sort((a, b) => b[1] - a[1] || a[0] - b[0]);
  const line = (name, n, color) => {
    const fill = element("i");
    fill.style.cssText = `width:${100 * n / rows.length}%;background:${color}`;
    return element("div", {class: "bar-line"}, element("span", {class: "bar-name"}, name), element("span", {class: "bar-track"}, fill), element("span", {class: "bar-count"}, number(n)));
  };
  const shown = sorted.slice(0, sorted.length > MOST_BARS + 1 ? MOST_BARS : MOST_BARS + 1);
  const rest = sorted.slice(shown.length).reduce((sum, [, n]) => sum + n, 0);
  const lines = shown.map(([k, n]) => line(bdi(k), n, data.colors[k]));
  if (rest) lines.push(line(`${sorted.length - shown.length} others`, rest, "var(--line-strong)"));
  return element("div", {class: "bars"}, element("h3", {}, title), ...lines);
}

function bindSelection() {
  byId("clear").addEventListener("click", clearSelection);
  byId("export").addEventListener("click", exportSelection);
  byId("jump").addEventListener("click", () => byId("selection").scrollIntoView());
  new IntersectionObserver(([seen]) => {
    selection.inSight = seen.isIntersecting || seen.boundingClientRect.top < 0;  // no way down to what is above
    showJump();
  }, {rootMargin: "0px 0px -120px"}).observe(byId("selection"));
  document.addEventListener("click", (event) => {
    const button = event.target.closest("button[data-true]:not(.cell), tr[data-true]");
    if (button) selectCell(Number(button.dataset.true), Number(button.dataset.predicted));
  });
  document.addEventListener("keydown", (event) => { if (event.key === "Escape" && selection.active && !byId("card").open) clearSelection(); });
}
