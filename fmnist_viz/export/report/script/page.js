// Light or dark: as the reader's system says, until the button is used.
const darkSystem = matchMedia("(prefers-color-scheme: dark)");
const isDark = () => (document.documentElement.dataset.theme ?? (darkSystem.matches ? "dark" : "light")) === "dark";

function applyTheme() {
  const ink = getComputedStyle(document.documentElement).getPropertyValue("--ink").trim();
  byId("theme").setAttribute("aria-pressed", isDark());
  for (const renderer of [map.errors, map.ring, map.lines])
    for (const glyph of [renderer.glyph, renderer.selection_glyph, renderer.nonselection_glyph]) if (glyph && glyph.type) glyph.line_color = {value: ink};
}

async function start() {
  buildMapControls();
  buildMatrix();
  bindTables();
  bindSelection();
  const item = JSON.parse(byId("figure").textContent);
  byId("figure").remove();
  await Bokeh.embed.embed_item(item, "plot");
  bindMap();
  applyTheme();
  darkSystem.addEventListener("change", applyTheme);
  byId("theme").addEventListener("click", () => { document.documentElement.dataset.theme = isDark() ? "light" : "dark"; applyTheme(); });
  watchMap();
  bindLadder();
  bindDossiers();
  colorMap("class");
  showMap(Math.max(0, data.representations.length - 1));
  selectionChanged([]);
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
  ladder: (side = 2) => ({at: ladder.at, pair: ladder.pair, places: Array.from({length: ladder.points ?? 0}, (_, i) => placeOnLadder(i, side))}),
  state: () => ({representation: data.representations[map.representation]?.name, method: map.method, color: map.by, cell: selection.cell, rows: [...selection.rows], links: map.links.data.x0.length,
    fields: {x: map.points.glyph.x.field, y: map.points.glyph.y.field, color: map.points.glyph.fill_color.field}}),
};
