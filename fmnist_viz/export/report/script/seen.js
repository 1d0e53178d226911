// What lies far from the screen is drawn when it comes near: returns `draw` as a function that waits for that.
function whenSeen(box, draw) {
  let near = false, stale = true;
  new IntersectionObserver((entries) => {
    near = entries.at(-1).isIntersecting;
    if (!near || !stale) return;
    stale = false;
    draw();
  }, {rootMargin: "100px"}).observe(box);
  return () => { stale = !near; if (near) draw(); };
}
