// Class names at the medians of their points, moved apart until none covers another; with many classes the smaller give way.
let nameBoxes = null;

function placeNames() {
  const layer = byId("names"), shown = shownMap();
  if (!nameBoxes) {
    nameBoxes = data.classes.map((_, k) => element("span", {class: "class-name"}, swatch(k), bdi(k)));
    layer.append(...nameBoxes);
    nameBoxes.sizes = nameBoxes.map((box) => [box.offsetWidth, box.offsetHeight]);
  }
  const {x_range: x, y_range: y} = map.figure, width = layer.clientWidth, height = layer.clientHeight;
  const taken = [byId("drag"), byId("zoom")].map((e) => [e.offsetLeft, e.offsetTop, e.offsetLeft + e.offsetWidth, e.offsetTop + e.offsetHeight]);
  const order = [...data.classes.keys()].sort((a, b) => support[b] - support[a] || a - b);
  for (const k of order) {
    const box = nameBoxes[k], center = shown && !shown.note ? shown.centers[k] : null;
    box.style.visibility = "hidden";
    if (!center) continue;
    const sx = (center[0] - x.start) / (x.end - x.start) * width, sy = (y.end - center[1]) / (y.end - y.start) * height;
    if (sx < 0 || sy < 0 || sx > width || sy > height) continue;
    const at = freePlace(sx, sy, nameBoxes.sizes[k], taken, width, height);
    if (!at) continue;
    taken.push(at);
    box.style.transform = `translate(${at[0]}px,${at[1]}px)`;
    box.style.visibility = "visible";
  }
}

// The nearest place for a box of w × h around (x, y), looking outwards in rings.
function freePlace(x, y, [w, h], taken, width, height) {
  const reach = classCount <= 20 ? 12 : 3;
  for (let ring = 0; ring <= reach; ring++) {
    const steps = ring ? 6 * ring : 1;
    for (let s = 0; s < steps; s++) {
      const angle = 2 * Math.PI * s / steps + Math.PI / 2;
      const left = Math.round(Math.min(Math.max(2, x - w / 2 + 14 * ring * Math.cos(angle)), width - w - 2));
      const top = Math.round(Math.min(Math.max(2, y - h / 2 + 11 * ring * Math.sin(angle)), height - h - 2));
      if (!taken.some(([l, t, r, b]) => left < r + 2 && left + w + 2 > l && top < b && top + h > t)) return [left, top, left + w, top + h];
    }
  }
  return null;
}
