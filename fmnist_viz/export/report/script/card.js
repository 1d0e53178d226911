// One image in full: large, with its probabilities, its neighbours and its place on every map.
const card = {row: null, list: [], layer: null};

// [class, probability] of image i, as many as the page holds.
function probabilitiesOf(i) {
  const held = data.probabilities;
  if (!held) return [];
  const read = (text) => { const bytes = bytesOf(text), view = new DataView(bytes.buffer); return (k) => view.getUint16(2 * (i * held.count + k), true); };
  const value = read(held.values), which = held.classes ? read(held.classes) : (k) => k;
  return Array.from({length: held.count}, (_, k) => [which(k), Math.round(1e6 * value(k) / held.steps) / 1e6]);
}

// Open it, or move it on to another image; `list` is what Previous and Next go through, null: as before.
function openCard(i, list = []) {
  const dialog = byId("card");
  hideTip();
  card.row = i;
  if (list) card.list = list;
  if (!dialog.open) {
    card.layer = map.representation;
    byId("card-layer").value = card.layer;
    dialog.showModal();
  }
  fillCard();
  dialog.scrollTop = 0;
  byId("card-title").focus();
  markSpot(i);
  saveView();
}

// The dialog says later that it was closed (or was closed by Escape); by then another image may be open in it.
function closeCard() {
  if (byId("card").open) byId("card").close();
  if (card.row !== null) markSpot(null);
  card.row = null;
  saveView();
}

function fillCard() {
  const i = card.row, picture = byId("card-picture");
  byId("card-title").replaceChildren(element("bdi", {}, data.ids[i]));
  showThumb(picture, i, 224);
  picture.setAttribute("aria-label", imageWords(i));
  const fact = (what, ...value) => [element("dt", {}, what), element("dd", {}, ...value)];
  const local = map.local ? fact("on the map", map.local.words(i)) : [];
  byId("card-facts").replaceChildren(
    ...fact("true", swatch(data.labels[i]), " ", bdi(data.labels[i])),
    ...(predicted ? fact("predicted", swatch(data.predictions[i]), " ", bdi(data.predictions[i]), wrong(i) ? " ✗ wrong" : " ✓ right") : []),
    ...(sure ? [...fact("confidence", `${percent(data.confidence[i])} %`), ...fact("margin", data.margin[i].toFixed(3).replace("-", "−"))] : []), ...local,
    ...comparedFacts(i).flatMap(([what, words]) => fact(what, ...words)));
  fillBars(i);
  fillNear();
  fillPlaces(i);
  const at = card.list.indexOf(i);
  byId("card-before").disabled = at < 1;
  byId("card-after").disabled = at < 0 || at > card.list.length - 2;
  byId("card-at").textContent = at < 0 || card.list.length < 2 ? "" : `${number(at + 1)} of ${number(card.list.length)}`;
  showMark();
}

function fillBars(i) {
  const held = data.probabilities;
  byId("card-chances").hidden = !held;
  if (!held) return;
  const sorted = probabilitiesOf(i).sort((a, b) => b[1] - a[1] || a[0] - b[0]), t = data.labels[i];
  byId("card-bars").replaceChildren(...sorted.map(([k, value]) => {
    const fill = element("i");
    fill.style.cssText = `width:${100 * value}%;background:${data.colors[k]}`;
    const name = element("span", {class: "bar-name", title: data.classes[k]}, swatch(k), " ", bdi(k));
    const line = element("div", {class: "bar-line", "data-class": k}, name, element("span", {class: "bar-track"}, fill), element("span", {class: "bar-count"}, chanceText(value)));
    if (k === t) line.classList.add("is-true");
    return line;
  }));
  byId("card-chances-note").textContent = `${held.classes ? `The ${held.count} highest of ${number(classCount)}. ` : ""}The true class is set in bold. Held in steps of 1/${number(held.steps)}.`;
}

const chanceText = (value) => value > 0 && value < 0.0005 ? "< 0.1 %" : `${percent(value)} %`;

function fillNear() {
  const i = card.row, name = data.representations[card.layer]?.name, rows = name === undefined ? [] : nearOf(name, i), words = byId("card-near-words");
  byId("card-neighbours").hidden = !data.representations.length;
  byId("card-near").replaceChildren(...rows.map((j, k) => thumbnail(j, 56, k === 0)));
  if (!rows.length) return void (words.textContent = "The page holds no neighbours in this layer.");
  const same = rows.filter((j) => data.labels[j] === data.labels[i]).length, held = entryOf(data.distortion.held, name);
  words.replaceChildren(`Nearest first; ${same} of ${rows.length} are `, bdi(data.labels[i]), held ? `. Sought among reduced vectors: ${percent(held, 0)} % of the true ones are found.` : ".");
}

// Marked images are the selection.
function showMark() {
  const on = selection.rows.includes(card.row);
  byId("card-mark").setAttribute("aria-pressed", on);
  byId("card-mark").textContent = on ? "✓ Marked" : "Mark";
}

function toggleMark() {
  const i = card.row, rows = new Set(selection.asked);
  if (!rows.delete(i)) rows.add(i);
  selectRows([...rows].sort((a, b) => a - b), rows.size ? "Marked one by one." : "");
  showMark();
}

function stepCard(step) {
  const next = card.list[card.list.indexOf(card.row) + step];
  if (card.list.includes(card.row) && next !== undefined) openCard(next, null);
}

function bindCard() {
  const dialog = byId("card");
  data.representations.forEach((r, k) => byId("card-layer").append(element("option", {value: k}, r.name)));
  byId("card-layer").addEventListener("change", (event) => { card.layer = Number(event.target.value); fillNear(); });
  byId("card-close").addEventListener("click", closeCard);
  byId("card-before").addEventListener("click", () => stepCard(-1));
  byId("card-after").addEventListener("click", () => stepCard(1));
  byId("card-mark").addEventListener("click", toggleMark);
  dialog.addEventListener("click", (event) => { if (event.target === dialog) closeCard(); });  // outside of it
  dialog.addEventListener("keydown", (event) => {
    if (event.key === "Escape") {  // closed now, not in a task to come; and this key clears no selection
      event.preventDefault();
      event.stopPropagation();
      return closeCard();
    }
    const step = {ArrowRight: 1, ArrowLeft: -1}[event.key];
    if (step && !event.target.closest("select, .thumb")) stepCard(step);
  });
  dialog.addEventListener("close", () => { if (!dialog.open && card.row !== null) closeCard(); });
}
