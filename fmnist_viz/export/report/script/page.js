// Light or dark: as the reader's system says, until the button is used.
const darkSystem = matchMedia("(prefers-color-scheme: dark)");
const isDark = () => (document.documentElement.dataset.theme ?? (darkSystem.matches ? "dark" : "light")) === "dark";

function applyTheme() {
  const ink = getComputedStyle(document.documentElement).getPropertyValue("--ink").trim();
  byId("theme").setAttribute("aria-pressed", isDark());
  if (ladder.xy) drawLadder();
  for (const renderer of [map.errors, map.ring, map.lines])
    for (const glyph of [renderer.glyph, renderer.selection_glyph, renderer.nonselection_glyph]) if (glyph && glyph.type) glyph.line_color = {value: ink};
}

function setTheme(theme) {
  if (theme) document.documentElement.dataset.theme = theme;
  else delete document.documentElement.dataset.theme;
  applyTheme();
  saveView();
}

// Links within the page scroll and take the focus along; the address keeps the view.
function bindLinks() {
  for (const link of document.querySelectorAll('nav a[href^="#"], a.skip')) link.addEventListener("click", (event) => {
    const section = byId(link.getAttribute("href").slice(1));
    if (!section) return;
    event.preventDefault();
    section.tabIndex = -1;
    section.scrollIntoView();
    section.focus({preventScroll: true});
  });
}

// On paper a picture stands for the map: its canvas would be cut, and the names would lose their places.
function drawForPaper() {
  const stage = byId("stage"), picture = element("canvas"), pen = picture.getContext("2d"), scale = 2, frame = stage.getBoundingClientRect();
  const drawn = Bokeh.index.find_one(map.figure)?.export("png", true)?.canvas;
  if (!drawn || !frame.width || !byId("map-note").hidden) return;
  picture.width = frame.width * scale;
  picture.height = frame.height * scale;
  pen.fillStyle = "#fff";
  pen.fillRect(0, 0, picture.width, picture.height);
  pen.drawImage(drawn, 0, 0, picture.width, picture.height);
  pen.scale(scale, scale);
  pen.font = "600 12px system-ui, sans-serif";
  pen.lineWidth = 3;
  for (const box of nameBoxes ?? []) if (box.style.visibility === "visible") {
    const at = box.querySelector("bdi").getBoundingClientRect(), name = box.querySelector("bdi").textContent;
    pen.strokeStyle = "#fff";
    pen.fillStyle = "#1c2026";
    pen.strokeText(name, at.left - frame.left, at.bottom - frame.top - 4);
    pen.fillText(name, at.left - frame.left, at.bottom - frame.top - 4);
  }
  byId("paper").src = picture.toDataURL("image/png");
  byId("paper").hidden = false;
}

async function start() {
  buildMatrix();
  // What follows the script in the page, drawing library and pictures, comes after the first paint with the matrix in it.
  if (document.readyState === "loading") await new Promise((done) => document.addEventListener("DOMContentLoaded", done, {once: true}));
  const sheetsReady = readSheets();
  buildMapControls();
  bindTables();
  bindSelection();
  bindWalls();
  bindLinks();
  byId("export").addEventListener("click", exportSelection);
  const item = JSON.parse(byId("figure").textContent);
  byId("figure").remove();
  await Bokeh.embed.embed_item(item, "plot");
  bindMap();
  applyTheme();
  darkSystem.addEventListener("change", applyTheme);
  byId("theme").addEventListener("click", () => { setTheme(isDark() ? "light" : "dark"); });
  watchMap();
  addEventListener("beforeprint", drawForPaper);
  bindReach();
  bindFilters();
  bindCard();
  bindSearch();
  bindLadder();
  bindFilm();
  bindCalibration();
  bindIssues();
  bindDossiers();
  bindAgainst();
  bindPeople();
  colorMap("class");
  showMap(Math.max(0, data.representations.length - 1));
  selectionChanged([]);
  bindAddress();
  await sheetsReady;
  document.documentElement.dataset.ready = "yes";
}

// For tests and for those who want to drive the page from the console.
window.fmnistViz = {
  ready: start(),
  select: selectCell,
  selectRows,
  clear: clearSelection,
  selected: () => selection.rows.map((i) => data.ids[i]),
  show: (representation, method) => showMap(data.representations.findIndex((r) => r.name === representation), method),
  color: colorMap,
  filter: setFilters,
  open: (id) => openCard(data.ids.indexOf(id)),
  kept: () => [...data.ids.keys()].filter(keeps).map((i) => data.ids[i]),
  probabilities: (id) => probabilitiesOf(data.ids.indexOf(id)),
  packing: (rows) => unpackRows(packRows(rows)),
  ladder: (side = 2) => ({at: ladder.at, pair: ladder.pair, places: Array.from({length: ladder.points ?? 0}, (_, i) => placeOnLadder(i, side))}),
  film: (view = 0, side = 2) => ({at: reel.at, pair: reel.pair, places: Array.from({length: reel.points ?? 0}, (_, i) => placeOnFilm(view, i, side))}),
  state: () => ({representation: data.representations[map.representation]?.name, method: map.method, color: map.by, cell: selection.cell, rows: [...selection.rows], card: card.row === null ? null : data.ids[card.row], filters: filterWords(), links: map.links.data.x0.length,
    fields: {x: map.points.glyph.x.field, y: map.points.glyph.y.field, color: map.points.glyph.fill_color.field}}),
};
