"""Text that a page cuts off, or draws over other text: found by the boxes that the browser gives to every line of it."""

from __future__ import annotations

from typing import Any

FAULTS = """
(root) => {
  const lines = [], faults = [], seen = new Map();
  const style = (e) => {
    if (seen.has(e)) return seen.get(e);
    const s = getComputedStyle(e);
    seen.set(e, {
      hidden: s.visibility === 'hidden' || s.display === 'none', ox: s.overflowX, oy: s.overflowY, cut: s.textOverflow === 'ellipsis',
      clip: s.clipPath !== 'none' || s.clip !== 'auto', fixed: ['fixed', 'sticky'].includes(s.position), box: e.getBoundingClientRect(),
    });
    return seen.get(e);
  };
  const walker = document.createTreeWalker(document.querySelector(root), NodeFilter.SHOW_TEXT);
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    if (!node.textContent.trim() || ['SCRIPT', 'STYLE', 'OPTION', 'TITLE', 'title', 'NOSCRIPT'].includes(node.parentElement.tagName)) continue;
    if (!node.parentElement.checkVisibility()) continue;  // in a folded part
    const range = document.createRange();
    range.selectNodeContents(node);
    for (const rect of range.getClientRects()) {
      let box = {l: rect.left, t: rect.top, r: rect.right, b: rect.bottom}, whole = true, layer = '';
      for (let e = node.parentElement; e && box; e = e.parentElement) {
        const s = style(e);
        if (s.hidden || s.clip) { box = null; break; }
        if (['names', 'drag', 'zoom', 'legend', 'tip', 'jump', 'map-note', 'ladder-note', 'card'].includes(e.id)) layer = layer || e.id;
        if (s.fixed) layer = layer || e.tagName;
        if (s.cut) whole = false;
        for (const [axis, low, high] of [['ox', 'l', 'r'], ['oy', 't', 'b']]) {
          if (s[axis] === 'visible') continue;
          const from = axis === 'ox' ? s.box.left : s.box.top, to = axis === 'ox' ? s.box.right : s.box.bottom;
          if (s[axis] === 'auto' || s[axis] === 'scroll') whole = false;  // to be scrolled
          else if (whole && (box[low] < from - 1.5 || box[high] > to + 1.5)) faults.push(`cut off: ${node.textContent.trim().slice(0, 40)}`);
          box[low] = Math.max(box[low], from);
          box[high] = Math.min(box[high], to);
        }
        if (box.r - box.l < 2 || box.b - box.t < 2) box = null;
      }
      if (box) lines.push({...box, layer, node, text: node.textContent.trim().slice(0, 40)});
    }
  }
  lines.sort((a, b) => a.t - b.t);
  lines.forEach((a, k) => {
    for (let j = k + 1; j < lines.length && lines[j].t < a.b - 3; j++) {
      const b = lines[j];
      if (a.layer !== b.layer || a.node === b.node) continue;
      if (Math.min(a.r, b.r) - Math.max(a.l, b.l) > 2 && Math.min(a.b, b.b) - Math.max(a.t, b.t) > 4) faults.push(`over each other: ${a.text} / ${b.text}`);
    }
  });
  const wide = document.documentElement.scrollWidth - innerWidth;
  if (wide > 0) faults.push(`wider than the window by ${wide} px`);
  return [...new Set(faults)];
}
"""


def text_faults(page: Any, root: str = "body") -> list[str]:
    """Sentences on lines of text below `root` that are cut off (not by an ellipsis, not to be scrolled) or lie over each other; sorted, none if all is well."""
    found: list[str] = sorted(page.evaluate(FAULTS, root))
    return found
