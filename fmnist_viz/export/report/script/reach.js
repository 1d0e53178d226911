// The map by pointer and by keyboard: which point is meant, and what is in view.
const reach = {cursor: null, down: null};

// Pixels of the map's frame to its units and back.
function scales() {
  const {x_range: x, y_range: y} = map.figure, {clientWidth: w, clientHeight: h} = byId("plot");
  return {
    place: ([a, b]) => [(a - x.start) / (x.end - x.start) * w, (y.end - b) / (y.end - y.start) * h],
    inside: (a, b) => a >= x.start && a <= x.end && b >= y.start && b <= y.end,
  };
}

// The shown map's columns, or null where there is no map.
function shownColumns() {
  const shown = shownMap();
  return !shown || shown.note ? null : [map.source.get_column(shown.x), map.source.get_column(shown.y)];
}

// The point that passes the filters and is nearest to a place on the stage, within `reachable` px; null: none.
function pointAt(left, top, reachable = 12) {
  const columns = shownColumns();
  if (!columns) return null;
  const {place} = scales();
  let best = null, least = reachable ** 2;
  for (let i = 0; i < total; i++) {
    if (!keeps(i)) continue;
    const [x, y] = place([columns[0][i], columns[1][i]]), far = (x - left) ** 2 + (y - top) ** 2;
    if (far <= least) [best, least] = [i, far];
  }
  return best;
}

// From the cursor to the nearest point that lies rather in this direction than across it.
function stepCursor([right, up]) {
  const columns = shownColumns();
  if (!columns) return;
  const {x_range: x, y_range: y} = map.figure, [xs, ys] = columns;
  const from = reach.cursor === null ? [(x.start + x.end) / 2, (y.start + y.end) / 2] : [xs[reach.cursor], ys[reach.cursor]];
  let best = null, least = Infinity;
  for (let i = 0; i < total; i++) {
    if (i === reach.cursor || !keeps(i)) continue;
    const dx = xs[i] - from[0], dy = ys[i] - from[1], along = dx * right + dy * up, across = Math.abs(dx * up) + Math.abs(dy * right), far = dx * dx + dy * dy;
    if ((reach.cursor === null || along > 0 && across <= along) && far < least) [best, least] = [i, far];
  }
  if (best !== null) putCursor(best);
}

function putCursor(i) {
  reach.cursor = i;
  const [xs, ys] = shownColumns(), {x_range: x, y_range: y} = map.figure;
  const unit = (x.end - x.start) / byId("plot").clientWidth;
  if (!scales().inside(xs[i], ys[i])) setRanges(xs[i], ys[i], unit);
  const [left, top] = scales().place([xs[i], ys[i]]), frame = byId("plot").getBoundingClientRect();
  markSpot(i);
  showTip(i, frame.left + left, frame.top + top);
  byId("map-said").textContent = imageWords(i);
}

function panMap([right, up]) {
  const {x_range: x, y_range: y} = map.figure, unit = (x.end - x.start) / byId("plot").clientWidth;
  setRanges((x.start + x.end) / 2 + right * 60 * unit, (y.start + y.end) / 2 + up * 60 * unit, unit);
}

// What lies in the frame: the way to an area without a pointer.
function selectInView() {
  const columns = shownColumns(), rows = [];
  if (!columns) return;
  const {inside} = scales();
  for (let i = 0; i < total; i++) if (keeps(i) && inside(columns[0][i], columns[1][i])) rows.push(i);
  selectRows(rows, "In view on the map.");
}

function bindReach() {
  const stage = byId("stage"), plot = byId("plot");
  plot.addEventListener("pointerdown", (event) => { reach.down = [event.clientX, event.clientY]; }, true);
  plot.addEventListener("click", (event) => {
    const [x, y] = reach.down ?? [NaN, NaN];
    reach.down = null;
    if (!(Math.hypot(event.clientX - x, event.clientY - y) < 5)) return;  // the end of a lasso
    const frame = plot.getBoundingClientRect(), i = pointAt(event.clientX - frame.left, event.clientY - frame.top);
    if (i !== null) openCard(i, selection.rows.includes(i) ? wallOrder(selection.rows).flat() : []);
  }, true);
  stage.addEventListener("keydown", (event) => {
    if (event.target !== stage) return;
    const way = {ArrowRight: [1, 0], ArrowLeft: [-1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1]}[event.key];
    if (way && event.shiftKey) panMap(way);
    else if (way) stepCursor(way);
    else if (event.key === "Enter" && reach.cursor !== null) openCard(reach.cursor, selection.rows.includes(reach.cursor) ? wallOrder(selection.rows).flat() : []);
    else if (event.key === "+" || event.key === "=") zoomMap(1 / 1.5);
    else if (event.key === "-") zoomMap(1.5);
    else return;
    event.preventDefault();
  });
  stage.addEventListener("blur", () => { if (reach.cursor !== null && !byId("card").open) { reach.cursor = null; hideTip(); markSpot(null); } });
  byId("in-view").addEventListener("click", selectInView);
}
