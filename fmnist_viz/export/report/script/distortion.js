// Missing and false neighbours of every point on every map, and lines to a point's true neighbours; unpacked when first shown.
const MOST_LINKED = 30;  // selected points whose lines can still be told apart
const unpacked = new Map();

function bytesOf(text) {
  if (!unpacked.has(text)) unpacked.set(text, Uint8Array.from(atob(text), (c) => c.charCodeAt(0)));
  return unpacked.get(text);
}

// How the points of the shown map are distorted, or null where that is not known.
function localOf(representation, method) {
  const found = entryOf(data.distortion.maps, representation)?.[method];
  if (!found) return null;
  const counts = bytesOf(found.counts);
  return {k: found.k, wide: found.wide, missing: (i) => counts[i] >> 4, false: (i) => counts[i] & 15,
    words: (i) => `${counts[i] >> 4} of ${found.k} neighbours missing, ${counts[i] & 15} false`};
}

// Numbers of point i's nearest in the representation.
function nearOf(representation, i) {
  const {near, count, width} = data.distortion;
  const text = entryOf(near, representation);
  if (!text) return [];
  const bytes = bytesOf(text), view = new DataView(bytes.buffer);
  return Array.from({length: count}, (_, k) => width === 2 ? view.getUint16((i * count + k) * 2, true) : view.getUint32((i * count + k) * 4, true));
}

const corners = data.distortion.corners.map((c) => [1, 3, 5].map((at) => parseInt(c.slice(at, at + 2), 16)));

// The four ends mixed in proportion, as 0..255 each.
function distortionColor(missing, wrong) {
  return [0, 1, 2].map((c) => Math.round((1 - missing) * ((1 - wrong) * corners[0][c] + wrong * corners[2][c]) + missing * ((1 - wrong) * corners[1][c] + wrong * corners[3][c])));
}

function fillDistortion() {
  const column = map.local && map.source.data.color_distortion;
  if (!column) return;
  const {k} = map.local;
  for (let i = 0; i < total; i++) {
    const [r, g, b] = distortionColor(map.local.missing(i) / k, map.local.false(i) / k);
    column[i] = ((r << 24) | (g << 16) | (b << 8) | 255) >>> 0;
  }
  map.source.change.emit();
}

function distortionKey() {
  const square = element("span", {class: "square"});
  for (let row = 4; row >= 0; row--) for (let k = 0; k < 5; k++) {
    const field = element("i");
    field.style.background = `rgb(${distortionColor(k / 4, row / 4).join(" ")})`;
    square.append(field);
  }
  return element("span", {class: "square-key"}, element("span", {class: "up"}, "false →"), square, element("span", {class: "right"}, "missing →"));
}

// Lines from the given points to their true neighbours on the shown map.
function drawLinks(rows) {
  const shown = shownMap(), name = data.representations[map.representation]?.name;
  const ends = {x0: [], y0: [], x1: [], y1: []};
  if (shown && !shown.note && byId("links").checked) {
    const xs = map.source.get_column(shown.x), ys = map.source.get_column(shown.y);
    for (const i of rows) for (const j of nearOf(name, i)) {
      ends.x0.push(xs[i]); ends.y0.push(ys[i]); ends.x1.push(xs[j]); ends.y1.push(ys[j]);
    }
  }
  if (ends.x0.length || map.links.data.x0.length) map.links.data = ends;
}

// Those of the point under the pointer, else of a small selection.
function showLinks(i = null) {
  drawLinks(i !== null ? [i] : selection.rows.length <= MOST_LINKED ? selection.rows : []);
}
