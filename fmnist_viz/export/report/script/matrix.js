// The confusion matrix: a grid of buttons, one Tab stop, arrow keys inside.
const matrix = {mode: "counts", cells: [], pressed: null};
const noCell = byId("cell-detail").textContent;

function cellWords(t, p) {
  const n = counts[t][p], of = support[t], who = t === p ? `${data.classes[t]}, predicted right` : `${data.classes[t]} taken for ${data.classes[p]}`;
  if (!of) return `${data.classes[t]}: no images of this class`;
  return `${who}: ${number(n)} of ${number(of)}, ${percent(n / of)} % (95 % interval ${percent(data.low[t][p])}–${percent(data.high[t][p])})`;
}

function buildMatrix() {
  if (!predicted) return;
  const grid = byId("matrix"), many = classCount > 14;
  grid.style.setProperty("--classes", classCount);
  grid.classList.toggle("many", many);
  const head = element("div", {role: "row"}, element("span", {class: "corner"}, "true ↓", element("br"), "predicted →"));
  data.classes.forEach((name, k) => head.append(element("span", {role: "columnheader", class: "column-name", title: name}, bdi(k))));
  grid.append(head);
  let worst = 0;
  for (let t = 0; t < classCount; t++) for (let p = 0; p < classCount; p++) if (t !== p && support[t]) worst = Math.max(worst, counts[t][p] / support[t]);
  for (let t = 0; t < classCount; t++) {
    const row = element("div", {role: "row"}, element("span", {role: "rowheader", class: "row-name", title: data.classes[t]}, swatch(t), bdi(t)));
    matrix.cells.push(data.classes.map((_, p) => {
      const cell = element("button", {type: "button", role: "gridcell", class: t === p ? "cell right" : "cell", "data-true": t, "data-predicted": p, "aria-label": cellWords(t, p), tabindex: t + p ? -1 : 0});
      const rate = support[t] ? counts[t][p] / support[t] : 0;
      if (rate) cell.style.setProperty("--share", `${Math.round(100 * (t === p ? 0.1 + 0.35 * rate : 0.08 + 0.62 * Math.sqrt(rate / worst)))}%`);
      else cell.classList.add("none");
      row.append(cell);
      return cell;
    }));
    grid.append(row);
  }
  grid.addEventListener("click", (event) => { const cell = event.target.closest(".cell"); if (cell) selectCell(Number(cell.dataset.true), Number(cell.dataset.predicted)); });
  for (const kind of ["pointerover", "focusin"]) grid.addEventListener(kind, (event) => {
    const cell = event.target.closest(".cell");
    if (cell) byId("cell-detail").textContent = cell.getAttribute("aria-label") + ".";
  });
  for (const kind of ["pointerleave", "focusout"]) grid.addEventListener(kind, showPressed);
  grid.addEventListener("keydown", moveInMatrix);
  for (const button of byId("matrix-mode").children) button.addEventListener("click", () => showMatrix(button.dataset.mode));
  showMatrix("counts");
}

function moveInMatrix(event) {
  const step = {ArrowRight: [0, 1], ArrowLeft: [0, -1], ArrowDown: [1, 0], ArrowUp: [-1, 0]}[event.key], cell = event.target.closest(".cell");
  if (!step || !cell) return;
  const next = matrix.cells[Number(cell.dataset.true) + step[0]]?.[Number(cell.dataset.predicted) + step[1]];
  event.preventDefault();
  if (!next) return;
  cell.tabIndex = -1;
  next.tabIndex = 0;
  next.focus();
}

function showMatrix(mode) {
  matrix.mode = mode;
  for (const button of byId("matrix-mode").children) button.setAttribute("aria-pressed", button.dataset.mode === mode);
  if (byId("matrix").classList.contains("many")) return;
  matrix.cells.forEach((row, t) => row.forEach((cell, p) => {
    const n = counts[t][p];
    cell.textContent = mode === "counts" ? (n < 10_000 ? n : `${Math.round(n / 1000)}k`) : !support[t] ? "–" : n === support[t] ? "100" : percent(n / support[t]);
    cell.classList.toggle("long", cell.textContent.length > 3);
  }));
}

// Below the matrix: the cell that the selection is, or what the matrix is for. A cell under the pointer is shown for as long as it is there.
function showPressed() {
  byId("cell-detail").textContent = matrix.pressed ? cellWords(...matrix.pressed) + "." : noCell;
}

// Which cell the selection is, or null: shown in the matrix and in every list of pairs.
function pressCell(cell) {
  matrix.pressed = cell;
  showPressed();
  for (const button of document.querySelectorAll("[data-true]")) {
    const on = Boolean(cell) && Number(button.dataset.true) === cell[0] && Number(button.dataset.predicted) === cell[1];
    if (button.tagName === "BUTTON") button.setAttribute("aria-pressed", on);
    else button.classList.toggle("chosen", on);
  }
}
