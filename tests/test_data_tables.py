"""npz and csv sources: the same pixels come out as went in, whatever the dtype, and the rules are said."""

from __future__ import annotations

import io
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fmnist_viz.core.errors import BadInput, ResourceError, UnsafeInput
from fmnist_viz.data import DataConfig, describe, load

RNG = np.random.default_rng(3)
X = RNG.integers(0, 256, (9, 4, 4), dtype=np.uint8)
Y = np.arange(9) % 3


def saved(folder: Path, **arrays: object) -> DataConfig:
    np.savez_compressed(folder / "f.npz", **{key: np.asarray(value) for key, value in arrays.items()})
    return DataConfig(data=f"npz:{folder / 'f.npz'}")


@pytest.mark.parametrize(
    ("x", "note"),
    [
        (X, ""),
        (np.asfortranarray(X), ""),
        (X[..., None], ""),
        (X.reshape(9, 16), ""),
        (X.astype(np.int64), "int64"),
        (X.astype(np.float32), "float32"),
        (X.astype(">u2"), "uint16"),
        (X / 255, "multiplied by 255"),
        ((X / 255).astype(np.float16), "multiplied by 255"),
    ],
)
def test_npz_gives_the_pixels_that_were_saved(x: np.ndarray, note: str, tmp_path: Path) -> None:
    data = load(saved(tmp_path, x_train=x, y_train=Y, x_test=x[:5], y_test=Y[:5].astype(np.uint8)[:, None]))
    assert data.train is not None
    np.testing.assert_array_equal(data.train.images[..., 0], X)
    assert data.test.labels.tolist() == Y[:5].tolist()
    assert note in "".join(data.source.notes)
    assert data.source.location == "npz file f.npz"


def test_dark_test_split_is_scaled_as_its_training_split(tmp_path: Path) -> None:
    dark = np.ones((2, 4, 4), np.float32)  # within [0, 1] by chance: the training split says that it is 0..255
    data = load(saved(tmp_path, x_train=X.astype(np.float32), y_train=Y, x_test=dark, y_test=[0, 1]))
    assert data.test.images.max() == 1


def test_npz_of_one_split_and_names(tmp_path: Path) -> None:
    colour = RNG.integers(0, 256, (9, 4, 4, 3), dtype=np.uint8)
    data = load(saved(tmp_path, x=colour, y=Y, class_names=["</script>", "$x$", "é", "unused"]))
    assert data.train is None
    assert data.class_names[0] == "</script>"
    np.testing.assert_array_equal(data.test.images, colour)
    assert describe(data)["splits"]["test"]["class_counts"]["unused"] == 0


def test_equal_payload_has_equal_sha_in_every_container(tmp_path: Path) -> None:
    from fmnist_viz.data.idx import write_idx

    npz = load(saved(tmp_path, x_train=X, y_train=Y, x_test=X, y_test=Y))
    for split in ("train", "t10k"):
        for what, array in (("images-idx3", X), ("labels-idx1", Y.astype(np.uint8))):
            with open(tmp_path / f"{split}-{what}-ubyte", "wb") as file:
                write_idx(file, array)
    idx = load(DataConfig(data=f"idx:{tmp_path}"))
    for split in ("train", "test"):
        write_csv(tmp_path / f"{split}.csv", X, Y)
    csv = load(DataConfig(data=f"csv:{tmp_path}"))
    assert npz.source.sha256 == idx.source.sha256 == csv.source.sha256


@settings(max_examples=300, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(draw=st.data())
def test_mutated_npz_gives_data_or_a_named_refusal(draw: st.DataObject, tmp_path: Path) -> None:
    out = io.BytesIO()
    np.savez(out, x=X, y=Y.astype(np.uint8))
    data = bytearray(out.getvalue())
    for _ in range(draw.draw(st.integers(1, 3))):
        near_header = draw.draw(st.booleans())
        data[draw.draw(st.integers(0, 200 if near_header else len(data) - 1))] = draw.draw(st.integers(0, 255))
    (tmp_path / "m.npz").write_bytes(data[: draw.draw(st.integers(0, len(data)))] if draw.draw(st.booleans()) else data)
    try:
        got = load(DataConfig(data=f"npz:{tmp_path / 'm.npz'}", max_bytes=10**8))
    except (BadInput, UnsafeInput, ResourceError):
        return
    assert len(got.test) == 9


def write_csv(path: Path, images: np.ndarray, labels: np.ndarray) -> None:
    flat = images.reshape(len(images), -1)
    head = "label," + ",".join(f"pixel{i + 1}" for i in range(flat.shape[1]))
    np.savetxt(path, np.column_stack([labels, flat]), fmt="%d", delimiter=",", header=head, comments="")


def test_kaggle_files_have_fashion_names_and_keep_their_row_order(tmp_path: Path) -> None:
    write_csv(tmp_path / "fashion-mnist_train.csv", X, Y)
    write_csv(tmp_path / "fashion-mnist_test.csv", X[::-1], Y[::-1])
    data = load(DataConfig(data=f"csv:{tmp_path}"))
    assert data.class_names[2] == "Pullover"
    np.testing.assert_array_equal(data.test.images[..., 0], X[::-1])
    assert not data.source.official
    assert any("9 rows, the published one 60,000" in note for note in data.source.notes)


def test_csv_spans_chunks_and_is_fast(tmp_path: Path) -> None:
    images = RNG.integers(0, 256, (10_000, 10, 10), dtype=np.uint8)
    labels = RNG.integers(0, 5, 10_000)
    write_csv(tmp_path / "test.csv", images, labels)
    start = time.process_time()
    data = load(DataConfig(data=f"csv:{tmp_path}"))
    assert time.process_time() - start < 5
    np.testing.assert_array_equal(data.test.images[..., 0], images)
    np.testing.assert_array_equal(data.test.labels, labels)
    assert data.test.sample_ids[-1] == "test/9999"


def test_resize_is_said_and_joins_splits_of_different_shape(tmp_path: Path) -> None:
    config = saved(tmp_path, x_train=X, y_train=Y, x_test=np.zeros((3, 6, 6), np.uint8), y_test=[0, 1, 2])
    data = load(DataConfig(data=config.data, resize=4))
    assert data.train is not None
    np.testing.assert_array_equal(data.train.images[..., 0], X)
    assert data.test.images.shape == (3, 4, 4, 1)
    assert any("from 6x6 to 4x4" in note for note in data.source.notes)
