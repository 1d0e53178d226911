"""IDX: what the writer writes the reader reads, and no mutation of the bytes gives anything but data or a named refusal."""

from __future__ import annotations

import gzip
import io
import struct
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from fmnist_viz.core.errors import BadInput, ResourceError, UnsafeInput, VizError
from fmnist_viz.data import DataConfig, load
from fmnist_viz.data.gate import Limit
from fmnist_viz.data.idx import DTYPES, read_idx, write_idx

FAST = settings(max_examples=150, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
DTYPE = st.sampled_from([np.dtype(name).newbyteorder("=") for name in DTYPES.values()])


def as_bytes(array: np.ndarray) -> bytes:
    out = io.BytesIO()
    write_idx(out, array)
    return out.getvalue()


@FAST
@given(
    array=DTYPE.flatmap(lambda d: hnp.arrays(d, hnp.array_shapes(min_dims=3, max_dims=4, min_side=1, max_side=5))),
    packed=st.booleans(),
)
def test_reader_inverts_writer_for_every_dtype(array: np.ndarray, packed: bool, tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(gzip.compress(as_bytes(array)) if packed else as_bytes(array))
    got = read_idx(path, "images", limit=Limit(10**6)).array
    assert got.dtype == array.dtype
    assert got.dtype.isnative
    np.testing.assert_array_equal(got, array)


def test_payload_hash_does_not_see_the_container(tmp_path: Path) -> None:
    data = as_bytes(np.arange(48, dtype=np.uint8).reshape(3, 4, 4))
    hashes = set()
    for i, content in enumerate([data, gzip.compress(data, 1), gzip.compress(data, 9), gzip.compress(data[:20]) + gzip.compress(data[20:])]):
        (tmp_path / str(i)).write_bytes(content)
        hashes.add(read_idx(tmp_path / str(i), "images", limit=Limit(1000)).payload_sha256)
    assert len(hashes) == 1


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    """A small image file with bytes changed, cut out or put in, inside or outside its gzip wrapping."""
    data = bytearray(as_bytes(np.arange(6 * 9, dtype=np.uint8).reshape(6, 3, 3)))

    def mutate(data: bytearray) -> bytearray:
        for _ in range(draw(st.integers(0, 3))):
            at = draw(st.integers(0, min(len(data) - 1, 40)) if draw(st.booleans()) else st.integers(0, len(data) - 1))
            match draw(st.sampled_from(["set", "cut", "insert", "end"])):
                case "set":
                    data[at] = draw(st.integers(0, 255))
                case "cut":
                    del data[at : at + draw(st.integers(1, 8))]
                case "insert":
                    data[at:at] = draw(st.binary(min_size=1, max_size=8))
                case "end":
                    del data[at:]
            if not data:
                break
        return data

    data = mutate(data)
    if draw(st.booleans()):
        data = bytearray(gzip.compress(bytes(data)))
        data = mutate(data)
    return bytes(data)


@settings(FAST, max_examples=400)
@given(content=mutated(), trailing=st.booleans())
def test_mutated_bytes_give_data_or_a_named_refusal(content: bytes, trailing: bool, tmp_path: Path) -> None:
    for name, body in {
        "train-images-idx3-ubyte": content,
        "train-labels-idx1-ubyte": as_bytes(np.arange(6, dtype=np.uint8)),
        "t10k-images-idx3-ubyte": as_bytes(np.zeros((2, 3, 3), np.uint8)),
        "t10k-labels-idx1-ubyte": as_bytes(np.zeros(2, np.uint8)),
    }.items():
        (tmp_path / name).write_bytes(body)
    try:
        data = load(DataConfig(data=f"idx:{tmp_path}", allow_trailing=trailing, max_bytes=10**8))
    except (BadInput, UnsafeInput, ResourceError):
        return
    assert data.train is not None
    assert data.train.images.shape == (6, 3, 3, 1)


def four(folder: Path, images: np.ndarray, labels: np.ndarray, *, suffix: bytes = b"") -> Path:
    for split in ("train", "t10k"):
        (folder / f"{split}-images-idx3-ubyte").write_bytes(as_bytes(images) + suffix)
        (folder / f"{split}-labels-idx1-ubyte").write_bytes(as_bytes(labels))
    return folder


IMAGES = np.random.default_rng(1).integers(0, 256, (5, 3, 3), dtype=np.uint8)
LABELS = np.array([0, 3, 1, 1, 0], np.uint8)


def test_classes_are_numbered_and_ids_are_original_rows(tmp_path: Path) -> None:
    data = load(DataConfig(data=f"idx:{four(tmp_path, IMAGES, LABELS)}"))
    assert data.class_names == ("0", "1", "2", "3")
    assert data.train is not None
    assert data.train.sample_ids[3] == "train/3"
    assert data.test.sample_ids[0] == "test/0"
    assert not data.source.official
    assert str(tmp_path.parent) not in repr(data.source)


@pytest.mark.parametrize(
    ("array", "note"),
    [
        (IMAGES.astype(np.int16), "int16"),
        (IMAGES.astype(np.float32), "float32"),
        ((IMAGES / 255).astype(np.float32), "multiplied by 255"),
    ],
)
def test_other_dtypes_give_the_same_pixels_and_are_said(array: np.ndarray, note: str, tmp_path: Path) -> None:
    data = load(DataConfig(data=f"idx:{four(tmp_path, array, LABELS)}"))
    np.testing.assert_array_equal(data.test.images[..., 0], IMAGES)
    assert any(note in text for text in data.source.notes)


def test_colour_images_have_a_fourth_dimension(tmp_path: Path) -> None:
    colour = np.random.default_rng(2).integers(0, 256, (5, 3, 3, 3), dtype=np.uint8)
    np.testing.assert_array_equal(load(DataConfig(data=f"idx:{four(tmp_path, colour, LABELS)}")).test.images, colour)


def test_trailing_bytes_pass_only_when_allowed_and_are_said(tmp_path: Path) -> None:
    config = DataConfig(data=f"idx:{four(tmp_path, IMAGES, LABELS, suffix=b'more')}", allow_trailing=True)
    assert any("ignored" in note for note in load(config).source.notes)


def test_one_split_is_the_test_split(tmp_path: Path) -> None:
    four(tmp_path, IMAGES, LABELS)
    for name in ("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"):
        (tmp_path / name).unlink()
    data = load(DataConfig(data=f"idx:{tmp_path}"))
    assert data.train is None
    assert len(data.test) == 5
    assert any("train split only" in note for note in data.source.notes)


def test_a_promise_allocates_no_more_than_the_file_can_fill(tmp_path: Path) -> None:
    """8 GB promised by 60 bytes: refused although below the limit, and without taking the memory."""
    import tracemalloc

    path = tmp_path / "x"
    path.write_bytes(gzip.compress(b"\0\0\x08\x03" + struct.pack(">3I", 10**7, 28, 28) + bytes(100)))
    tracemalloc.start()
    with pytest.raises(VizError, match="header promises 7,840,000,000 bytes"):
        read_idx(path, "images", limit=Limit(2**33))
    assert tracemalloc.get_traced_memory()[1] < 10**7
    tracemalloc.stop()
