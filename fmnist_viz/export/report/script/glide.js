// A slider's place moves to a goal at an even pace, about a second a step; at once for those who asked their system for less motion.
// What moves is {at: its place, frame: 0 while it rests, play: the id of its button, move: sets the place}.
function glide(moving, to, from = moving.at) {
  rest(moving);
  if (matchMedia("(prefers-reduced-motion: reduce)").matches) return moving.move(to);
  byId(moving.play).textContent = "■ Stop";
  let at = from, before = null;
  const way = Math.sign(to - from);
  const step = (now) => {
    at += before === null ? 0 : way * 0.9 * Math.min(now - before, 100) / 1000;
    before = now;
    if ((to - at) * way <= 0) { rest(moving); return moving.move(to); }
    moving.move(at);
    moving.frame = requestAnimationFrame(step);
  };
  moving.frame = requestAnimationFrame(step);
}

function rest(moving) {
  cancelAnimationFrame(moving.frame);
  moving.frame = 0;
  byId(moving.play).textContent = "▶ Play";
}
