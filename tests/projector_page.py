"""TensorBoard as a person starts it, and its Projector page in a headless browser, for tests to ask what is seen."""

from __future__ import annotations

import contextlib
import io
import json
import re
import shutil
import subprocess
import sys
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or ""
FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--enable-unsafe-swiftshader", "--use-gl=angle", "--use-angle=swiftshader"]
_DICE = """{ let state = 1; Math.random = () => { state = (state + 0x6D2B79F5) | 0; let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t; return ((t ^ (t >>> 14)) >>> 0) / 4294967296; }; }"""  # mulberry32
_ELEMENT = """(name) => { const seen = []; const walk = (root) => { for (const e of root.querySelectorAll('*')) {
    if (e.tagName === name) seen.push(e); if (e.shadowRoot) walk(e.shadowRoot); } }; walk(document); return seen[0]; }"""


@contextlib.contextmanager
def tensorboard(logdir: Path, *, program: Path | None = None) -> Iterator[str]:
    """``tensorboard --logdir <logdir's name>`` beside the folder, on a free port; yields its address without a slash at the end.

    `program` is another environment's TensorBoard; by default this one's.
    """
    command = [str(program or Path(sys.executable).with_name("tensorboard")), "--logdir", logdir.name, "--port", "0"]
    process = subprocess.Popen(command, cwd=logdir.parent, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    try:
        assert process.stderr is not None
        said: list[str] = []
        while (line := process.stderr.readline()) and not (found := re.search(r"http://localhost:\d+", line)):
            said.append(line.strip())
        assert line and found, f"TensorBoard did not start: {said[-1:]}"
        yield found[0]
    finally:
        process.terminate()
        process.wait(20)


@dataclass
class ProjectorServer:
    """The plugin's own routes."""

    address: str

    def get(self, route: str, **query: str | int) -> bytes:
        """The answer's body; raises HTTPError where the status is not 200."""
        url = f"{self.address}/data/plugin/projector/{route}?{urllib.parse.urlencode(query)}"
        with urllib.request.urlopen(url, timeout=30) as answer:
            body: bytes = answer.read()
        return body

    def runs(self, *, wait: float = 20.0) -> list[str]:
        """Runs with a Projector folder; waits for the first ones to be found."""
        end = time.monotonic() + wait
        while not (runs := json.loads(self.get("runs"))) and time.monotonic() < end:
            time.sleep(0.2)
        return sorted(runs)

    def embeddings(self, run: str) -> list[dict[str, Any]]:
        """The run's tensors as the page is told them: tensorName, tensorShape, ..."""
        return list(json.loads(self.get("info", run=run))["embeddings"])


@dataclass
class ProjectorPage:
    """The open page; every answer is read from the page's own elements."""

    server: ProjectorServer
    page: Any
    errors: list[str]

    def runs(self) -> list[str]:
        return sorted(self.ask("VZ-PROJECTOR-DATA-PANEL", "e => e.runNames"))

    def tensors(self) -> list[str]:
        return list(self.ask("VZ-PROJECTOR-DATA-PANEL", "e => e.tensorNames.map(t => t.name)"))

    def shown(self) -> tuple[str, str]:
        """Run and tensor that are open."""
        run, tensor = self.ask("VZ-PROJECTOR-DATA-PANEL", "e => [e.selectedRun, e.selectedTensor]")
        return run, tensor

    def point_count(self) -> int:
        return int(self.ask("VZ-PROJECTOR", "e => e.dataSet.points.length"))

    def dimensions(self) -> int:
        return int(self.ask("VZ-PROJECTOR", "e => e.dataSet.points[0].vector.length"))

    def spherized(self) -> bool:
        return bool(self.ask("VZ-PROJECTOR", "e => e.normalizeData"))

    def metadata(self, *rows: int) -> list[dict[str, Any]]:
        return list(self.ask("VZ-PROJECTOR", f"e => {list(rows)}.map(i => e.dataSet.points[i].metadata)"))

    def sprite_size(self) -> tuple[int, int]:
        """Width and height of the sheet in px as the browser decoded it; (0, 0) without one."""
        script = "e => { const i = e.dataSet.spriteAndMetadataInfo.spriteImage; return i ? [i.naturalWidth, i.naturalHeight] : [0, 0]; }"
        width, height = self.ask("VZ-PROJECTOR", script)
        return width, height

    def coordinates(self, axes: tuple[str, ...]) -> np.ndarray[Any, Any]:
        """Where the open map has its points: float64 (n, axes), for axes such as ("umap-0", "umap-1")."""
        return np.array(self.ask("VZ-PROJECTOR", f"e => e.dataSet.points.map(p => {json.dumps(axes)}.map(a => p.projections[a]))"), float)

    def projection(self) -> str:
        return str(self.ask("VZ-PROJECTOR", "e => e.projection.projectionType"))

    def bookmarks(self) -> list[str]:
        return list(self.ask("VZ-PROJECTOR-BOOKMARK-PANEL", "e => e.savedStates.map(s => s.label)"))

    def legend(self) -> dict[str, str]:
        """Value -> colour of the open colouring."""
        script = """e => { const o = e.colorOptions.find(o => o.name === e.selectedColorOptionName);
            return o && o.items ? o.items.map(i => [i.label, o.map(i.label)]) : []; }"""
        return {label: str(colour) for label, colour in self.ask("VZ-PROJECTOR-DATA-PANEL", script)}

    def color_by(self, column: str) -> None:
        self.ask("VZ-PROJECTOR-DATA-PANEL", f"e => {{ e.selectedColorOptionName = {json.dumps(column)}; }}")
        self.page.wait_for_timeout(500)

    def open_bookmark(self, number: int, *, settle: int = 1000) -> None:
        """Click the bookmark's radio button, as a person does, and look away for `settle` ms."""
        script = f"e => e.shadowRoot.querySelector('.state-radio paper-icon-button[data-index=\"{number}\"]').click()"
        self.ask("VZ-PROJECTOR-BOOKMARK-PANEL", script)
        self.page.wait_for_timeout(settle)

    def axes(self) -> tuple[str, ...]:
        """The coordinates that the open map draws, such as ("umap-0", "umap-1")."""
        parts = self.ask("VZ-PROJECTOR", "e => [e.projection.projectionType, e.projection.projectionComponents]")
        return tuple(axis for axis in parts[1] if axis is not None)

    def selected(self) -> list[int]:
        return [int(i) for i in self.ask("VZ-PROJECTOR", "e => e.selectedPointIndices")]

    def run_pca(self) -> np.ndarray[Any, Any]:
        """The page's own PCA, float64 (n, 3)."""
        self._tab("pca")
        self._until("e => e.dataSet.projections['pca-0'] && e.projection.projectionType === 'pca'", "its own PCA")
        return self.coordinates(("pca-0", "pca-1", "pca-2"))

    def run_tsne(self, steps: int = 50) -> np.ndarray[Any, Any]:
        """The page's own t-SNE after so many steps, float64 (n, 2)."""
        self.ask("VZ-PROJECTOR-PROJECTIONS-PANEL", "e => { e.tSNEis3d = false; }")
        self._tab("tsne")
        self._until(f"e => e.dataSet.tSNEIteration >= {steps}", f"{steps} steps of its own t-SNE")
        self.ask("VZ-PROJECTOR", "e => { e.dataSet.tSNEShouldPause = true; }")
        return self.coordinates(("tsne-0", "tsne-1"))

    def run_umap(self) -> np.ndarray[Any, Any]:
        """The page's own UMAP to its end, float64 (n, 2)."""
        self.ask("VZ-PROJECTOR-PROJECTIONS-PANEL", "e => { e.umapIs3d = false; }")
        self._tab("umap")
        self._until("e => e.dataSet.projections.umap && !e.projectionsPanel.runUmapButton.disabled", "its own UMAP")
        return self.coordinates(("umap-0", "umap-1"))

    def search_custom(self, left: str, right: str, up: str, down: str) -> tuple[np.ndarray[Any, Any], list[str]]:
        """The page's Custom projection of four texts typed into its fields: coordinates (n, 2), and what it says of each search."""
        self._tab("custom")
        for field, text in (("xLeft", left), ("xRight", right), ("yUp", up), ("yDown", down)):
            self._frame().locator(f"vz-projector-projections-panel #{field} input").fill(text)
        said = "e => ['xLeft', 'xRight', 'yUp', 'yDown'].map(name => e.$$('#' + name).message)"
        end = time.monotonic() + 20
        while not all(messages := self.ask("VZ-PROJECTOR-PROJECTIONS-PANEL", said)):
            assert time.monotonic() < end, f"the page does not search: {messages}"
            self.page.wait_for_timeout(100)
        self.page.wait_for_timeout(300)
        return self.coordinates(("linear-x", "linear-y")), list(messages)

    def thumbnail(self, row: int, side: int) -> np.ndarray[Any, Any]:
        """What the page draws for a point: its cut of the decoded sheet, by the rule of its shader, uint8 (side, side, 3)."""
        script = """(e, [row, side]) => { const sheet = e.dataSet.spriteAndMetadataInfo.spriteImage, i = e.dataSet.points[row].index;
            const across = Math.floor(sheet.naturalWidth / side), canvas = document.createElement('canvas'); canvas.width = canvas.height = side;
            const context = canvas.getContext('2d'); context.drawImage(sheet, -side * (i % across), -side * Math.floor(i / across));
            return [...context.getImageData(0, 0, side, side).data]; }"""
        frame = self._frame()
        pixels = frame.evaluate(f"([e, args]) => ({script})(e, args)", [frame.evaluate_handle(_ELEMENT, "VZ-PROJECTOR"), [row, side]])
        return np.array(pixels, np.uint8).reshape(side, side, 4)[..., :3]

    def neighbours(self, row: int) -> list[tuple[str, str]]:
        """Select a point; its neighbours as the panel lists them: label, and the place of the thumbnail beside it, as CSS says it."""
        self.ask("VZ-PROJECTOR", f"e => e.notifySelectionChanged([{row}])")
        self.page.wait_for_timeout(700)
        script = """list => list.map(n => [n.querySelector('.neighbor-link').title,
            (n.querySelector('.sprite-image') || {style: {}}).style.backgroundPosition || ''])"""
        return [(label, place) for label, place in self._frame().locator("vz-projector-inspector-panel .nn-list .neighbor").evaluate_all(script)]

    def reload(self) -> None:
        """As the browser's button does; waits for the first tensor."""
        self.page.reload()
        self.wait_for_data()

    def _tab(self, name: str) -> None:
        self._frame().locator(f'vz-projector-projections-panel .ink-tab[data-tab="{name}"]').click()

    def _until(self, script: str, what: str, *, seconds: float = 120) -> None:
        end = time.monotonic() + seconds
        while not self.ask("VZ-PROJECTOR", script):
            assert time.monotonic() < end and not self.errors, f"the page does not show {what}: {self.errors}"
            self.page.wait_for_timeout(100)

    def open_tensor(self, name: str, *, run: str = "") -> None:
        """Choose run and tensor and wait for the tensor's points, metadata and first PCA."""
        if run and run != self.shown()[0]:
            self._change(f"e => {{ e.selectedRun = {json.dumps(run)}; }}")
        if self.shown()[1] != name:
            self._change(f"e => {{ e.selectedTensor = {json.dumps(name)}; }}")

    def screenshot(self) -> bytes:
        """The whole page as PNG."""
        return bytes(self.page.screenshot())

    def colours_in_screenshot(self, *, share: float = 0.0004) -> int:
        """How many clearly different hues (of twelve) the map shows, each on at least this share of its area."""
        script = "e => { const r = e.shadowRoot.querySelector('#scatter').getBoundingClientRect(); return [r.x, r.y, r.right, r.bottom]; }"
        box = self.ask("VZ-PROJECTOR", script)
        frame = self._frame().frame_element().bounding_box()
        left, top = frame["x"] + box[0], frame["y"] + box[1]
        with Image.open(io.BytesIO(self.screenshot())) as image:
            hsv = np.asarray(image.convert("RGB").crop((left, top, frame["x"] + box[2], frame["y"] + box[3])).convert("HSV")).reshape(-1, 3)
        vivid = hsv[(hsv[:, 1] > 70) & (hsv[:, 2] > 70)]
        counts = np.bincount(vivid[:, 0].astype(int) * 12 // 256, minlength=12)
        return int((counts > share * len(hsv)).sum())

    def ask(self, element: str, script: str) -> Any:
        """The value of a JavaScript function of the page's element of that (upper-case) name."""
        frame = self._frame()
        handle = frame.evaluate_handle(_ELEMENT, element)
        return frame.evaluate(script, handle)

    def wait_for_data(self) -> None:
        ready = "e => !!(e && e.dataSet && e.dataSet.spriteAndMetadataInfo && e.dataSet.projections && e.dataSet.projections['pca-0'])"
        end = time.monotonic() + 30
        while not (self._frame() and self.ask("VZ-PROJECTOR", ready)):
            assert time.monotonic() < end, f"the page shows no points: {self.errors}"
            self.page.wait_for_timeout(200)
        self.page.wait_for_timeout(500)

    def _change(self, script: str) -> None:
        self.ask("VZ-PROJECTOR", "e => { e.dataSet.projections = {}; }")  # so that waiting waits for the next data set
        self.ask("VZ-PROJECTOR-DATA-PANEL", script)
        self.wait_for_data()

    def _frame(self) -> Any:
        return next((frame for frame in self.page.frames if frame.url.endswith("projector_binary.html")), None)


@contextlib.contextmanager
def open_projector(logdir: Path, *, program: Path | None = None) -> Iterator[ProjectorPage]:
    """Start TensorBoard on the log folder, open its Projector in headless Chromium, wait for the first tensor.

    The page's dice (`Math.random`) are seeded, so that its own maps differ from one call to the next by the data alone.
    """
    if not CHROMIUM:
        pytest.skip("no Chromium found")
    from playwright.sync_api import sync_playwright

    with tensorboard(logdir, program=program) as address, sync_playwright() as playwright:
        server = ProjectorServer(address)
        assert server.runs(), "TensorBoard lists no run with a Projector folder"
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        try:
            page = browser.new_page(viewport={"width": 1400, "height": 900})
            page.add_init_script(_DICE)
            errors: list[str] = []
            page.on("pageerror", lambda error: errors.append(str(error)))
            page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
            page.goto(f"{address}/#projector")
            shown = ProjectorPage(server, page, errors)
            shown.wait_for_data()
            yield shown
        finally:
            browser.close()
