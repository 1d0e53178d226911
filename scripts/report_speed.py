"""`scripts/bench report RUN`: how large the report is and how fast it answers in headless Chromium, and what becomes of 70,000 images."""

import argparse
import shutil
import statistics
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

CHROMIUM = shutil.which("chromium") or "/usr/bin/chromium"
LIMITS = {"first paint": 2.0, "switch": 0.3, "select": 0.1}  # s, for 10,000 images on two cores
LAYERS, METHODS = ("pixels", "conv2d", "dense", "logits"), ("pca", "tsne", "umap")

# The time of the first frame that has the matrix in it.
WATCH = """
window.painted = null;
const look = () => document.querySelector('.cell') ? requestAnimationFrame(() => { window.painted = performance.now(); }) : requestAnimationFrame(look);
requestAnimationFrame(look);
"""
# Milliseconds from an action to the end of the second frame after it: Bokeh draws in the first.
TIMED = """
async (action) => {
  const frame = () => new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
  await frame();
  const start = performance.now();
  Function(action)();
  for (let k = 0; k < 2; k++) await frame();
  return performance.now() - start;
}
"""


def busy(counter: Any) -> float:
    """Seconds of processor time that the page's main thread has worked: other programs on the machine do not add to it."""
    return float(next(m["value"] for m in counter.send("Performance.getMetrics")["metrics"] if m["name"] == "TaskDuration"))


def measure(path: Path, rounds: int) -> dict[str, Any]:
    """Seconds of opening (one value per round) and of every switch and selection (of all rounds)."""
    from playwright.sync_api import sync_playwright

    times = ("first paint", "ready", *(f"{what}{kind}" for what in ("switch", "select", "filter", "card") for kind in ("", ", CPU")))
    found: dict[str, Any] = {"mb": path.stat().st_size / 1e6, **{name: [] for name in times}}
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--headless", "--no-sandbox", "--disable-gpu"])
        for _ in range(rounds):
            # the actions are text that is run; the page's own policy would refuse that
            page = browser.new_page(viewport={"width": 1280, "height": 800}, bypass_csp=True)
            counter = page.context.new_cdp_session(page)
            counter.send("Performance.enable", {"timeDomain": "threadTicks"})
            page.add_init_script(WATCH)
            page.goto(path.resolve().as_uri())
            page.wait_for_selector("html[data-ready=yes]", state="attached", timeout=120_000)
            found["ready"].append(page.evaluate("performance.now()") / 1000)
            found["first paint"].append(page.evaluate("painted") / 1000)
            layers = page.eval_on_selector_all("#layer-tabs button", "all => all.map((e) => e.textContent)")
            ids = page.evaluate("fmnistViz.kept().slice(0, 9)")
            methods = page.eval_on_selector_all("#method-tabs button", "all => all.map((e) => e.dataset.method)")
            cells = page.eval_on_selector_all(".cell:not(.right)", "all => all.map((e) => [e.dataset.true, e.dataset.predicted])")
            actions = {
                "switch": [f"fmnistViz.show({name!r}, {method!r})" for name in layers for method in methods],
                "select": [f"fmnistViz.select({t}, {p})" for t, p in cells[:: max(1, len(cells) // 30)]],
                "filter": [f"fmnistViz.filter({{truth: [{k}]}})" for k in range(3)],
                "card": [f"fmnistViz.open({name!r})" for name in ids],
            }
            for what, texts in actions.items():
                for text in texts:
                    before = busy(counter)
                    found[what].append(page.evaluate(TIMED, text) / 1000)
                    found[f"{what}, CPU"].append(busy(counter) - before)
                page.evaluate("fmnistViz.clear(); fmnistViz.filter({truth: []})")
            found["reduced"] = page.eval_on_selector_all(".reduced", "all => all.map((e) => e.textContent)")
            page.close()
        browser.close()
    return found


def large(path: Path) -> None:
    """All 70,000 images with four layers and three methods: maps are pairs of principal axes, predictions those of the class means."""
    from fmnist_viz.core.types import LabeledImages, Predictions, Projection, Source
    from fmnist_viz.data import DataConfig, load
    from fmnist_viz.export.report import ReportContent, write_report
    from fmnist_viz.reduce import pca

    data = load(DataConfig())
    images, labels = np.concatenate([data.train.images, data.test.images]), np.concatenate([data.train.labels, data.test.labels])
    ids = np.concatenate([data.train.sample_ids, data.test.sample_ids])
    X = images.reshape(len(images), -1).astype(np.float32)
    means = np.stack([X[labels == k].mean(axis=0) for k in range(10)])
    far = ((means**2).sum(axis=1) - 2 * X @ means.T) / 4e5
    proba = np.exp(far.min(axis=1, keepdims=True) - far)
    axes = pca(np.ascontiguousarray(X[:, ::4]), 2 * len(LAYERS) * len(METHODS)).scores / 1000
    rng = np.random.default_rng(0)
    maps = {
        name: {m: Projection(axes[:, 2 * (3 * r + k) : 2 * (3 * r + k) + 2].copy(), ids, name, m, {}, 0) for k, m in enumerate(METHODS)}
        for r, name in enumerate(LAYERS)
    }
    content = ReportContent(
        "class means on all of Fashion-MNIST", LabeledImages(images, labels, data.class_names, ids, "training and test", Source("fashion-mnist", "memory", "")),
        Predictions(ids, labels, (proba / proba.sum(axis=1, keepdims=True)).astype(np.float32), data.class_names, "means"), maps,
        near={name: rng.integers(0, len(ids), (len(ids), 10)).astype(np.int32) for name in LAYERS},
    )  # fmt: skip
    write_report(path, content)


def bench_report(args: argparse.Namespace) -> dict[str, Any]:
    report = Path(args.run) / "report.html"
    result = {"10,000": measure(report, args.rounds)}
    with tempfile.TemporaryDirectory() as folder:
        large(Path(folder) / "report.html")
        result["70,000"] = measure(Path(folder) / "report.html", 1)
    return {"command": f"scripts/bench report RUN --rounds {args.rounds}", "pages": result}


def show_report(result: dict[str, Any]) -> list[str]:
    """Size, and of each time its median and its largest value."""
    lines = ["| images | what | median | largest | n |", "|---|---|---|---|---|"]
    for images, found in result["pages"].items():
        lines.append(f"| {images} | size, MB | {found['mb']:.1f} | – | 1 |")
        timed = {name: values for name, values in found.items() if isinstance(values, list) and name != "reduced"}
        lines += [f"| {images} | {name}, s | {statistics.median(values):.3f} | {max(values):.3f} | {len(values)} |" for name, values in timed.items()]
    page = result["pages"]["10,000"]
    kept = ", ".join(f"{name} {max(page[name]):.2f} of {limit:g} s" for name, limit in LIMITS.items())
    lines += ["", f"First paint: the first frame with the confusion matrix. CPU: of the page's main thread. Largest against its limit, 10,000 images: {kept}."]
    return lines + [f"Said on the page of {images} images: {' '.join(found['reduced'])}" for images, found in result["pages"].items() if found["reduced"]]
