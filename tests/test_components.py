"""Principal components: planted shares lie in their intervals, pictures are the planted directions, and the run tells the same."""

from __future__ import annotations

import csv

import numpy as np
import pytest
from conftest import MadeRun
from drawn import representation

from fmnist_viz.display.scree import ScreeDisplay
from fmnist_viz.projection.basis import basis
from fmnist_viz.projection.components import Components, components

SPREAD = np.array([5.0, 3.0, 2.0, 1.0, 0.5, 0.4])
SHARES = SPREAD**2 / (SPREAD**2).sum()


def found(X: np.ndarray, shape: tuple[int, ...] = (), *, metric: str = "euclidean", **more: object) -> Components:
    rep = representation(X, **more)
    made = components(rep, basis(rep, metric=metric), shape=shape)
    assert made is not None
    return made


def test_intervals_hold_the_planted_shares() -> None:
    held = []
    for seed in range(120):
        made = found(100 + np.random.default_rng(seed).normal(size=(300, 6)) * SPREAD)
        held.append((made.low <= SHARES) & (made.high >= SHARES))
    # of 720 intervals; 95 % are promised for many rows, and eigenvalues of few are a little apart from the truth
    assert 0.91 < np.mean(held) < 0.99


def test_pictures_are_the_planted_directions() -> None:
    rng = np.random.default_rng(0)
    patterns = np.linalg.qr(rng.normal(size=(12, 3)))[0].T
    X = rng.normal(size=(500, 3)) * [9, 5, 2] @ patterns + 40
    made = found(X, (4, 3, 1))
    assert made.pictures is not None
    assert made.pictures.shape == (3, 4, 3)
    alike = np.abs(made.pictures.reshape(3, 12) @ patterns.T)
    assert np.all(np.diag(alike) > 0.99)
    assert found(X, (2, 2, 3)).pictures.shape == (3, 2, 2, 3)  # type: ignore[union-attr]
    assert made.frame()["cumulative"].iloc[-1] == pytest.approx(1, abs=1e-6)


def test_what_an_earlier_reduction_left_out_counts() -> None:
    X = np.random.default_rng(0).normal(size=(300, 6)) * SPREAD
    whole, part = found(X), found(X, raw_width=5000, transform={"explained_variance": 0.5})
    assert part.share == pytest.approx(whole.share / 2)
    assert part.high - part.low == pytest.approx((whole.high - whole.low) / 2)


def test_directions_are_those_of_unit_rows() -> None:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(200, 5)) * rng.uniform(1, 50, size=(200, 1))
    units = X / np.linalg.norm(X, axis=1, keepdims=True)
    assert found(X, metric="cosine").share == pytest.approx(found(units).share, rel=1e-4)
    assert found(X, metric="cosine").high == pytest.approx(found(units).high, rel=1e-3)


def test_no_structure_has_no_components() -> None:
    flat = representation(np.ones((9, 4)))
    assert components(flat, basis(flat)) is None


@pytest.mark.parametrize("width", [1, 2, 784])
def test_the_scree_says_what_it_draws_and_nothing_overlaps(width: int) -> None:
    X = np.random.default_rng(0).normal(size=(60, width))
    made = found(X, (28, 28, 1) if width == 784 else ())
    display = ScreeDisplay(made)
    figure = display.plot()
    figure.draw_without_rendering()
    texts = [t for ax in figure.axes for t in ax.texts if t.get_text()]
    boxes = [t.get_window_extent() for t in texts]
    assert not [(i, j) for i, a in enumerate(boxes) for j, b in enumerate(boxes[:i]) if a.overlaps(b)]
    assert f"{100 * made.share[0]:.1f}" in [t.get_text() for t in texts]
    assert len(figure.axes) == (11 if width == 784 else 1)
    assert ("as an image" in display.caption()) == (width == 784)
    assert len(display.frame()) == min(10, width)


@pytest.mark.run
def test_the_run_holds_table_and_figures(run_folder: MadeRun) -> None:
    with open(run_folder.path / "tables/pca.csv", newline="", encoding="utf-8") as f:
        rows = list(csv.DictReader(f))
    assert [(r["representation"], r["component"]) for r in rows] == [(name, str(i)) for name in ("pixels", "dense", "logits") for i in range(1, 11)][
        : len(rows)
    ]
    assert all(float(r["share_low"]) < float(r["share"]) < float(r["share_high"]) for r in rows)
    with open(run_folder.path / "tables/faithfulness.csv", newline="", encoding="utf-8") as f:
        said = {r["representation"]: r["parameters"] for r in csv.DictReader(f) if r["method"] == "PCA"}
    first = {r["representation"]: float(r["share"]) for r in rows if r["component"] == "1"}
    assert all(f"axes hold {100 * share:.1f} %" in said[name] for name, share in first.items())
    for name in first:
        assert (run_folder.path / f"figures/scree_{name}.png").is_file()
