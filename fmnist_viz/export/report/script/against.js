// Another model on the same images, and what people answered: walls, the grids of differences, and words for the card.
const other = data.against, people = data.people, MOST_COMPARED = 120;
const statusWords = (i) => other && other.status[i] >= 0 ? other.words[other.status[i]] : "not compared";
const otherSure = (i) => other.confidence[i] < 0 ? "" : ` ${(other.confidence[i] / 1000).toFixed(2)}`;
const ownSure = (i) => sure ? ` ${data.confidence[i].toFixed(2)}` : "";
const comparedRows = (test) => [...data.labels.keys()].filter(test);

// Thumbnails with lines of their own below each image; at most 120, and what is left out is said.
function fillCompared(wall, rows, lines, said) {
  const shown = rows.slice(0, MOST_COMPARED);
  wall.style.setProperty("--thumb", `${thumbSide(56)}px`);
  wall.replaceChildren(...shown.map((i, k) => {
    const sample = thumbnail(i, 56, k === 0);
    for (const line of sample.querySelectorAll("p")) line.remove();
    sample.append(...lines(i).map((words) => { const line = element("p", {"aria-hidden": "true"}, ...words); line.title = line.textContent; return line; }));
    return sample;
  }));
  if (said) said.textContent = rows.length > shown.length ? `The first ${shown.length} of ${number(rows.length)} are shown.` : "";
}

function bindGroup(group) {
  const status = Number(group.dataset.status), choose = group.querySelector(".against-pair"), all = group.querySelector(".against-select");
  if (!choose) return;
  const answer = (i) => status === 1 ? other.predictions[i] : data.predictions[i], certain = (i) => status === 1 ? other.confidence[i] : sure ? data.confidence[i] : 0;
  const chosen = () => comparedRows((i) => other.status[i] === status && (!choose.value || choose.value === `${data.labels[i]}.${answer(i)}`)).sort((a, b) => certain(b) - certain(a) || a - b);
  const fill = () => {
    const rows = chosen();
    all.textContent = `Select all ${number(rows.length)}`;
    fillCompared(group.querySelector(".against-wall"), rows, (i) => [[bdi(data.labels[i])], ["not ", bdi(answer(i))], [status === 1 ? otherSure(i) : ownSure(i)]], group.querySelector(".against-count"));
  };
  choose.addEventListener("change", fill);
  all.addEventListener("click", () => goTo(chosen(), `${group.querySelector("h3").textContent.split(":")[0]} against ${other.name}${choose.value ? `: ${choose.selectedOptions[0].textContent}` : ""}.`));
  fill();
}

function goTo(rows, what) {
  selectRows(rows, what);
  if (rows.length) byId("selection").scrollIntoView({block: "nearest"});
}

function fillMoves() {
  const move = other.moves[Number(byId("move-layer").value)], status = byId("move-status").value;
  const places = move.most.filter((k) => status === "" || other.status[move.rows[k]] === Number(status)).slice(0, 40), place = new Map(places.map((k) => [move.rows[k], k]));
  const short = (i) => { const k = place.get(i); return [[bdi(data.labels[i])], [`${move.changed[k]} of ${move.k}`], [statusWords(i)]]; };
  fillCompared(byId("move-wall"), places.map((k) => move.rows[k]), short);
  byId("move-words").textContent = `The ${places.length} whose ${move.k} nearest neighbours changed most, of ${number(move.rows.length)}.`;
}

// A grid of differences: one Tab stop, arrow keys inside; `rows` gives what a cell selects.
function bindChanges(root, rows) {
  const grid = root.querySelector(".changes"), detail = root.querySelector(".change-detail");
  if (!grid) return;
  const cells = [...grid.querySelectorAll(".change")], side = Math.round(Math.sqrt(cells.length));
  for (const kind of ["pointerover", "focusin"]) grid.addEventListener(kind, (event) => { const cell = event.target.closest(".change"); if (cell) detail.textContent = cell.getAttribute("aria-label"); });
  grid.addEventListener("focusin", (event) => { for (const cell of cells) cell.tabIndex = cell === event.target ? 0 : -1; });
  grid.addEventListener("click", (event) => {
    const cell = event.target.closest(".change");
    if (cell) goTo(rows(Number(cell.dataset.t), Number(cell.dataset.p)), cell.getAttribute("aria-label"));
  });
  grid.addEventListener("keydown", (event) => {
    const at = cells.indexOf(event.target), column = at % side;
    const next = {ArrowRight: column < side - 1 ? at + 1 : at, ArrowLeft: column ? at - 1 : at, ArrowDown: at + side, ArrowUp: at - side}[event.key];
    if (next === undefined || at < 0) return;
    event.preventDefault();
    if (!cells[next]) return;
    cells[next].focus();
  });
}

function bindAgainst() {
  if (!other) return;
  const root = byId("against");
  for (const group of root.querySelectorAll(".against-group")) bindGroup(group);
  bindChanges(root, (t, p) => comparedRows((i) => other.status[i] >= 0 && data.labels[i] === t && (data.predictions[i] === p) !== (other.predictions[i] === p)));
  if (!other.moves.length) return;
  for (const id of ["move-layer", "move-status"]) byId(id).addEventListener("change", fillMoves);
  fillMoves();
}

const votesOf = (i) => { people.at ??= new Map(people.rows.map((row, k) => [row, k])); return people.at.get(i); };

// ``41 of 51 Pullover, 8 Coat``
function voteWords(i) {
  const k = votesOf(i), words = [];
  if (k === undefined) return ["no votes"];
  const list = people.answers[k];
  for (let at = 0; at < list.length; at += 2) words.push(`${at ? ", " : ""}${list[at + 1]}${at ? "" : ` of ${people.total[k]}`} `, bdi(list[at]));
  return words;
}

function votesFor(i, answer) {
  const list = people.answers[votesOf(i)];
  for (let at = 0; at < list.length; at += 2) if (list[at] === answer) return list[at + 1];
  return list.length >= 8 ? null : 0;
}

function bindPeople() {
  if (!people || !byId("people")) return;
  const root = byId("people");
  for (const group of root.querySelectorAll(".people-group")) {
    const rows = people[group.dataset.kind], total = (i) => people.total[votesOf(i)];
    const short = (i) => { const n = votesFor(i, data.predictions[i]); return [[bdi(data.labels[i])], ["→ ", bdi(data.predictions[i])], [n === null ? `few of ${total(i)}` : `${n} of ${total(i)}`]]; };
    fillCompared(group.querySelector(".against-wall"), rows, short, group.querySelector(".against-count"));
    group.querySelector(".people-select")?.addEventListener("click", () => goTo(rows, `${group.querySelector("h3").textContent}.`));
  }
  bindChanges(root, (t, p) => people.rows.filter((i) => data.labels[i] === t && data.predictions[i] === p));
}

// What both say of an image, for its card: pairs of a name and its parts.
function comparedFacts(i) {
  const facts = [];
  if (other && other.status[i] >= 0) {
    facts.push([`against ${other.name}`, [swatch(other.predictions[i]), " ", bdi(other.predictions[i]), `${otherSure(i)}: ${statusWords(i)}`]]);
    for (const move of other.moves) {
      move.at ??= new Map(move.rows.map((row, k) => [row, k]));
      const k = move.at.get(i);
      if (k !== undefined) facts.push([`moved in ${move.layer}`, [`${move.changed[k]} of ${move.k} neighbours are others, ${move.new[k]} from outside the ${move.wide} nearest; more than ${percent(move.rank[k] / 1000, 0)} % of the images`]]);
    }
  }
  if (people) facts.push(["people", voteWords(i)]);
  return facts;
}
