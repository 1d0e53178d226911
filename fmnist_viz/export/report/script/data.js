"use strict";
// What the page knows. Text from the data reaches the document through textContent only, never as markup.
const data = JSON.parse(document.getElementById("data").textContent);
const total = data.labels.length, classCount = data.classes.length;

// Predictions may be missing, or come without probabilities, and images without pixels.
const predicted = data.predictions !== null, sure = data.confidence !== null, pictured = data.sheet.count > 0;
const counts = Array.from({length: classCount}, () => new Array(classCount).fill(0)), support = new Array(classCount).fill(0);
for (let i = 0; i < total; i++) {
  support[data.labels[i]]++;
  if (predicted) counts[data.labels[i]][data.predictions[i]]++;
}

// What is kept under a foreign name: a layer may be called "constructor", which every object has.
const entryOf = (kept, name) => (Object.hasOwn(kept, name) ? kept[name] : undefined);

const byId = (id) => document.getElementById(id);
const wrong = (i) => predicted && data.labels[i] !== data.predictions[i];
const number = (value) => value.toLocaleString("en-US");
const percent = (value, digits = 1) => (100 * value).toFixed(digits);

function element(tag, attributes = {}, ...children) {
  const e = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) e.setAttribute(name, value);
  e.append(...children);
  return e;
}

// Text as a part of a file name: letters and digits of any script, the rest as one hyphen each.
const slug = (text, otherwise) => text.normalize("NFKC").replace(/[^\p{L}\p{N}]+/gu, "-").replace(/^-+|-+$/g, "").slice(0, 48) || otherwise;

// A name of a class: isolated, so that a right-to-left name cannot turn around the words beside it.
const bdi = (k) => element("bdi", {}, data.classes[k]);
const swatch = (k) => { const i = element("i", {class: "swatch", "data-shape": k % 10}); i.style.background = data.colors[k]; return i; };

// The sheets of thumbnails. Chromium cuts a custom property at 2 MB, so it gets a short blob: URL and not the data.
const readSheets = () => Promise.all([...document.querySelectorAll("script.sheet")].map((block, k) => {
  const bytes = Uint8Array.from(atob(block.textContent.trim()), (c) => c.charCodeAt(0));
  const url = URL.createObjectURL(new Blob([bytes], {type: "image/webp"}));
  document.documentElement.style.setProperty(`--sheet-${k}`, `url("${url}")`);
  block.remove();
  const picture = new Image();
  picture.src = url;
  return picture.decode();
}));

// The whole multiple of a thumbnail's pixels that is nearest to `size` px.
const thumbSide = (size) => data.sheet.thumb * Math.max(1, Math.round(size / data.sheet.thumb));

// Show image i in a box of that side.
function showThumb(box, i, size) {
  const {columns, perSheet} = data.sheet, at = i % perSheet;
  const side = thumbSide(size);
  if (!pictured) return void (box.style.cssText = `width:${side}px;height:${side}px;background:${data.colors[data.labels[i]]}`);
  box.style.cssText = `width:${side}px;height:${side}px;background-image:var(--sheet-${Math.floor(i / perSheet)});` +
    `background-size:${side * columns}px auto;background-position:${-side * (at % columns)}px ${-side * Math.floor(at / columns)}px`;
}
