// Calibration: a point of the diagram selects the images of its bin, a button the most confident errors.
function bindCalibration() {
  const block = byId("calibration-data");
  if (!block) return;
  const known = JSON.parse(block.textContent), bins = [...document.querySelectorAll("#reliability .bin")];
  block.remove();
  const go = (rows, what) => { selectRows(rows, what); if (rows.length) byId("selection").scrollIntoView({block: "nearest"}); };
  const choose = (g) => {
    const k = Number(g.dataset.bin);
    for (const other of bins) other.classList.toggle("chosen", other === g);
    go([...known.bins.keys()].filter((i) => known.bins[i] === k), `Images of one bin of confidence: the model ${g.querySelector("title").textContent}.`);
  };
  bins.forEach((g, k) => {
    g.addEventListener("click", () => choose(g));
    for (const kind of ["pointerenter", "focus"]) g.addEventListener(kind, () => { byId("bin-detail").textContent = `${g.getAttribute("aria-label")}.`; });
    g.addEventListener("keydown", (event) => {
      if (["Enter", " "].includes(event.key)) { event.preventDefault(); return choose(g); }
      const next = bins[k + ({ArrowRight: 1, ArrowUp: 1, ArrowLeft: -1, ArrowDown: -1}[event.key] ?? 0)];
      if (!next || next === g) return;
      event.preventDefault();
      g.setAttribute("tabindex", -1);
      next.setAttribute("tabindex", 0);
      next.focus();
    });
  });
  byId("show-wrong")?.addEventListener("click", () => go([...known.wrong].sort((a, b) => a - b), "The most confident errors."));
}
