"""The bad-input table: each row makes a file, and says which error, exit code and words a person must get."""

from __future__ import annotations

import gzip
import io
import os
import pickle
import struct
import sys
import unicodedata
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fmnist_viz.core.errors import BadInput, ResourceError, UnsafeInput, VizError
from fmnist_viz.data import DataConfig, load
from fmnist_viz.data.idx import write_idx

Maker = Callable[[Path], DataConfig]
RNG = np.random.default_rng(0)
IMAGES = RNG.integers(0, 256, (12, 4, 4), dtype=np.uint8)
LABELS = (np.arange(12) % 3).astype(np.uint8)
TRAIN_IMAGES = "train-images-idx3-ubyte"
LFS = b"version https://git-lfs.github.com/spec/v1\noid sha256:abc\nsize 12\n"
HTML = b"<!DOCTYPE html><html><head><title>404 Not Found</title></head></html>"


def idx_bytes(array: np.ndarray) -> bytes:
    out = io.BytesIO()
    write_idx(out, array)
    return out.getvalue()


def write_four(folder: Path, **replaced: np.ndarray | bytes | None) -> Path:
    """Four small gzipped IDX files; a replacement is an array, the raw bytes of the file, or None (leave it out)."""
    contents: dict[str, np.ndarray | bytes | None] = {
        "train_images": IMAGES,
        "train_labels": LABELS,
        "t10k_images": IMAGES[:6],
        "t10k_labels": LABELS[:6],
        **replaced,
    }
    folder.mkdir(exist_ok=True)
    for key, content in contents.items():
        split, what = key.split("_")
        name = f"{split}-{what}-idx{3 if what == 'images' else 1}-ubyte.gz"
        if content is not None:
            (folder / name).write_bytes(content if isinstance(content, bytes) else gzip.compress(idx_bytes(content)))
    return folder


def idx(**replaced: np.ndarray | bytes | None) -> Maker:
    return lambda tmp: DataConfig(data=f"idx:{write_four(tmp / 'd', **replaced)}")


def header(*dims: int, code: int = 8, body: bytes = b"") -> bytes:
    return gzip.compress(bytes([0, 0, code, len(dims)]) + struct.pack(f">{len(dims)}I", *dims) + body)


WHOLE = gzip.compress(idx_bytes(IMAGES))
PLAIN_EXTRA = idx_bytes(IMAGES) + b"x" * 12_345


def flipped(data: bytes, at: int) -> bytes:
    return data[:at] + bytes([data[at] ^ 0x55]) + data[at + 1 :]


IDX_ROWS = [
    ("01-missing-folder", lambda tmp: DataConfig(data=f"idx:{tmp}/none"), BadInput, "FOLDER-MISSING", ["none", "no such folder"]),
    ("01-missing-file", idx(train_images=None), BadInput, "IDX-MISSING", [TRAIN_IMAGES, "not found"]),
    ("01-missing-all", idx(train_images=None, train_labels=None, t10k_images=None, t10k_labels=None), BadInput, "IDX-MISSING", ["not found"]),
    ("02-empty", idx(train_images=b""), BadInput, "FILE-EMPTY", [TRAIN_IMAGES, "is empty", "Fetch"]),
    ("03-html", idx(train_images=HTML), BadInput, "FILE-HTML", [TRAIN_IMAGES, "HTML", "download failed"]),
    ("03-html-in-gzip", idx(train_images=gzip.compress(HTML)), BadInput, "FILE-HTML", ["HTML"]),
    ("04-lfs", idx(train_images=LFS), BadInput, "FILE-LFS", ["git-lfs pointer", "git lfs pull"]),
    ("05-cut", idx(train_images=WHOLE[:-40]), BadInput, "IDX-TRUNCATED", ["header promises 192 bytes", "ends after"]),
    ("05-cut-in-trailer", idx(train_images=WHOLE[:-4]), BadInput, "IDX-TRUNCATED", ["ends early"]),
    ("05-cut-in-gzip-header", idx(train_images=WHOLE[:6]), BadInput, "IDX-TRUNCATED", ["ends early"]),
    ("05-cut-in-idx-header", idx(train_images=gzip.compress(idx_bytes(IMAGES)[:10])), BadInput, "IDX-TRUNCATED", ["10 of 16 bytes"]),
    ("06-crc", idx(train_images=flipped(WHOLE, -6)), BadInput, "GZIP-CHECKSUM", ["CRC", "Fetch"]),
    ("07-gzip-twice", idx(train_images=gzip.compress(WHOLE)), BadInput, "GZIP-TWICE", ["twice", "gunzip"]),
    ("08-swapped-images", idx(train_images=LABELS), BadInput, "IDX-SWAPPED", ["0x00000801", "labels", "swapped"]),
    ("08-swapped-labels", idx(train_labels=IMAGES), BadInput, "IDX-SWAPPED", ["0x00000803", "images"]),
    ("08-not-idx", idx(train_images=gzip.compress(b"hello world, no IDX")), BadInput, "FILE-KIND", ["68 65 6c 6c"]),
    ("09-fewer-rows", idx(train_images=header(60000, 4, 4, body=bytes(160))), BadInput, "IDX-TRUNCATED", ["60,000 rows", "(10 rows)"]),
    ("10-trailing-gz", idx(train_images=gzip.compress(PLAIN_EXTRA)), BadInput, "IDX-TRAILING", ["extra bytes", "--allow-trailing"]),
    ("10-trailing-plain", idx(train_images=PLAIN_EXTRA), BadInput, "IDX-TRAILING", ["12,345 extra bytes"]),
    ("11-no-images", idx(train_images=header(0, 28, 28)), BadInput, "IDX-EMPTY", ["no images", "0x28x28"]),
    ("12-huge", idx(train_images=header(2**32 - 1, 28, 28)), ResourceError, "DATA-LIMIT", ["3,367,254,359,280 bytes", "8,589,934,592"]),
    ("13-overflow", idx(train_images=header(65535, 65535, 65535, 65535)), ResourceError, "DATA-LIMIT", ["limit"]),
    ("13-promise-beyond-deflate", idx(train_images=header(10**6, 28, 28)), BadInput, "IDX-TRUNCATED", ["784,000,000 bytes", "(0 rows)"]),
    ("14-bomb", idx(train_images=header(12, 4, 4, body=bytes(40_000_000))), BadInput, "IDX-TRAILING", ["follow the 192"]),
    ("15-unknown-dtype", idx(train_images=header(12, 4, 4, code=0x0A, body=bytes(192))), BadInput, "IDX-DTYPE", ["0x0A", "known"]),
    ("15-int16-range", idx(train_images=IMAGES.astype(np.int16) - 300), BadInput, "PIXEL-RANGE", ["0..255"]),
    ("15-float-nan", idx(train_images=np.where(IMAGES[3, 0, 0] == IMAGES, np.nan, 0).astype(np.float32)), BadInput, "PIXEL-NONFINITE", ["NaN", "rows"]),
    ("15-two-dimensions", idx(train_images=header(12, 16, body=bytes(192))), BadInput, "IDX-DIMENSIONS", ["2 dimensions"]),
    ("16-counts", idx(train_labels=LABELS[:11]), BadInput, "COUNT-MISMATCH", ["12 images", "11 labels"]),
    ("17-negative-label", idx(train_labels=np.where(LABELS == 2, -1, LABELS).astype(np.int8)), BadInput, "LABEL-RANGE", ["label -1 at row 2", "labels-idx1"]),
    ("18-shapes", idx(t10k_images=np.zeros((6, 5, 5), np.uint8)), BadInput, "SHAPE-MISMATCH", ["4x4x1", "5x5x1"]),
    ("54-classes", idx(train_labels=np.where(LABELS == 2, 70_000, LABELS.astype(np.int32)).astype(np.int32)), BadInput, "LABEL-RANGE", ["70000"]),
    ("p16-pickle", idx(train_images=pickle.dumps([1, 2])), UnsafeInput, "PICKLE", ["pickle", "never loaded"]),
    ("50-folder-for-file", lambda tmp: _folder_for_file(tmp), BadInput, "FILE-SPECIAL", ["no regular file"]),
    ("36-fifo-for-file", lambda tmp: _fifo_for_file(tmp), BadInput, "FILE-SPECIAL", ["no regular file"]),
]


def _folder_for_file(tmp: Path) -> DataConfig:
    folder = write_four(tmp / "d", train_images=None)
    (folder / TRAIN_IMAGES).mkdir()
    return DataConfig(data=f"idx:{folder}")


def _fifo_for_file(tmp: Path) -> DataConfig:
    folder = write_four(tmp / "d", train_images=None)
    os.mkfifo(folder / TRAIN_IMAGES)
    return DataConfig(data=f"idx:{folder}")


# --- npz -------------------------------------------------------------------------------------------------------------

ARRAYS = {"x_train": IMAGES, "y_train": LABELS, "x_test": IMAGES[:6], "y_test": LABELS[:6]}


def npz(*, max_bytes: int = 2**33, **replaced: object) -> Maker:
    def make(tmp: Path) -> DataConfig:
        arrays = {key: np.asarray(value) for key, value in {**ARRAYS, **replaced}.items() if value is not None}
        np.savez_compressed(tmp / "f.npz", **arrays)
        return DataConfig(data=f"npz:{tmp / 'f.npz'}", max_bytes=max_bytes)

    return make


def npy_bytes(array: np.ndarray, **header_changes: object) -> bytes:
    out = io.BytesIO()
    d = {"descr": np.lib.format.dtype_to_descr(array.dtype), "fortran_order": False, "shape": array.shape, **header_changes}
    np.lib.format.write_array_header_1_0(out, d)
    return out.getvalue() + array.tobytes()


def raw_npz(*members: tuple[str, bytes], flags: int = 0) -> Maker:
    """An archive with exactly these members on top of the good ones that they do not replace."""

    def make(tmp: Path) -> DataConfig:
        path = tmp / "f.npz"
        with warnings.catch_warnings(), zipfile.ZipFile(path, "w") as archive:
            warnings.simplefilter("ignore")
            for name, array in ARRAYS.items():
                if f"{name}.npy" not in [member for member, _ in members]:
                    archive.writestr(f"{name}.npy", npy_bytes(array))
            for name, content in members:
                archive.writestr(name, content)
        if flags:
            data = bytearray(path.read_bytes())
            at = data.find(b"PK\x01\x02")
            data[at + 8] |= flags
            path.write_bytes(bytes(data))
        return DataConfig(data=f"npz:{path}")

    return make


def file(name: str, content: bytes, source: str = "npz") -> Maker:
    def make(tmp: Path) -> DataConfig:
        (tmp / name).write_bytes(content)
        return DataConfig(data=f"{source}:{tmp / name}")

    return make


NPZ_ROWS = [
    ("01-missing", lambda tmp: DataConfig(data=f"npz:{tmp}/none.npz"), BadInput, "FILE-MISSING", ["none.npz", "not found"]),
    ("02-empty", file("f.npz", b""), BadInput, "FILE-EMPTY", ["is empty"]),
    ("03-html", file("f.npz", HTML), BadInput, "FILE-HTML", ["HTML"]),
    ("21-objects", raw_npz(("x_train.npy", npy_bytes(np.arange(3), descr="|O"))), UnsafeInput, "NPY-OBJECTS", ["x_train", "never loaded"]),
    ("22-pickle", file("f.npz", pickle.dumps({"x": 1})), UnsafeInput, "PICKLE", ["pickle"]),
    ("22-pickle-member", raw_npz(("x_train.npy", pickle.dumps({"x": 1}))), UnsafeInput, "PICKLE", ["x_train", "pickle"]),
    ("22-npy", file("f.npz", npy_bytes(IMAGES)), BadInput, "FILE-KIND", ["one .npy array"]),
    ("23-truncated", raw_npz(("x_train.npy", npy_bytes(IMAGES)[:-25])), BadInput, "NPY-TRUNCATED", ["expected 192 elements", "167 bytes"]),
    ("23-trailing", raw_npz(("x_train.npy", npy_bytes(IMAGES) + b"abc")), BadInput, "NPY-TRAILING", ["195 bytes"]),
    ("24-huge-shape", raw_npz(("x_train.npy", npy_bytes(IMAGES, shape=(10**11, 4)))), ResourceError, "DATA-LIMIT", ["400,000,000,000 bytes"]),
    ("25-negative", raw_npz(("x_train.npy", npy_bytes(IMAGES, shape=(-12, 4, 4)))), BadInput, "NPY-HEADER", ["negative"]),
    ("25-header", raw_npz(("x_train.npy", b"\x93NUMPY\x01\x00\x10\x00{'descr': '<u1'\n")), BadInput, "NPY-HEADER", ["header"]),
    ("26-bomb", npz(x_train=np.zeros((5000, 40, 40), np.uint8), max_bytes=10**6), ResourceError, "DATA-LIMIT", ["8,000,000 bytes", "1,000,000"]),
    ("27-keys", npz(x_train=None, y_train=None, a=LABELS), BadInput, "NPZ-KEYS", ["found", "a", "x_train, y_train missing"]),
    ("28-path", raw_npz(("../x.npy", npy_bytes(LABELS))), UnsafeInput, "NPZ-PATH", ["outside"]),
    ("28-duplicate", raw_npz(("x.npy", npy_bytes(LABELS)), ("x.npy", npy_bytes(LABELS))), UnsafeInput, "NPZ-DUPLICATE", ["twice"]),
    ("28-encrypted", raw_npz(flags=1), UnsafeInput, "NPZ-ENCRYPTED", ["encrypted"]),
    ("29-nan", npz(x_train=np.where(IMAGES[3, 0, 0] == IMAGES, np.nan, 0.5)), BadInput, "PIXEL-NONFINITE", ["NaN", "rows"]),
    ("30-overflow", npz(x_train=IMAGES * 1e300), BadInput, "PIXEL-RANGE", ["e+302"]),
    ("30-standardised", npz(x_train=IMAGES / 128.0 - 1), BadInput, "PIXEL-RANGE", ["-1"]),
    ("31-complex", npz(x_train=IMAGES * 1j), BadInput, "NPY-DTYPE", ["complex128"]),
    ("31-text", npz(x_train=IMAGES.astype("U3")), BadInput, "PIXEL-DTYPE", ["no pixels"]),
    ("32-one-dimension", npz(x_train=LABELS), BadInput, "IMAGE-SHAPE", ["(12,)", "(n, h, w)"]),
    ("32-no-square", npz(x_train=np.zeros((12, 17), np.uint8)), BadInput, "IMAGE-SHAPE", ["(12, 17)"]),
    ("32-two-channels", npz(x_train=np.zeros((12, 4, 4, 2), np.uint8)), BadInput, "IMAGE-SHAPE", ["(12, 4, 4, 2)"]),
    ("35-counts", npz(y_train=LABELS[:5]), BadInput, "COUNT-MISMATCH", ["12 images", "5 labels"]),
    ("17-one-hot", npz(y_train=np.eye(3)[LABELS]), BadInput, "LABEL-SHAPE", ["(12, 3)", "argmax"]),
    ("17-fraction", npz(y_train=LABELS + 0.5), BadInput, "LABEL-DTYPE", ["0.5 at row 0"]),
    ("17-above-names", npz(class_names=["a", "b"]), BadInput, "LABEL-RANGE", ["label 2 at row 2", "0..1"]),
    ("54-classes", npz(y_train=LABELS.astype(np.uint64) * 2**62), BadInput, "LABEL-RANGE", ["y_train"]),
    ("71-twins", npz(class_names=["é", unicodedata.normalize("NFD", "é"), "c"]), BadInput, "CLASS-TWINS", ["two Unicode spellings"]),
    ("71-duplicates", npz(class_names=["a", "b", "a"]), BadInput, "CLASS-TWINS", ["'a' twice"]),
    ("71-names-dtype", npz(class_names=[1, 2, 3]), BadInput, "CLASS-NAMES", ["int64"]),
]


# --- csv -------------------------------------------------------------------------------------------------------------

HEAD = "label," + ",".join(f"pixel{i}" for i in range(1, 5))


def csv(*lines: str, name: str = "train.csv", head: str = HEAD) -> Maker:
    def make(tmp: Path) -> DataConfig:
        (tmp / name).write_text("\n".join([head, *lines]) + "\n")
        return DataConfig(data=f"csv:{tmp}")

    return make


CSV_ROWS = [
    ("missing", lambda tmp: DataConfig(data=f"csv:{tmp}"), BadInput, "CSV-MISSING", ["train.csv"]),
    ("empty", csv(), BadInput, "CSV-EMPTY", ["no images"]),
    ("no-header", csv("1,2,3,4,5", head="0,1,2,3,4"), BadInput, "CSV-HEADER", ["label,pixel1"]),
    ("no-square", csv("1,2,3", head="label,pixel1,pixel2"), BadInput, "CSV-HEADER", ["2 pixel columns", "square"]),
    ("short-row", csv("1,2,3,4,5", "1,2,3"), BadInput, "CSV-FIELDS", ["row 1", "field 4 of 5"]),
    ("long-row", csv("1,2,3,4,5", "1,2,3,4,5,6"), BadInput, "CSV-FIELDS", ["train.csv"]),
    ("long-rows", csv("1,2,3,4,5,6", "1,2,3,4,5,6"), BadInput, "CSV-FIELDS", ["train.csv", "5 fields"]),
    ("longer-rows", csv("1,2,3,4,5,6,7", "1,2,3,4,5,6,7"), BadInput, "CSV-FIELDS", ["train.csv", "5 fields"]),
    ("text", csv("1,2,3,4,5", "1,2,x,4,5"), BadInput, "CSV-VALUE", ["row 1, field 3", "'x'"]),
    ("fraction", csv("1,2,3.5,4,5"), BadInput, "CSV-VALUE", ["row 0, field 3", "3.5"]),
    ("pixel-range", csv("1,2,3,4,5", "1,2,3,4,256"), BadInput, "PIXEL-RANGE", ["row 1", "256"]),
    ("label-range", csv("10,2,3,4,5", name="fashion-mnist_train.csv"), BadInput, "LABEL-RANGE", ["label 10 at row 0", "0..9"]),
    ("label-negative", csv("-1,2,3,4,5"), BadInput, "LABEL-RANGE", ["label -1 at row 0"]),
    ("html", csv(head=HTML.decode()), BadInput, "FILE-HTML", ["HTML"]),
    ("lfs", csv(head=LFS.decode()), BadInput, "FILE-LFS", ["git lfs pull"]),
    ("binary", csv(head="label\x00"), BadInput, "FILE-KIND", ["CSV"]),
    ("ambiguous", lambda tmp: (csv("1,2,3,4,5", name="a_train.csv")(tmp), csv("1,2,3,4,5")(tmp))[1], BadInput, "CSV-AMBIGUOUS", ["2 train files"]),
]


# --- image folders ---------------------------------------------------------------------------------------------------


def picture(mode: str = "L", size: tuple[int, int] = (6, 5), form: str = "PNG", value: object = 90) -> bytes:
    out = io.BytesIO()
    Image.new(mode, size, value).save(out, form)  # type: ignore[arg-type]
    return out.getvalue()


def noise(form: str = "PNG") -> bytes:
    out = io.BytesIO()
    Image.fromarray(RNG.integers(0, 256, (40, 40), dtype=np.uint8)).save(out, form)
    return out.getvalue()


def folder(files: dict[str, bytes | None], *, good: bool = True, **options: object) -> Maker:
    """Classes a and b with one good picture each, and `files` by relative path (None: an empty folder)."""

    def make(tmp: Path) -> DataConfig:
        everything = {"a/0.png": picture(), "b/0.png": picture(), **files} if good else files
        for name, content in everything.items():
            path = tmp / name
            (path if content is None else path.parent).mkdir(parents=True, exist_ok=True)
            if content is not None:
                path.write_bytes(content)
        return DataConfig(data=f"folder:{tmp}", **options)  # type: ignore[arg-type]

    return make


def png_header(width: int, height: int) -> bytes:
    import zlib

    body = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + body + struct.pack(">I", zlib.crc32(body)) + struct.pack(">I", 0) + b"IDAT" + b"\0" * 4


FOLDER_ROWS = [
    ("38-empty", folder({"a/1.png": b""}), BadInput, "FILE-EMPTY", ["1.png", "is empty"]),
    ("38-text", folder({"a/readme.txt": b"some words"}), BadInput, "PICTURE-FORMAT", ["readme.txt", "--skip-bad"]),
    ("38-six", folder({f"a/{i}.jpg": b"" for i in range(6)}), BadInput, "FILE-EMPTY", ["6 files", "a/0.jpg", "a/4.jpg", "and 1 more"]),
    ("38-html", folder({"a/1.png": HTML}), BadInput, "FILE-HTML", ["HTML"]),
    ("38-lfs", folder({"a/1.png": LFS}), BadInput, "FILE-LFS", ["git lfs pull"]),
    ("39-cut-png", folder({"a/1.png": noise()[:900]}), BadInput, "PICTURE-DAMAGED", ["1.png", "truncated"]),
    ("39-cut-jpeg", folder({"a/1.jpg": noise("JPEG")[:900]}), BadInput, "PICTURE-DAMAGED", ["1.jpg", "truncated"]),
    ("39-cut-header", folder({"a/1.png": noise()[:12]}), BadInput, "PICTURE-DAMAGED", ["1.png"]),
    ("40-20-megapixels", folder({"a/1.png": png_header(5000, 4000)}), ResourceError, "PICTURE-LIMIT", ["5,000 x 4,000", "16.7 million"]),
    ("40-100-megapixels", folder({"a/1.png": png_header(10_000, 10_000)}), ResourceError, "PICTURE-LIMIT", ["16.7 million"]),
    ("41-400-megapixels", folder({"a/1.png": png_header(20_000, 20_000)}), ResourceError, "PICTURE-LIMIT", ["16.7 million"]),
    ("42-eps", folder({"a/1.png": b"%!PS-Adobe-3.0 EPSF-3.0\n"}), UnsafeInput, "PICTURE-FORMAT", ["EPS", "PNG, JPEG"]),
    ("42-psd", folder({"a/1.png": b"8BPS\x00\x01"}), UnsafeInput, "PICTURE-FORMAT", ["PSD"]),
    ("42-fits", folder({"a/1.png": b"SIMPLE  =                    T"}), UnsafeInput, "PICTURE-FORMAT", ["FITS"]),
    ("42-tiff", folder({"a/1.png": picture(form="TIFF")}), UnsafeInput, "PICTURE-FORMAT", ["TIFF"]),
    ("42-pickle", folder({"a/1.png": pickle.dumps([1])}), UnsafeInput, "PICKLE", ["pickle"]),
    ("42-gravest", folder({"a/1.png": b"", "a/2.png": b"8BPS"}), UnsafeInput, "PICTURE-FORMAT", ["2 files", "a/1.png", "a/2.png"]),
    ("45-sizes", folder({"a/1.png": picture(size=(7, 7))}), BadInput, "FOLDER-SIZES", ["5x6 (2)", "7x7 (1)", "--resize"]),
    ("47-empty-class", folder({"c": None}), BadInput, "CLASS-EMPTY", ["'c' has 0 images"]),
    ("47-no-class", folder({"x.png": picture()}, good=False), BadInput, "FOLDER-CLASSES", ["no class folders"]),
    ("47-all-bad", folder({"a/1.png": b""}, good=False, skip_bad=True), BadInput, "FOLDER-EMPTY", ["no picture"]),
    ("01-missing", lambda tmp: DataConfig(data=f"folder:{tmp}/none"), BadInput, "FOLDER-MISSING", ["no such folder"]),
    ("01-file", file("f", b"x", "folder"), BadInput, "FOLDER-MISSING", ["no folder"]),
    ("13-limit", folder({}, max_bytes=50), ResourceError, "DATA-LIMIT", ["50"]),
    ("71-twins", folder({"é/0.png": picture(), unicodedata.normalize("NFD", "é") + "/0.png": picture()}), BadInput, "CLASS-TWINS", ["Unicode"]),
    ("18-test-only-class", folder({"train/a/0.png": picture(), "test/b/0.png": picture()}, good=False), BadInput, "FOLDER-CLASSES", ["train/ lacks: b"]),
    ("47-levels", folder({"train/a/0.png": picture(), "shirts/b/0.png": picture()}, good=False), BadInput, "FOLDER-LEVELS", ["shirts"]),
    ("47-two-trains", folder({"train/a/0.png": picture(), "training/a/0.png": picture()}, good=False), BadInput, "FOLDER-LEVELS", ["training/"]),
]

ROWS = [
    pytest.param(*row[1:], id=f"{kind}-{row[0]}")
    for kind, rows in (("idx", IDX_ROWS), ("npz", NPZ_ROWS), ("csv", CSV_ROWS), ("folder", FOLDER_ROWS))
    for row in rows
]


@pytest.mark.parametrize(("make", "kind", "code", "fragments"), ROWS)
@pytest.mark.skipif(sys.platform == "win32", reason="FIFOs and such names are POSIX")
def test_bad_input_is_one_line_with_class_code_and_fact(make: Maker, kind: type[VizError], code: str, fragments: list[str], tmp_path: Path) -> None:
    with pytest.raises(VizError) as caught:
        load(make(tmp_path))
    error, line = caught.value, str(caught.value)
    assert type(error) is kind, line
    assert error.code == f"FV-{code}", line
    assert error.exit_code == {BadInput: 3, UnsafeInput: 4, ResourceError: 5}[kind]
    assert "\n" not in line
    assert error.remedy, "every refusal says what to do"
    for fragment in fragments:
        assert fragment in line


def test_unreadable_file_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = idx()(tmp_path)
    real = os.open

    def deny(path: object, *rest: object, **more: object) -> int:
        if str(path).endswith(f"{TRAIN_IMAGES}.gz"):
            raise PermissionError(13, "Permission denied")
        return real(path, *rest, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(os, "open", deny)
    with pytest.raises(BadInput, match=f"{TRAIN_IMAGES}.*Permission denied"):
        load(config)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root reads everything")
def test_unreadable_folder_is_named(tmp_path: Path) -> None:
    config = folder({})(tmp_path)
    (tmp_path / "a").chmod(0)
    try:
        with pytest.raises(BadInput, match="cannot be listed"):
            load(config)
    finally:
        (tmp_path / "a").chmod(0o755)
