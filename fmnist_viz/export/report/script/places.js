// Small maps, one for every layer and method, with one point ringed; each is drawn once and kept.
const PLACE_SIDE = 88, MOST_DOTS = 2500;
const places = new Map();

// [left, right, bottom, top] of a map's points.
function mapBox(shown) {
  if (shown.box) return shown.box;
  const box = [Infinity, -Infinity, Infinity, -Infinity], xs = map.source.get_column(shown.x), ys = map.source.get_column(shown.y);
  for (let i = 0; i < xs.length; i++) {
    if (xs[i] < box[0]) box[0] = xs[i];
    if (xs[i] > box[1]) box[1] = xs[i];
    if (ys[i] < box[2]) box[2] = ys[i];
    if (ys[i] > box[3]) box[3] = ys[i];
  }
  return shown.box = box;
}

// Where point i of a map lies on a small one, px from the left and the top.
function placeOn(shown, i) {
  const [left, right, bottom, top] = mapBox(shown), unit = Math.max(right - left, top - bottom) * 1.12 || 1;
  const at = (value, low, high) => PLACE_SIDE * (0.5 + (value - (low + high) / 2) / unit);
  return [at(map.source.get_column(shown.x)[i], left, right), PLACE_SIDE - at(map.source.get_column(shown.y)[i], bottom, top)];
}

function placeGround(shown, scale) {
  const key = `${shown.x} ${scale}`;
  if (places.has(key)) return places.get(key);
  const canvas = element("canvas"), pen = canvas.getContext("2d"), step = Math.max(1, Math.floor(total / MOST_DOTS));
  canvas.width = canvas.height = PLACE_SIDE * scale;
  pen.scale(scale, scale);
  pen.globalAlpha = 0.5;
  for (let i = 0; i < total; i += step) {
    const [x, y] = placeOn(shown, i);
    pen.fillStyle = data.colors[data.labels[i]];
    pen.fillRect(x - 0.75, y - 0.75, 1.5, 1.5);
  }
  places.set(key, canvas);
  return canvas;
}

function fillPlaces(i) {
  const scale = devicePixelRatio || 1, ink = getComputedStyle(document.documentElement).getPropertyValue("--ink").trim();
  byId("card-places").replaceChildren(...data.representations.map((r, k) => {
    const shown = data.methods.filter((m) => m in r.maps && !r.maps[m].note);
    return element("div", {class: "places-row"}, element("p", {}, element("bdi", {}, r.name)),
      shown.length ? element("div", {}, ...shown.map((m) => placeButton(k, m, i, scale, ink))) : element("p", {class: "note"}, "no map"));
  }));
}

function placeButton(k, m, i, scale, ink) {
  const shown = data.representations[k].maps[m], name = data.methodNames[data.methods.indexOf(m)], canvas = element("canvas");
  canvas.width = canvas.height = PLACE_SIDE * scale;
  const pen = canvas.getContext("2d"), [x, y] = placeOn(shown, i);
  pen.drawImage(placeGround(shown, scale), 0, 0);
  pen.scale(scale, scale);
  pen.strokeStyle = ink;
  pen.lineWidth = 2;
  pen.beginPath();
  pen.arc(x, y, 6, 0, 2 * Math.PI);
  pen.stroke();
  const button = element("button", {type: "button", class: "place", "data-layer": k, "data-method": m, "data-x": x.toFixed(2), "data-y": y.toFixed(2), "aria-label": `Show it on the map of ${data.representations[k].name}, ${name}`}, canvas, element("span", {}, name));
  button.addEventListener("click", () => { closeCard(); showMap(k, m); markSpot(i); byId("stage").scrollIntoView({block: "nearest"}); });
  return button;
}
