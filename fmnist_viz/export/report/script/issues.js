// Data issues: walls of doubtful labels, pockets, twins and odd images; a click selects the image and opens its card.
function bindIssues() {
  const section = byId("issues");
  if (!section) return;
  const known = JSON.parse(byId("issues-data").textContent), wall = byId("suspects");
  byId("issues-data").remove();
  const go = (rows, what) => { selectRows(rows, what); if (rows.length) byId("selection").scrollIntoView({block: "nearest"}); };
  known.suspects.forEach(([row, given, suggested, reason], k) => {
    const thumb = element("div", {class: "thumb", role: "button", tabindex: k ? -1 : 0, "data-index": row, "data-sample-id": data.ids[row], "aria-label": `${data.ids[row]}: labelled ${given}, may be ${suggested}. ${reason}`});
    showThumb(thumb, row, 56);
    const bdiOf = (text) => element("bdi", {}, text);
    wall.append(element("div", {class: "sample", title: reason}, thumb, element("p", {"aria-hidden": "true"}, bdiOf(given)), element("p", {"aria-hidden": "true"}, "→ ", bdiOf(suggested))));
  });
  fillStrips(section);
  bindImages(section, "Chosen among the data issues.");
  byId("show-suspects")?.addEventListener("click", () => go([...known.rows].sort((a, b) => a - b), "Images whose label is doubted."));
  for (const button of section.querySelectorAll(".nest-show")) {
    const nest = button.closest(".nest");
    button.addEventListener("click", () => go(nest.querySelector(".strip").dataset.rows.split(" ").map(Number).sort((a, b) => a - b), `A pocket of error. ${nest.querySelector("bdi").textContent}.`));
  }
}
