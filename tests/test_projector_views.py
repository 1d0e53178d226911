"""What can be clicked in the Projector of a real run: the coordinates of its maps, the mistakes of its leading confusions, its custom axes."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from command import call
from conftest import DATASET, MadeRun
from PIL import Image
from sklearn.metrics import roc_auc_score

from fmnist_viz.core.manifest import Manifest
from fmnist_viz.export.projector.bookmarks import AXES
from fmnist_viz.export.projector.metadata import read_as_page

pytestmark = pytest.mark.run
LAYERS = ("pixels", "dense", "logits")
FILES = {"PCA": "pca", "t-SNE (opens in the UMAP tab)": "tsne", "UMAP": "umap", "PCA in 3-D": "pca_3d", "UMAP in 3-D": "umap_3d"}


@pytest.fixture(scope="module")
def predicted(run_folder: MadeRun) -> pd.DataFrame:
    return pd.read_csv(run_folder.path / "predictions.csv", keep_default_na=False).set_index("sample_id")


def ids_of(path: Path) -> list[str]:
    return [row["sample_id"] for row in read_as_page(path.read_bytes())[1]]


def shown(run: Path, name: str, layer: str) -> tuple[list[str], list[dict[str, Any]]]:
    """(ids of a tensor's rows, its views)."""
    own = run / "projector" / f"{name}.tsv"
    return ids_of(own if own.exists() else run / "projector/metadata.tsv"), json.loads((run / "projector" / f"{name}.bookmarks.json").read_text())


TENSORS = [(f"{i:02d}_{layer}", layer) for i, layer in enumerate(LAYERS)]
MISTAKES = [("m01_pixels_misclassified", "pixels"), ("m02_dense_misclassified", "dense")]


@pytest.mark.parametrize(("name", "layer"), [*TENSORS, *MISTAKES])
def test_every_view_has_the_coordinates_of_its_file_bit_for_bit(run_folder: MadeRun, name: str, layer: str) -> None:
    ids, states = shown(run_folder.path, name, layer)
    seen = []
    for state in states:
        title = state["label"].split(",")[0].split(". ")[0]
        title = title if title in FILES else state["label"].rsplit(", ", 1)[1]  # of a confusion the map's name stands last
        file = "axis" if state["label"].startswith("Custom axes") else FILES[title]
        table = pd.read_csv(run_folder.path / f"projections/{layer}_{file}.csv", dtype={axis: np.float32 for axis in "xyz"}).set_index("sample_id")
        table = table[[axis for axis in "xyz" if axis in table]]  # what else is known of each point stands beside them
        axes = AXES[state["selectedProjection"]][: table.shape[1]]
        assert all(set(point) == set(axes) for point in state["projections"])
        got = np.array([[point[axis] for axis in axes] for point in state["projections"]], np.float32)
        assert np.array_equal(got, table.loc[ids].to_numpy()), state["label"]
        assert state["selectedProjection"] != "tsne"
        seen.append(file)
    assert seen[:6] == ["pca", "tsne", "umap", "pca_3d", "umap_3d", "axis"]
    assert len(seen) == (9 if (name, layer) in TENSORS else 6)


@pytest.mark.parametrize(("name", "layer"), TENSORS)
def test_the_leading_confusions_have_exactly_their_mistakes_selected(run_folder: MadeRun, predicted: pd.DataFrame, name: str, layer: str) -> None:
    ids, states = shown(run_folder.path, name, layer)
    t, p = predicted["label"].to_numpy(), predicted["prediction"].to_numpy()
    both = {(a, b): int((((t == a) & (p == b)) | ((t == b) & (p == a))).sum()) for a in range(10) for b in range(a + 1, 10)}
    leading = sorted(both, key=lambda pair: (-both[pair], pair))[:3]
    names = predicted.groupby("label")["true"].first()
    here = predicted.loc[ids]
    for state, (a, b) in zip(states[6:], leading, strict=True):
        one, other = ((here["label"] == x) & (here["prediction"] == y) for x, y in ((a, b), (b, a)))
        assert state["selectedPoints"] == np.flatnonzero(one | other).tolist()
        of = [int(((t == x) & (p == y)).sum()) for x, y in ((a, b), (b, a))]
        for x, y, shown_here, every in ((a, b, one.sum(), of[0]), (b, a, other.sum(), of[1])):
            assert f"{names[x]} → {names[y]} {shown_here}" + (f" of {every}" if shown_here < every else "") in state["label"]
        assert state["selectedLabelOption"] == "pair"
        assert state["selectedColorOptionName"] == "label"


@pytest.mark.parametrize(("name", "layer"), MISTAKES)
def test_the_mistakes_alone_are_all_wrong_images_and_no_other(run_folder: MadeRun, predicted: pd.DataFrame, name: str, layer: str) -> None:
    folder = run_folder.path / "projector"
    columns, rows = read_as_page((folder / f"{name}.tsv").read_bytes())
    ids = [row["sample_id"] for row in rows]
    assert sorted(ids) == sorted(predicted.index[~predicted["correct"]])
    assert {"label", "predicted", "pair"} <= set(columns)
    assert all(row["label"] == predicted.loc[i, "true"] and row["pair"] == predicted.loc[i, "pair"] for i, row in zip(ids, rows, strict=True))
    with gzip.open(DATASET / "t10k-images-idx3-ubyte.gz") as f:
        raw = np.frombuffer(f.read()[16:], np.uint8).reshape(-1, 28, 28)[[int(i.split("/")[1]) for i in ids]]
    with Image.open(folder / f"{name}.png") as sheet:
        side = sheet.size[0] // 28
        thumbs = np.asarray(sheet).reshape(side, 28, side, 28).swapaxes(1, 2).reshape(-1, 28, 28)[: len(ids)]
    assert np.array_equal(thumbs, 255 - raw)  # dark on white, as all thumbnails
    if layer == "pixels":
        values = np.fromfile(folder / f"{name}.bytes", "<f4").reshape(len(ids), -1)
        assert np.array_equal(values.ravel()[1:], raw.reshape(len(ids), -1).ravel()[1:].astype(np.float32))


def test_maps_in_3d_are_scored_and_drawn_nowhere_else(run_folder: MadeRun) -> None:
    run = run_folder.path
    table = pd.read_csv(run / "tables/faithfulness_3d.csv")
    flat = pd.read_csv(run / "tables/faithfulness.csv").set_index(["representation", "method"])
    assert list(zip(table["representation"], table["method"], strict=True)) == [(layer, method) for layer in LAYERS for method in ("PCA", "UMAP")]
    for row in table.to_dict("records"):
        assert row["recall_low"] <= row["recall"] <= row["recall_high"]
        if row["method"] == "PCA":  # a third axis can only help
            assert row["recall"] > flat.loc[(row["representation"], "PCA"), "recall"]
    assert not list((run / "figures").glob("*3d*"))
    for layer in LAYERS:
        flat_pca, solid = (pd.read_csv(run / f"projections/{layer}_{name}.csv") for name in ("pca", "pca_3d"))
        assert flat_pca[["sample_id", "x", "y"]].equals(solid[["sample_id", "x", "y"]])


def test_every_run_ships_the_articles_plane_and_says_how_it_separates(run_folder: MadeRun, predicted: pd.DataFrame) -> None:
    run = run_folder.path
    table = pd.read_csv(run / "tables/axes.csv")
    assert list(table["representation"]) == [layer for layer in LAYERS for _ in range(2)]
    footwear, tops = ("Sandal", "Sneaker", "Ankle boot"), ("T-shirt/top", "Pullover", "Coat", "Shirt")
    for row in table.to_dict("records"):
        left, right = (("Trouser",), ("Bag",)) if row["axis"] == "x" else (footwear, tops)
        at = pd.read_csv(run / f"projections/{row['representation']}_axis.csv").set_index("sample_id")[row["axis"]]
        names = predicted.loc[at.index, "true"]
        assert (row["n_left"], row["n_right"]) == (names.isin(left).sum(), names.isin(right).sum())
        used = names.isin((*left, *right)).to_numpy()
        flattering = roc_auc_score(names[used].isin(right), at[used])
        assert row["low"] <= row["auc"] <= row["high"] <= 1
        assert abs(row["auc"] - flattering) < 0.02
    said = run_folder.completed.out
    assert "axis x: Trouser → Bag: AUC " in said
    assert "left Trouser, right Bag, down /Sandal|Sneaker|Ankle boot/, up /T-shirt/top|Pullover|Coat|Shirt/" in said
    about = Manifest.load(run).about["findings"]
    assert "left Trouser" in about["for the Projector's Custom tab"]
    report = (run / "report.html").read_text(encoding="utf-8")
    assert "left Trouser, right Bag" in report
    assert "Custom axes" in report
    for layer in LAYERS:
        drawn = (run / f"figures/axis_{layer}.svg").read_text(encoding="utf-8")
        assert ">← Trouser<" in drawn
        assert ">Bag →<" in drawn
        assert (run / f"figures/axis_{layer}.png").exists()


def test_an_axis_that_finds_nothing_costs_nothing(tmp_path: Path) -> None:
    done = call(tmp_path, "train-and-export", "--axis", "Pullover:Hat", "--out", "run", "--cache-dir", "cache")
    assert done.code == 2
    assert "Hat finds none of the labels" in done.error
    assert "T-shirt/top, Trouser, Pullover" in done.error
    assert not (tmp_path / "run").exists()


def test_own_axes_replace_the_default_and_stand_in_config_toml(tmp_path: Path, run_folder: MadeRun) -> None:
    words = ("export", "--predictions", str(run_folder.path / "predictions.csv"), "--points", "200", "--methods", "pca", "--cache-dir", "cache", "--flat-only")
    done = call(tmp_path, *words, "--axis", "Pullover:Coat", "--axis", r"/^Shirt$/:T-shirt", "--out", "two")
    assert done.code == 0, done.err
    table = pd.read_csv(tmp_path / "two/tables/axes.csv")
    assert list(zip(table["left"], table["right"], strict=True)) == [("Pullover", "Coat"), ("/^Shirt$/", "T-shirt")]
    assert 'axis = ["Pullover:Coat", "/^Shirt$/:T-shirt"]' in (tmp_path / "two/config.toml").read_text()
    assert not list((tmp_path / "two/projections").glob("*_3d.csv"))
    (state,) = (s for s in shown(tmp_path / "two", "00_pixels", "pixels")[1] if s["selectedProjection"] == "custom")
    assert [state[f"custom{field}Text"] for field in ("XLeft", "XRight", "YDown", "YUp")] == ["Pullover", "Coat", "^Shirt$", "T-shirt"]
    assert [state[f"custom{field}Regex"] for field in ("XLeft", "XRight", "YDown", "YUp")] == [False, False, True, False]
