"""The figures folder: every figure as PNG and SVG, equal bytes for equal content, safe names."""

from __future__ import annotations

import dataclasses
import pickle
import re
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

from fmnist_viz.analysis.confusion import Confusion
from fmnist_viz.core.palette import class_colors
from fmnist_viz.core.types import LabeledImages, Projection, Source
from fmnist_viz.export.figures import FigureContent, write_figures
from fmnist_viz.export.slug import slug

NAMES = ("$x_1$ & <b>", "_hidden", "上衣", "Coat")


class Heard:
    """A progress that remembers."""

    def __init__(self) -> None:
        self.warnings: list[str] = []
        self.steps: list[tuple[float, float]] = []

    def say(self, line: str) -> None:
        pass

    def warn(self, line: str) -> None:
        self.warnings.append(line)

    def step(self, task: str, done: float, total: float, note: str = "") -> None:
        self.steps.append((done, total))


def content(n: int = 6000) -> FigureContent:
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 4, n)
    coords = (rng.normal(size=(n, 2)) + np.array([[0, 0], [6, 0], [0, 6], [6, 6]])[labels]).astype(np.float32)
    ids = np.array([f"test/{i}" for i in range(n)])

    def project(name: str, method: str, note: str = "") -> Projection:
        return Projection(coords, ids, name, method, {"variance": [0.5, 0.2]} if method == "pca" else {"perplexity": 30}, 0, note=note)

    images = rng.integers(0, 60, (40, 8, 8, 1), dtype=np.uint8)
    units = Projection(rng.normal(size=(12, 2)).astype(np.float32), np.array([f"u{i}" for i in range(12)]), "conv2d/kernel", "pca", {}, 0)
    return FigureContent(
        "my_$model$", NAMES,
        {"pixels": {m: project("pixels", m) for m in ("pca", "tsne")}, "../evil": {"pca": project("../evil", "pca", "constant layer: no map")}},
        labels, rng.random(n) > 0.1, {"conv2d/kernel": {"pca": units}}, {"conv2d/kernel": rng.integers(-1, 4, 12)},
        {"conv2d/kernel": rng.integers(0, 255, (12, 3, 3), dtype=np.uint8)}, Confusion(np.diag([5, 5, 5, 5]) + 1, NAMES),
        {"loss": [1.0, 0.5], "accuracy": [0.5, 0.7]}, LabeledImages(images, np.arange(40) % 4, NAMES, ids[:40], "test", Source("memory", "made up", "0")),
        ["Stand-in data: made up for this test"],
    )  # fmt: skip


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Path], Heard]:
    folder, heard = tmp_path_factory.mktemp("figures"), Heard()
    return folder, write_figures(folder, content(), progress=heard), heard


def test_every_figure_is_there_as_png_and_svg(written: tuple[Path, list[Path], Heard]) -> None:
    folder, paths, heard = written
    evil = slug("../evil")
    stems = ["sample_grid", "training_curves", "confusion_counts", "confusion_rates", "confusion_ordered", "maps", "map_pixels_pca",
             "map_pixels_tsne", f"map_{evil}_pca",
                         "weights", f"weights_{slug('conv2d/kernel')}_pca"]  # fmt: skip
    assert [path.name for path in paths] == [f"{stem}.{kind}" for stem in stems for kind in ("png", "svg")]
    assert sorted(path.name for path in folder.iterdir()) == sorted(path.name for path in paths)
    assert heard.steps[0] == (0, 11) and heard.steps[-1] == (11, 11)


def test_pictures_are_not_blank_and_show_the_classes(written: tuple[Path, list[Path], Heard]) -> None:
    from PIL import Image

    folder, _, _ = written
    for stem in ("map_pixels_tsne", "maps"):
        rgb = np.asarray(Image.open(folder / f"{stem}.png").convert("RGB")).astype(int)
        for color in class_colors(4):
            want = [int(color[i : i + 2], 16) for i in (1, 3, 5)]
            assert (np.abs(rgb - want).max(axis=2) < 45).sum() > 200, (stem, color)
    for path in folder.glob("*.png"):
        rgb = np.asarray(Image.open(path).convert("RGB"))
        assert (rgb[[0, -1]] == 255).all() and (rgb[:, [0, -1]] == 255).all(), f"{path.name}: something touches the edge"
        assert (rgb < 200).any(axis=2).sum() > 500, path.name


def test_svg_is_well_formed_with_text_names_and_no_date(written: tuple[Path, list[Path], Heard]) -> None:
    folder, _, _ = written
    for path in folder.glob("*.svg"):
        text = path.read_text(encoding="utf-8")
        ElementTree.fromstring(text)
        assert "<dc:date>" not in text and not re.search(r"/(home|root|tmp|work)/", text)
        assert path.stat().st_size < 2_000_000
        words = " ".join(t.text or "" for t in ElementTree.fromstring(text).iter("{http://www.w3.org/2000/svg}text"))
        assert "Stand-in data: made up for this test" in words
        assert ("my_$model$" in words) == (path.stem != "sample_grid")
    assert "$x_1$ &amp; &lt;b&gt;</text>" in (folder / "map_pixels_pca.svg").read_text(encoding="utf-8")


def test_signs_without_a_font_are_said_once(written: tuple[Path, list[Path], Heard]) -> None:
    from fmnist_viz.display.lettering import missing_signs

    _, _, heard = written
    assert len(heard.warnings) == (1 if missing_signs(NAMES) else 0)


def test_equal_content_gives_equal_bytes_in_another_process(written: tuple[Path, list[Path], Heard], tmp_path: Path) -> None:
    folder, paths, _ = written
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        again = pool.submit(write_figures, tmp_path / "again", pickle.loads(pickle.dumps(content()))).result()
    for first, second in zip(paths, again, strict=True):
        assert first.read_bytes() == second.read_bytes(), first.name
    assert folder != tmp_path


def test_figures_that_lie_there_are_not_drawn_again_and_the_others_join_them(written: tuple[Path, list[Path], Heard], tmp_path: Path) -> None:
    whole, paths = content(), written[1]
    early = write_figures(tmp_path, dataclasses.replace(whole, weights={}, confusion=None))
    stamps = {path.name: path.stat().st_mtime_ns for path in early}
    late = write_figures(tmp_path, whole, more=True)
    assert early and late and not {path.name for path in early} & {path.name for path in late}
    assert {path.name: path.stat().st_mtime_ns for path in early} == stamps
    for path in paths:
        assert (tmp_path / path.name).read_bytes() == path.read_bytes(), path.name
    assert {path.name for path in tmp_path.iterdir()} == {path.name for path in paths}


def test_what_is_missing_is_left_out(tmp_path: Path) -> None:
    assert write_figures(tmp_path, FigureContent("m", NAMES)) == []
    paths = write_figures(tmp_path, FigureContent("m", NAMES, history={"loss": [1.0]}))
    assert [path.name for path in paths] == ["training_curves.png", "training_curves.svg"]


def test_names_that_differ_only_in_case_do_not_meet() -> None:
    p = Projection(np.zeros((3, 2), np.float32), np.array(list("abc")), "x", "pca", {}, 0)
    stems = [stem for stem, _ in FigureContent("m", NAMES, {"Dense": {"pca": p}, "dense": {"pca": p}}).displays()]
    assert len({stem.lower() for stem in stems}) == len(stems) == 3


UNFIT = ["", ".", "..", "../../etc/passwd", "a/b", "a\\b", "a:b", ".hidden", "-rf", "x" * 300, "层", "con", "NUL.txt", "a\x00b", "\ud800", "a b", "x."]


@pytest.mark.parametrize("name", UNFIT, ids=range(len(UNFIT)))
def test_slug_of_an_unfit_name_is_safe_and_marked(name: str) -> None:
    out = slug(name)
    assert re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.-]*-[0-9a-f]{6}", out) and ".." not in out and len(out) <= 80
    assert out.split(".")[0].lower() not in {"con", "nul"}


def test_slug_keeps_fit_names_and_tells_others_apart() -> None:
    assert [slug(name) for name in ("conv2d", "max_pooling2d_1", "dense-2.b")] == ["conv2d", "max_pooling2d_1", "dense-2.b"]
    assert len({slug(name) for name in ("a/b", "a:b", "a b", "a-b", "a//b")}) == 5
    assert slug("a/b") == slug("a/b")
