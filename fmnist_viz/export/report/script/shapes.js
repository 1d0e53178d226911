// Marker shapes beside the colours, for those who cannot tell the hues; ten of them, in the order of the classes, then again from the first.
const SHAPES = ["circle", "square", "triangle", "diamond", "inverted_triangle", "star", "hex", "plus", "square_pin", "triangle_pin"];

function shapeMap(on = byId("shapes").checked) {
  byId("shapes").checked = on;
  map.shaped = on;
  document.documentElement.toggleAttribute("data-shapes", on);
  const of = map.by === "prediction" ? data.predictions : map.by === "against" ? data.against.status.map((k) => Math.max(k, 0)) : map.by === "correct" ? data.labels.map((_, i) => (wrong(i) ? 2 : 0)) : data.labels, name = `shape_${map.by}`;
  if (on && !(name in map.source.data)) map.source.data[name] = of.map((k) => SHAPES[k % SHAPES.length]);
  for (const glyph of map.dots) {
    map.sizes ??= new Map();
    if (!map.sizes.has(glyph)) map.sizes.set(glyph, glyph.size);
    const size = map.sizes.get(glyph);
    glyph.setv({marker: on ? {field: name} : {value: "circle"}, size: on ? {value: Math.max(size.value + 1.5, 6.5)} : size});
  }
  saveView();
}
