// Pair dossiers and cards of classes: thumbnails filled in when first shown, a click on an image selects it everywhere.
const dossier = {pair: 0, filled: new Set(), rows: new Map(), draw: () => {}};

function imageButton(i, size) {
  const words = `${data.ids[i]}: ${data.classes[data.labels[i]]}${wrong(i) ? `, taken for ${data.classes[data.predictions[i]]}` : ""}`;
  const button = element("button", {type: "button", class: "thumb", "aria-label": words, "data-index": i, "data-sample-id": data.ids[i]});
  showThumb(button, i, size);
  return button;
}

function fillStrips(root) {
  for (const strip of root.querySelectorAll(".strip[data-rows]"))
    if (!strip.childElementCount) strip.append(...strip.dataset.rows.split(" ").map((row) => imageButton(Number(row), 28)));
}

function bindDossiers() {
  const cards = byId("cards");
  if (cards) {
    fillStrips(cards);
    bindImages(cards, "Chosen on a card.");
  }
  if (!byId("dossiers")) return;
  Object.assign(dossier, JSON.parse(byId("dossier-data").textContent));
  const block = byId("dossier-sheet");
  if (block) {
    const bytes = Uint8Array.from(atob(block.textContent.trim()), (c) => c.charCodeAt(0));
    document.documentElement.style.setProperty("--dossier-sheet", `url("${URL.createObjectURL(new Blob([bytes], {type: "image/webp"}))}")`);
    block.remove();
  }
  byId("dossier-pair").addEventListener("change", () => showDossier(Number(byId("dossier-pair").value)));
  bindImages(byId("dossiers"), "Chosen in a dossier.");
  dossier.draw = whenSeen(byId("dossiers"), drawDossierMap);
  byId("dossiers").addEventListener("click", (event) => { const box = event.target.closest(".mistake"); if (box) showMistake(Number(box.dataset.side), Number(box.dataset.at)); });
  for (const article of articles()) {
    if (!data.representations.length) break;
    const layers = article.querySelector(".dossier-layer"), methods = article.querySelector(".dossier-method"), last = Math.max(0, data.representations.length - 2);
    layers.append(...data.representations.map((r, k) => element("option", {value: k}, r.name)));
    layers.value = last;
    const refill = () => {
      const known = Object.keys(data.representations[layers.value]?.maps ?? {}), was = methods.value;
      methods.replaceChildren(...data.methods.map((m, k) => [m, data.methodNames[k]]).filter(([m]) => known.includes(m)).map(([m, name]) => element("option", {value: m}, name)));
      methods.value = known.includes(was) ? was : ["tsne", "umap", "pca"].find((m) => known.includes(m)) ?? known[0] ?? "";
      dossier.draw();
    };
    layers.addEventListener("change", refill);
    methods.addEventListener("change", () => dossier.draw());
    refill();
    new ResizeObserver(() => dossier.draw()).observe(article.querySelector(".dossier-map"));
  }
  map.source.selected.properties.indices.change.connect(() => dossier.draw());
  showDossier(0);
}

const articles = () => [...document.querySelectorAll("article.dossier")];

function bindImages(root, what) {
  root.addEventListener("click", (event) => { const thumb = event.target.closest(".thumb[data-index]"); if (thumb) selectRows([Number(thumb.dataset.index)], what); });
  root.addEventListener("pointerover", (event) => {
    const thumb = event.target.closest(".thumb[data-index]");
    if (!thumb) return hideTip();
    const at = thumb.getBoundingClientRect();
    showTip(Number(thumb.dataset.index), at.right, at.top);
  });
  root.addEventListener("pointerleave", hideTip);
}

function showDossier(pair) {
  dossier.pair = pair;
  byId("dossier-pair").value = pair;
  articles().forEach((article, k) => { article.hidden = k !== pair; });
  const article = articles()[pair];
  if (!dossier.filled.has(pair)) {
    dossier.filled.add(pair);
    fillStrips(article);
    for (const wall of article.querySelectorAll(".dossier-wall")) {
      const side = Number(wall.dataset.side), found = dossier.pairs[pair][side];
      wall.append(...found.rows.map((row, at) => {
        const words = found.margin ? found.margin[at].toFixed(2) : "";
        const box = element("div", {class: "mistake", "data-side": side, "data-at": at}, imageButton(row, 42), element("span", {}, words));
        if (found.suspect[at]) box.append(element("span", {class: "suspect", title: found.suspect[at]}, "label?"));
        return box;
      }));
    }
  }
  const first = dossier.pairs[pair].findIndex((found) => found.rows.length);
  if (first >= 0) showMistake(first, dossier.pairs[pair][first].rows.length - 1);
  dossier.draw();
  saveView();
}

// One mistake with its nearest right images of both classes, and what is known of it.
function showMistake(side, at) {
  const found = dossier.pairs[dossier.pair][side], row = found.rows[at], article = articles()[dossier.pair];
  for (const box of article.querySelectorAll(".mistake")) box.classList.toggle("chosen", Number(box.dataset.side) === side && Number(box.dataset.at) === at);
  const figure = (thumb, ...words) => element("figure", {}, thumb, ...words.map((word) => element("p", {class: "note"}, word)));
  const near = (name, k) => !found[`near_${name}`]?.[at]?.length ? [] : [element("div", {}, element("h4", {}, "Nearest right ", bdi(k)),
    element("div", {class: "near"}, ...found[`near_${name}`][at].map(([tile, id, far]) => figure(trainingThumb(tile, id, k), element("bdi", {}, id), `distance ${far.toFixed(2)}`))))];
  const facts = [];
  if (found.margin) facts.push(["margin", found.margin[at].toFixed(3)]);
  if (found.axis) facts.push(["on the axis", `${found.axis[at].toFixed(2)} (0: mean of the true class, 1: of the predicted one)`]);
  if (found.evidence && found.evidence[at] !== null) facts.push(["evidence, summed", `${found.evidence[at].toFixed(2)} logits`]);
  for (const [layer, method, kinds] of found.places) facts.push([`in ${layer}${method ? `, ${method} map` : ""}`, {true: "among the true class", predicted: "among the predicted class", between: "in between", elsewhere: "elsewhere"}[dossier.kinds[kinds[at]]]]);
  if (found.suspect[at]) facts.push(["label in doubt", found.suspect[at]]);
  article.querySelector(".dossier-one").replaceChildren(
    element("div", {}, element("h4", {}, "Mistake"), figure(imageButton(row, 84), element("bdi", {}, data.ids[row]))),
    ...near("true", found.true), ...near("predicted", found.predicted),
    element("dl", {class: "facts"}, ...facts.flatMap(([what, value]) => [element("dt", {}, what), element("dd", {}, value)])));
}

function trainingThumb(tile, id, k) {
  const {columns, thumb} = dossier, side = thumb * Math.max(1, Math.round(84 / thumb)), box = element("div", {class: "thumb still", role: "img", "aria-label": id});
  if (!pictured) box.style.cssText = `width:84px;height:84px;background:${data.colors[k]}`;
  else box.style.cssText = `width:${side}px;height:${side}px;background-image:var(--dossier-sheet);background-size:${side * columns}px auto;` +
    `background-position:${-side * (tile % columns)}px ${-side * Math.floor(tile / columns)}px`;
  return box;
}

// The chosen map: the two classes in their colours, all others faint, mistakes ringed, what is selected with a second ring.
function drawDossierMap() {
  const article = articles()[dossier.pair];
  if (!dossier.pairs || !article || article.hidden || !data.representations.length) return;
  const canvas = article.querySelector(".dossier-map"), side = canvas.clientWidth, scale = devicePixelRatio || 1;
  const shown = data.representations[article.querySelector(".dossier-layer").value]?.maps[article.querySelector(".dossier-method").value];
  if (!side) return;
  if (canvas.width !== Math.round(side * scale)) canvas.width = canvas.height = Math.round(side * scale);
  const pen = canvas.getContext("2d");
  pen.setTransform(scale, 0, 0, scale, 0, 0);
  pen.clearRect(0, 0, side, side);
  if (!shown || shown.note) return;
  const xs = map.source.get_column(shown.x), ys = map.source.get_column(shown.y);
  let box = [Infinity, -Infinity, Infinity, -Infinity];
  for (let i = 0; i < total; i++) box = [Math.min(box[0], xs[i]), Math.max(box[1], xs[i]), Math.min(box[2], ys[i]), Math.max(box[3], ys[i])];
  const unit = 0.94 * side / (Math.max(box[1] - box[0], box[3] - box[2]) || 1);
  const at = (i) => [side / 2 + unit * (xs[i] - (box[0] + box[1]) / 2), side / 2 - unit * (ys[i] - (box[2] + box[3]) / 2)];
  const {true: a, predicted: b} = dossier.pairs[dossier.pair][0];
  const style = getComputedStyle(document.documentElement), ink = style.getPropertyValue("--ink").trim(), faint = style.getPropertyValue("--line-strong").trim();
  const own = (i) => data.labels[i] === a || data.labels[i] === b;
  for (const pass of [false, true]) for (let i = 0; i < total; i++) if (own(i) === pass) {
    const [x, y] = at(i);
    pen.globalAlpha = pass ? 0.75 : 0.2;
    pen.fillStyle = pass ? data.colors[data.labels[i]] : faint;
    pen.fillRect(x - 1.2, y - 1.2, 2.4, 2.4);
  }
  const chosen = selection.active ? new Set(selection.rows) : new Set();
  pen.strokeStyle = ink;
  for (let i = 0; i < total; i++) {
    const mistake = own(i) && wrong(i) && (data.predictions[i] === a || data.predictions[i] === b);
    if (!mistake && !chosen.has(i)) continue;
    const [x, y] = at(i);
    pen.globalAlpha = chosen.has(i) ? 1 : 0.7;
    pen.lineWidth = chosen.has(i) ? 2 : 0.8;
    pen.beginPath();
    pen.arc(x, y, chosen.has(i) ? 6 : 3, 0, 2 * Math.PI);
    pen.stroke();
  }
}
