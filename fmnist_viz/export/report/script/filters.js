// Filters: any of the values chosen for one thing will do, and all things together must hold. What does not pass stays on the map in grey.
const noFilters = () => ({truth: [], taken: [], right: "", low: 0, high: 100, split: "", against: ""});
const filters = {...noFilters(), keep: null, count: total};
const splitOf = (i) => data.ids[i].slice(0, Math.max(0, data.ids[i].lastIndexOf("/")));
const keeps = (i) => !filters.keep || filters.keep[i] === 1;

// The filters that are on, as {words: how they are shown, off: how to take them away}.
function activeFilters() {
  const without = (list, k) => list.filter((other) => other !== k), out = [];
  for (const k of filters.truth) out.push({words: ["true: ", bdi(k)], off: {truth: without(filters.truth, k)}});
  for (const k of filters.taken) out.push({words: ["predicted: ", bdi(k)], off: {taken: without(filters.taken, k)}});
  if (filters.right) out.push({words: [filters.right], off: {right: ""}});
  if (filters.low > 0 || filters.high < 100) out.push({words: [`confidence ${filters.low}–${filters.high} %`], off: {low: 0, high: 100}});
  if (filters.against) out.push({words: [`against ${data.against.name}: ${filters.against}`], off: {against: ""}});
  if (filters.split) out.push({words: ["split: ", element("bdi", {}, filters.split)], off: {split: ""}});
  return out;
}

const filterWords = () => activeFilters().map(({words}) => words.map((part) => part.textContent ?? part).join("")).join("; ");

function computeKept() {
  const {right, low, high, split, against} = filters, truth = new Set(filters.truth), taken = new Set(filters.taken);
  filters.keep = activeFilters().length ? new Uint8Array(total) : null;
  filters.count = total;
  if (!filters.keep) return;
  filters.count = 0;
  for (let i = 0; i < total; i++) {
    if (truth.size && !truth.has(data.labels[i]) || taken.size && !taken.has(data.predictions[i])) continue;
    if (right && wrong(i) !== (right === "wrong")) continue;
    if (sure && (data.confidence[i] * 100 < low - 1e-9 || data.confidence[i] * 100 > high + 1e-9)) continue;
    if (against && data.against.words[data.against.status[i]] !== against) continue;
    if (split && splitOf(i) !== split) continue;
    filters.keep[i] = 1;
    filters.count++;
  }
}

// Take over what is known among the given values, and show it everywhere.
function setFilters(given) {
  const classes = (list) => [...new Set(list)].filter((k) => Number.isInteger(k) && k >= 0 && k < classCount).sort((a, b) => a - b);
  const share = (value, otherwise) => Number.isFinite(value) ? Math.min(Math.max(value, 0), 100) : otherwise;
  if (given.truth) filters.truth = classes(given.truth);
  if (given.taken) filters.taken = predicted ? classes(given.taken) : [];
  if ("right" in given) filters.right = predicted && ["right", "wrong"].includes(given.right) ? given.right : "";
  if ("low" in given) filters.low = sure ? share(given.low, 0) : 0;
  if ("high" in given) filters.high = sure ? share(given.high, 100) : 100;
  if ("against" in given) filters.against = data.against?.words.includes(given.against) ? given.against : "";
  if ("split" in given) filters.split = [...byId("filter-split").options].some((option) => option.value === given.split) ? given.split : "";
  computeKept();
  const kept = [], rest = [];
  if (filters.keep) for (let i = 0; i < total; i++) (filters.keep[i] ? kept : rest).push(i);
  map.kept.indices = filters.keep ? kept : null;
  map.rest.indices = rest;
  map.wrongRows.indices = map.allWrong.filter(keeps);
  map.points.nonselection_glyph.fill_alpha = {value: filters.keep ? 0.35 : 0.1};  // what passes is told from the grey, selected or not
  showFilters();
  selectRows(selection.asked, selection.what, selection.cell);
  drawLadder();
  saveView();
}

function showFilters() {
  const active = activeFilters();
  byId("filter-chips").replaceChildren(...active.map(({words, off}) => {
    const name = words.map((part) => part.textContent ?? part).join("");
    const chip = element("button", {type: "button", class: "filter-chip", "aria-label": `Remove the filter ${name}`}, element("span", {}, ...words), element("span", {"aria-hidden": "true"}, "×"));
    chip.addEventListener("click", () => { setFilters(off); (byId("filter-chips").querySelector("button") ?? byId("filter-truth")).focus(); });
    return chip;
  }));
  byId("filter-count").textContent = active.length ? `${number(filters.count)} of ${number(total)} images pass` : `All ${number(total)} images`;
  byId("filter-reset").disabled = !active.length;
  byId("filter-number").textContent = active.length ? `(${active.length})` : "";
  byId("whole-matrix").hidden = !active.length;
  for (const [id, chosen] of [["filter-truth", filters.truth], ["filter-taken", filters.taken]])
    for (const option of byId(id).options) option.disabled = option.value !== "" && chosen.includes(Number(option.value));
  byId("filter-right").value = filters.right;
  byId("filter-split").value = filters.split;
  byId("filter-against").value = filters.against;
  byId("filter-low").value = filters.low;
  byId("filter-high").value = filters.high;
}

function bindFilters() {
  for (const [id, kind] of [["filter-truth", "truth"], ["filter-taken", "taken"]]) byId(id).addEventListener("change", (event) => {
    const value = event.target.value;
    event.target.value = "";
    if (value !== "") setFilters({[kind]: [...filters[kind], Number(value)]});
  });
  byId("filter-right").addEventListener("change", (event) => setFilters({right: event.target.value}));
  byId("filter-against").addEventListener("change", (event) => setFilters({against: event.target.value}));
  byId("filter-split").addEventListener("change", (event) => setFilters({split: event.target.value}));
  for (const id of ["filter-low", "filter-high"]) byId(id).addEventListener("change", () => {
    const [low, high] = ["filter-low", "filter-high"].map((name) => byId(name).value === "" ? NaN : Number(byId(name).value));
    setFilters({low: low > high ? high : low, high: low > high ? low : high});
  });
  byId("filter-reset").addEventListener("click", () => { setFilters(noFilters()); byId("filter-truth").focus(); });
  if (innerWidth < 1100) byId("filters").open = false;
  showFilters();
}
