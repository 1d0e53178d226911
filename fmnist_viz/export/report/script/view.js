// Parts of the view that stand on their own: what each says now ("" as the page opens), and how it shows what an address says.
const wholes = (text, least, below) => text.split(".").filter((part) => /^\d{1,6}$/.test(part)).map(Number).filter((k) => k >= least && k < below);
const hasTools = () => Boolean(predicted && byId("matrix-tools"));

// A slider's place to two decimals, and the pair of classes that is chosen beside it.
function slideText(moving, usual, pair) {
  if (!moving.points) return "";
  const at = Number(moving.at.toFixed(2));
  return pair ? `${at}_${pair.join(".")}` : at === usual ? "" : String(at);
}

function showSlide(text, usual, last, move, choose, ids) {
  const [at, pair] = text.split("_"), classes = wholes(pair ?? "", 0, classCount);
  move(/^\d{1,3}(\.\d{1,2})?$/.test(at) && Number(at) <= last ? Number(at) : usual);
  if (byId(ids[0]).options.length < 2) return;  // there are no pairs to choose from
  ids.forEach((id, k) => { byId(id).value = classes.length === 2 ? String(classes[k]) : ""; });
  if (ids.some((id) => byId(id).selectedIndex < 0)) for (const id of ids) byId(id).value = "";
  choose();
}

// Middle and width of what the map shows, where that is not all of it.
function zoomText() {
  if (!map.fit) return "";
  const {x_range: x, y_range: y} = map.figure, now = [(x.start + x.end) / 2, (y.start + y.end) / 2, x.end - x.start];
  return now.every((value, k) => Math.abs(value - map.fit[k]) < 1e-3 * map.fit[2]) ? "" : now.map((value) => Number(value.toPrecision(6))).join("_");
}

function zoomTo(text) {
  const [x, y, width] = text.split("_").map(Number);
  if (text && [x, y, width].every(Number.isFinite) && width > 0) setRanges(x, y, width / byId("stage").clientWidth);
  else if (zoomText()) fitMap();
}

const viewParts = {
  zoom: {text: zoomText, show: zoomTo},
  numbers: {
    text: () => hasTools() && matrix.mode !== "counts" ? matrix.mode : "",
    show: (text) => { const mode = ["rates", "column", "overall"].includes(text) ? text : "counts"; if (hasTools() && mode !== matrix.mode) showMatrix(mode); },
  },
  order: {
    text: () => hasTools() && matrix.order !== "data" ? matrix.order : "",
    show: (text) => { const order = text === "similar" ? text : "data"; if (hasTools() && order !== matrix.order) orderMatrix(order); },
  },
  groups: {
    text: () => hasTools() ? [...matrix.folded].sort((a, b) => a - b).join(".") : "",
    show: (text) => {
      if (!hasTools() || text === viewParts.groups.text()) return;
      matrix.folded = new Set(wholes(text, classCount, 2 * classCount - 1));
      drawMatrix();
    },
  },
  ladder: {
    text: () => slideText(ladder, 0, ladder.pair && [ladder.pair.a, ladder.pair.b]),
    show: (text) => { if (ladder.points && text !== viewParts.ladder.text()) showSlide(text, 0, ladder.layers.length - 1, moveLadder, choosePair, ["ladder-a", "ladder-b"]); },
  },
  film: {
    text: () => slideText(reel, (reel.epochs ?? []).length - 1, reel.pair && [reel.pair.t, reel.pair.p]),
    show: (text) => { const last = (reel.epochs ?? []).length - 1; if (reel.points && text !== viewParts.film.text()) showSlide(text, last, last, moveFilm, chooseFilmPair, ["film-true", "film-predicted"]); },
  },
  dossier: {
    text: () => dossier.pair ? String(dossier.pair) : "",
    show: (text) => { const [pair = 0] = wholes(text, 0, articles().length); if (dossier.pairs && pair !== dossier.pair) showDossier(pair); },
  },
};
