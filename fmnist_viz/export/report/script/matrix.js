// The confusion matrix: a grid of buttons, one Tab stop, arrow keys inside. A line is a class or a group of classes: a node of the tree.
const matrix = {mode: "counts", order: "data", folded: new Set(), lines: [], cells: [], at: [0, 0], pressed: null, group: null};
const MOST_LABELS = 30;
const noCell = byId("cell-detail").textContent;
const lineMembers = (node) => node < classCount ? [node] : matrix.members[node];
const isGroup = (node) => node >= classCount;

// Wilson's interval of k of n, 95 %.
function wilson(k, n) {
  const z2 = 1.959963984540054 ** 2, p = k / n, center = p + z2 / (2 * n), half = Math.sqrt(z2 * (p * (1 - p) / n + z2 / (4 * n * n)));
  return [k === 0 ? 0 : (center - half) / (1 + z2 / n), k === n ? 1 : (center + half) / (1 + z2 / n)];
}

const shareWords = (k, n) => { const [low, high] = wilson(k, n); return `${percent(k / n)} % (95 % interval ${percent(low)}–${percent(high)})`; };
const qWords = (q) => q < 1e-4 ? "q < 0.0001" : `q = ${Number(q.toPrecision(2))}`;
const sum = (list, value) => list.reduce((total, k) => total + value(k), 0);
const countOf = (t, p) => !isGroup(t) && !isGroup(p) ? counts[t][p] : sum(lineMembers(t), (a) => sum(lineMembers(p), (b) => counts[a][b]));
const supportOf = (t) => !isGroup(t) ? support[t] : sum(lineMembers(t), (a) => support[a]);
const predictedOf = (p) => !isGroup(p) ? matrix.taken[p] : sum(lineMembers(p), (b) => matrix.taken[b]);
const lineName = (node) => lineMembers(node).map((k) => data.classes[k]).join(" + ");

// What stands in a cell, with its interval; `t` and `p` may be groups.
function cellWords(t, p) {
  const n = countOf(t, p), of = supportOf(t), name = (node) => isGroup(node) ? `one of ${lineName(node)}` : lineName(node);
  const kept = isGroup(t) ? `${lineName(t)}, taken for one of these` : `${lineName(t)}, predicted right`;
  if (!of) return `${lineName(t)}: no images of this class`;
  const more = {column: [predictedOf(p), `all taken for ${name(p)}`], overall: [total, "all images"]}[matrix.mode];
  const also = more && more[0] ? `; of the ${number(more[0])} of ${more[1]} ${shareWords(n, more[0])}` : "";
  return `${t === p ? kept : `${lineName(t)} taken for ${name(p)}`}: ${number(n)} of ${number(of)}, ${shareWords(n, of)}${also}`;
}

// Both tests of a cell of two classes; a group's cell says how many of its cells are marked.
function testWords(t, p) {
  if (!supportOf(t)) return "";
  if (isGroup(t) || isGroup(p)) {
    const inside = lineMembers(t).flatMap((a) => lineMembers(p).map((b) => matrix.tests[a][b]));
    const marked = inside.filter((test) => test?.more || test?.beyond).length;
    return ` A sum of ${inside.length} cells, ${marked} of them marked; groups are not tested.`;
  }
  const test = t === p ? null : matrix.tests[t][p], back = support[p];
  if (!test) return "";
  const [odds, low, high, q, expected, residual, excess] = test.values, said = [];
  if (q !== null && back) said.push(` The other way round ${percent(counts[p][t] / back)} %: ${test.more ? "this is more often" : q < data.matrix.level ? "that is more often" : "no difference that chance would not make"} (odds ratio ${odds.toFixed(2)}, 95 % interval ${low.toFixed(2)}–${high.toFixed(2)}; ${qWords(q)}).`);
  if (excess !== null) said.push(` Row and column explain ${expected.toFixed(1)} images: ${test.beyond ? "these are more" : "these are not significantly more"} (adjusted residual ${residual.toFixed(1)}, ${qWords(excess)}).`);
  return said.join("");
}

function buildMatrix() {
  if (!predicted) return;
  matrix.taken = data.classes.map((_, p) => sum([...data.classes.keys()], (t) => counts[t][p]));
  matrix.members = {};
  data.matrix.merges.forEach(([left, right], i) => { matrix.members[classCount + i] = [...lineMembers(left), ...lineMembers(right)]; });
  matrix.tests = data.classes.map(() => []);
  for (const [t, p, ...values] of data.matrix.tests) {
    const significant = (q) => q !== null && q < data.matrix.level;
    matrix.tests[t][p] = {values, more: significant(values[3]) && values[0] > 1, beyond: significant(values[6])};
  }
  const grid = byId("matrix");
  grid.addEventListener("click", (event) => {
    const cell = event.target.closest(".cell"), unfold = event.target.closest(".unfold");
    if (unfold) return foldBranch(Number(unfold.dataset.node));
    if (cell) chooseCell(...nodesOf(cell));
  });
  for (const kind of ["pointerover", "focusin"]) grid.addEventListener(kind, (event) => {
    const cell = event.target.closest(".cell");
    if (cell) byId("cell-detail").textContent = labelled(cell).getAttribute("aria-label");
  });
  for (const kind of ["pointerleave", "focusout"]) grid.addEventListener(kind, showPressed);
  grid.addEventListener("keydown", moveInMatrix);
  for (const button of byId("matrix-mode").children) button.addEventListener("click", () => showMatrix(button.dataset.mode));
  buildTools();
  drawMatrix();
}

// A cell with its words; of many cells only those that are looked at get them.
function labelled(cell) {
  cell.setAttribute("aria-label", `${cellWords(...nodesOf(cell))}.${testWords(...nodesOf(cell))}`);
  return cell;
}

const nodesOf = (cell) => [matrix.lines[Number(cell.dataset.row)], matrix.lines[Number(cell.dataset.column)]];

function buildTools() {
  if (!byId("matrix-tools")) return;
  for (const button of byId("matrix-order").children) button.addEventListener("click", () => orderMatrix(button.dataset.order));
  const choose = byId("matrix-groups"), {suggested} = data.matrix;
  choose.append(element("option", {value: classCount}, "none"));
  for (let k = classCount - 1; k > 1; k--) choose.append(element("option", {value: k}, k === suggested ? `${k} (suggested)` : k));
  choose.append(element("option", {value: "own", hidden: ""}, "own"));
  choose.title = "The suggested cut keeps most errors inside its groups beyond what quasi-independence puts there";
  choose.addEventListener("change", () => groupMatrix(Number(choose.value)));
}

function orderMatrix(order) {
  matrix.order = order;
  for (const button of byId("matrix-order").children) button.setAttribute("aria-pressed", button.dataset.order === order);
  drawMatrix();
}

// The tree cut into that many groups.
function groupMatrix(number) {
  matrix.folded = new Set(data.matrix.merges.slice(0, classCount - number).map((_, i) => classCount + i));
  drawMatrix();
}

// Fold a branch into a group, or unfold a group into its classes.
function foldBranch(node) {
  const members = new Set(lineMembers(node)), open = matrix.lines.includes(node);
  for (const other of Object.keys(matrix.members).map(Number)) {
    if (open && matrix.members[other].some((k) => members.has(k))) matrix.folded.delete(other);  // within it and above it
    if (!open && matrix.members[other].every((k) => members.has(k))) matrix.folded.add(other);
  }
  drawMatrix();
  const line = matrix.lines.findIndex((other) => lineMembers(other).some((k) => members.has(k)));
  matrix.cells[line][line].focus({preventScroll: true});
}

function linesShown() {
  const walk = (node) => node < classCount || matrix.folded.has(node) ? [node] : data.matrix.merges[node - classCount].slice(0, 2).flatMap(walk);
  const lines = classCount > 1 ? walk(2 * classCount - 2) : [0];
  return matrix.order === "similar" ? lines : lines.sort((a, b) => Math.min(...lineMembers(a)) - Math.min(...lineMembers(b)));
}

// The grid anew: after another order or other groups. The selection stays.
function drawMatrix() {
  const grid = byId("matrix"), frame = byId("matrix-frame"), lines = matrix.lines = linesShown(), many = lines.length > 14;
  frame.style.setProperty("--classes", lines.length);
  for (const box of [grid, frame]) box.classList.toggle("many", many);
  frame.classList.toggle("grouped", !many && lines.some(isGroup));
  const head = element("div", {role: "row"}, element("span", {class: "corner"}, "true ↓", element("br"), "predicted →"));
  for (const node of lines) head.append(element("span", {role: "columnheader", class: "column-name", title: lineName(node)}, ...lineLabel(node)));
  let worst = 0;
  for (const t of lines) for (const p of lines) if (t !== p && supportOf(t)) worst = Math.max(worst, countOf(t, p) / supportOf(t));
  matrix.at = [0, 0];
  matrix.cells = lines.map((t, row) => lines.map((p, column) => drawCell(t, p, row, column, worst)));
  grid.replaceChildren(head, ...lines.map((t, row) => {
    const unfold = isGroup(t) ? [element("button", {type: "button", class: "unfold", "data-node": t, "aria-label": `Unfold ${lineName(t)}`, title: "Unfold"}, "▸")] : [swatch(t)];
    return element("div", {role: "row"}, element("span", {role: "rowheader", class: "row-name", title: lineName(t)}, ...unfold, ...lineLabel(t)), ...matrix.cells[row]);
  }));
  drawTree();
  showTools();
  showMatrix(matrix.mode);
  pressCell(matrix.pressed, matrix.group);
}

// A group's name: its classes, which the width may cut; the title has them all.
const lineLabel = (node) => isGroup(node) ? [element("bdi", {}, `${lineMembers(node).length}: ${lineName(node)}`)] : [bdi(node)];

function drawCell(t, p, row, column, worst) {
  const single = !isGroup(t) && !isGroup(p), kind = `cell${t === p ? " right" : ""}${single ? "" : " folded"}`, test = single ? matrix.tests[t][p] : null;
  const cell = element("button", {type: "button", role: "gridcell", class: kind, "data-row": row, "data-column": column, tabindex: row + column ? -1 : 0});
  if (single) Object.assign(cell.dataset, {true: t, predicted: p});
  cell.classList.toggle("more", Boolean(test?.more));
  cell.classList.toggle("beyond", Boolean(test?.beyond));
  if (matrix.lines.length <= MOST_LABELS || row + column === 0) labelled(cell);
  const rate = supportOf(t) ? countOf(t, p) / supportOf(t) : 0;
  if (rate) cell.style.setProperty("--share", `${Math.round(100 * (t === p ? 0.1 + 0.35 * rate : 0.08 + 0.62 * Math.sqrt(rate / worst)))}%`);
  else cell.classList.add("none");
  return cell;
}

function showTools() {
  byId("tree-note").hidden = !byId("tree");
  if (!byId("matrix-tools")) return;
  const cut = data.matrix.merges.slice(0, classCount - matrix.lines.length).every((_, i) => matrix.folded.has(classCount + i));
  byId("matrix-groups").value = cut && matrix.lines.length > 1 ? matrix.lines.length : "own";
}

// The tree below the columns: a branch joins two lines at a height that grows with the share swapped between them.
function drawTree() {
  byId("tree")?.remove();
  const {lines} = matrix, {merges} = data.matrix, most = Math.max(0, ...merges.map((m) => m[2]));
  if (matrix.order !== "similar" || lines.length < 2) return;
  const make = (tag, attributes) => { const e = document.createElementNS("http://www.w3.org/2000/svg", tag); for (const [k, v] of Object.entries(attributes)) e.setAttribute(k, v); return e; };
  const svg = make("svg", {id: "tree", viewBox: `0 0 ${lines.length} 64`, preserveAspectRatio: "none", role: "group", "aria-label": "Tree of the classes: choose a branch to fold it"});
  const ends = new Map(lines.map((node, i) => [node, [i + 0.5, 0]]));
  const depth = (mutual) => 60 - 52 * (most ? Math.sqrt(mutual / most) : 0);
  merges.forEach(([left, right, mutual], i) => {
    const node = classCount + i;
    if (ends.has(node) || !ends.has(left) || !ends.has(right)) return;
    const [[x0, y0], [x1, y1]] = [ends.get(left), ends.get(right)], y = Math.max(depth(mutual), y0, y1), d = `M${x0} ${y0}V${y}H${x1}V${y1}`;
    ends.set(node, [(x0 + x1) / 2, y]);
    const g = make("g", {role: "button", tabindex: svg.childElementCount ? -1 : 0, "data-node": node, "aria-label": `Fold ${lineName(node)}: ${percent(mutual)} % swapped`});
    g.append(make("path", {class: "reach", d}), make("path", {class: "branch", d}), make("title", {}));
    g.lastChild.textContent = g.getAttribute("aria-label");
    g.addEventListener("click", () => foldBranch(node));
    g.addEventListener("keydown", moveInTree);
    svg.append(g);
  });
  byId("tree-most").textContent = `${percent(most)} %`;
  byId("matrix-frame").append(svg);
}

function moveInTree(event) {
  const g = event.currentTarget, next = {ArrowRight: g.nextElementSibling, ArrowDown: g.nextElementSibling, ArrowLeft: g.previousElementSibling, ArrowUp: g.previousElementSibling}[event.key];
  if (["Enter", " "].includes(event.key)) { event.preventDefault(); return foldBranch(Number(g.dataset.node)); }
  if (next === undefined) return;
  event.preventDefault();
  if (!next) return;
  g.setAttribute("tabindex", -1);
  next.setAttribute("tabindex", 0);
  next.focus();
}

function moveInMatrix(event) {
  const step = {ArrowRight: [0, 1], ArrowLeft: [0, -1], ArrowDown: [1, 0], ArrowUp: [-1, 0]}[event.key], cell = event.target.closest(".cell");
  if (!step || !cell) return;
  const next = matrix.cells[Number(cell.dataset.row) + step[0]]?.[Number(cell.dataset.column) + step[1]];
  event.preventDefault();
  if (!next) return;
  cell.tabIndex = -1;
  labelled(next).tabIndex = 0;
  next.focus();
}

// Numbers as short as a cell is wide: "97.5", "100", "0.04", "12k"; a dash where there is nothing to take a share of.
function cellText(n, of) {
  if (matrix.mode === "counts") return n < 10_000 ? `${n}` : `${Math.round(n / 1000)}k`;
  if (!of) return "–";
  return n === of ? "100" : n && 1000 * n < of ? percent(n / of, 2).replace("0.", ".") : percent(n / of);
}

function showMatrix(mode) {
  matrix.mode = mode;
  for (const button of byId("matrix-mode").children) button.setAttribute("aria-pressed", button.dataset.mode === mode);
  showPressed();
  saveView();
  if (byId("matrix").classList.contains("many")) return;
  const of = {counts: () => 1, rates: (t) => supportOf(t), column: (_, p) => predictedOf(p), overall: () => total}[mode];
  matrix.cells.forEach((row, i) => row.forEach((cell, j) => {
    const [t, p] = [matrix.lines[i], matrix.lines[j]];
    cell.textContent = cellText(countOf(t, p), of(t, p));
    cell.classList.toggle("long", cell.textContent.length > 3);
  }));
}

// Below the matrix: the cell that the selection is, or what the matrix is for. A cell under the pointer is shown for as long as it is there.
function showPressed() {
  const cell = matrix.pressed ?? matrix.group;
  byId("cell-detail").textContent = cell ? `${cellWords(...cell)}.${testWords(...cell)}` : noCell;
}

// A cell of two classes is selected by its classes; one of a group by its images.
function chooseCell(t, p) {
  if (!isGroup(t) && !isGroup(p)) return selectCell(t, p);
  const [of, taken] = [new Set(lineMembers(t)), new Set(lineMembers(p))];
  selectRows([...data.labels.keys()].filter((i) => of.has(data.labels[i]) && taken.has(data.predictions[i])), cellWords(t, p) + ".");
  pressCell(null, [t, p]);
}

// Which cell the selection is, or null: shown in the matrix and in every list of pairs. `group`: the lines of a group's cell.
function pressCell(cell, group = null) {
  Object.assign(matrix, {pressed: cell, group: cell ? null : group});
  if (!predicted) return;
  showPressed();
  for (const button of document.querySelectorAll("[data-true]")) {
    const on = Boolean(cell) && Number(button.dataset.true) === cell[0] && Number(button.dataset.predicted) === cell[1];
    if (button.tagName === "BUTTON") button.setAttribute("aria-pressed", on);
    else button.classList.toggle("chosen", on);
  }
  for (const button of document.querySelectorAll(".cell.folded")) {
    const [t, p] = nodesOf(button);
    button.setAttribute("aria-pressed", Boolean(matrix.group) && t === matrix.group[0] && p === matrix.group[1]);
  }
}
