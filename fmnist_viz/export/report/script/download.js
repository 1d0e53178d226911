// The selection as a CSV file: all that the page knows of each image, and how it was chosen, in every row.
function exportName() {
  const cell = selection.cell?.map((k) => slug(data.classes[k], `class-${k}`));
  return `${[slug(data.title, "report"), ...(cell ?? ["selection"]), ...(filters.keep ? ["filtered"] : [])].join("-")}.csv`;
}

function exportColumns() {
  const chances = new Map(), shown = shownMap(), columns = shownColumns(), layer = data.representations[map.representation]?.name;
  const chance = (i, k) => { if (!chances.has(i)) chances.set(i, new Map(probabilitiesOf(i))); return chances.get(i).get(k) ?? ""; };
  const place = (axis) => (i) => (columns && Number.isFinite(columns[axis][i]) ? columns[axis][i] : "");
  return [
    ["sample_id", (i) => data.ids[i]], ["true", (i) => data.classes[data.labels[i]]],
    ...(predicted ? [["predicted", (i) => data.classes[data.predictions[i]]]] : []),
    ...(sure ? [["confidence", (i) => data.confidence[i]], ["margin", (i) => data.margin[i]]] : []),
    ["label", (i) => data.labels[i]],
    ...(predicted ? [["prediction", (i) => data.predictions[i]], ["correct", (i) => (wrong(i) ? "False" : "True")]] : []),
    ...(sure ? data.classes.map((name, k) => [`p_${name}`, (i) => chance(i, k)]) : []),
    ...(data.against ? [["against", (i) => statusWords(i)], ["against_predicted", (i) => data.classes[data.against.predictions[i]] ?? ""]] : []),
    ["map", () => (shown ? `${layer}, ${data.methodNames[data.methods.indexOf(map.method)]}` : "")], ["x", place(0)], ["y", place(1)],
    ["selected_by", () => selection.what], ["filters", () => filterWords()],
  ];
}

function exportSelection() {
  const cell = (value) => (typeof value === "number" ? String(value) : `"${String(value).replaceAll('"', '""')}"`);
  const columns = exportColumns(), lines = selection.rows.map((i) => columns.map(([, of]) => cell(of(i))).join(","));
  const head = columns.map(([name]) => (/^[\w-]+$/.test(name) ? name : cell(name))).join(",");
  const url = URL.createObjectURL(new Blob([[head, ...lines, ""].join("\r\n")], {type: "text/csv"}));
  const link = element("a", {href: url, download: exportName()});
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}
