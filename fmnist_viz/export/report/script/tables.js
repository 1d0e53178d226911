// Sorting: numbers by their full value, unknown ones last, text as people read it.
function sortTable(table, column, button) {
  const body = table.tBodies[0], down = button.parentElement.getAttribute("aria-sort") === "ascending";
  const numeric = button.parentElement.classList.contains("number");
  const key = (row) => { const cell = row.cells[column]; return numeric ? (cell.dataset.key ? Number(cell.dataset.key) : null) : cell.textContent; };
  const order = (a, b) => {
    const [x, y] = [key(a), key(b)];
    if (x === null || y === null) return (x === null) - (y === null);
    return (numeric ? x - y : x.localeCompare(y, "en", {numeric: true})) * (down ? -1 : 1);
  };
  for (const head of table.tHead.rows[0].cells) head.removeAttribute("aria-sort");
  button.parentElement.setAttribute("aria-sort", down ? "descending" : "ascending");
  body.append(...[...body.rows].sort(order));
}

function bindTables() {
  for (const table of document.querySelectorAll("table.sortable"))
    [...table.tHead.rows[0].cells].forEach((head, k) => {
      const button = head.querySelector("button");
      button.addEventListener("click", () => sortTable(table, k, button));
    });
}
