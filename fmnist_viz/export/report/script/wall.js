// Walls of thumbnails: one Tab stop each, arrow keys inside, Enter or a click opens the image's card.
const imageWords = (i) => `${data.ids[i]}: ${data.classes[data.labels[i]]}${wrong(i) ? `, taken for ${data.classes[data.predictions[i]]}` : ""}${sure ? `, confidence ${percent(data.confidence[i])} %` : ""}`;

function wallPart(title, rows) {
  const thumbs = element("div", {class: "thumbs"});
  thumbs.style.setProperty("--thumb", `${thumbSide(56)}px`);
  rows.forEach((i, k) => thumbs.append(thumbnail(i, 56, k === 0)));
  return element("div", {class: "wall-part"}, element("h3", {}, title), thumbs);
}

function thumbnail(i, size, first = false) {
  const thumb = element("div", {class: "thumb", role: "button", tabindex: first ? 0 : -1, "aria-label": imageWords(i), "data-sample-id": data.ids[i], "data-index": i});
  showThumb(thumb, i, size);
  return element("div", {class: "sample"}, thumb, ...labelLines(i));
}

// Below a thumbnail: its class, and for a wrong one what it was taken for; cut to the width, in full on the element's title.
function labelLines(i) {
  const t = data.labels[i], p = predicted ? data.predictions[i] : t, title = predicted ? `${data.classes[t]} → ${data.classes[p]}` : data.classes[t];
  const line = (...words) => element("p", {title, "aria-hidden": "true"}, ...words);
  return wrong(i) ? [line(bdi(t)), line("→ ", bdi(p))] : [line(bdi(t))];
}

// All thumbnails of the wall that one belongs to, in reading order.
function wallOf(thumb) {
  const around = thumb.closest("#wall, #card-near") ?? thumb.closest(".thumbs") ?? thumb.parentElement;
  return [...around.querySelectorAll(".thumb[data-index]")];
}

function openThumb(thumb) {
  const inCard = Boolean(thumb.closest("#card"));
  openCard(Number(thumb.dataset.index), inCard ? null : wallOf(thumb).map((other) => Number(other.dataset.index)));
}

function moveInWall(event, thumb) {
  const all = wallOf(thumb), at = all.indexOf(thumb), top = (e) => Math.round(e.getBoundingClientRect().top), left = (e) => e.getBoundingClientRect().left;
  let next = {ArrowRight: all[at + 1], ArrowLeft: all[at - 1], Home: all[0], End: all.at(-1)}[event.key];
  if (event.key === "ArrowDown" || event.key === "ArrowUp") {
    const down = event.key === "ArrowDown", beyond = all.filter((e) => (down ? top(e) > top(thumb) + 4 : top(e) < top(thumb) - 4));
    const line = beyond.length ? (down ? top(beyond[0]) : top(beyond.at(-1))) : null;
    next = beyond.filter((e) => Math.abs(top(e) - line) < 4).sort((a, b) => Math.abs(left(a) - left(thumb)) - Math.abs(left(b) - left(thumb)))[0];
  } else if (!(event.key in {ArrowRight: 1, ArrowLeft: 1, Home: 1, End: 1})) return;
  event.preventDefault();
  event.stopPropagation();
  if (!next) return;
  thumb.tabIndex = -1;
  next.tabIndex = 0;
  next.focus();
}

function bindWalls() {
  const thumbOf = (event) => event.target.closest?.(".thumb[data-index]");
  document.addEventListener("click", (event) => { const thumb = thumbOf(event); if (thumb) openThumb(thumb); });
  document.addEventListener("keydown", (event) => {
    const thumb = thumbOf(event);
    if (!thumb) return;
    if (event.key === "Enter" || event.key === " ") { event.preventDefault(); openThumb(thumb); }
    else moveInWall(event, thumb);
  }, true);
  const show = (event) => {
    const thumb = thumbOf(event);
    if (!thumb || thumb.closest("#card")) return;
    const i = Number(thumb.dataset.index), at = thumb.getBoundingClientRect();
    showTip(i, at.right, at.top);
    markSpot(i);
  };
  const leave = (event) => {
    if (!thumbOf(event) || thumbOf(event).closest("#card")) return;
    hideTip();
    if (!byId("card").open) markSpot(null);  // it came over the wall: its image stays ringed
  };
  document.addEventListener("pointerover", show);
  document.addEventListener("focusin", (event) => { if (event.target.matches?.(":focus-visible")) show(event); });
  document.addEventListener("pointerout", leave);
  document.addEventListener("focusout", leave);
}
