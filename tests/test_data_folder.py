"""Image folders: what is taken, in which order, by which rule, and what is left out and said."""

from __future__ import annotations

import io
import os
import socket
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from fmnist_viz.core.errors import BadInput, ResourceError, UnsafeInput, VizError
from fmnist_viz.data import DataConfig, load
from fmnist_viz.data.folder import natural
from fmnist_viz.data.picture import read_picture

RAMP = np.arange(30, dtype=np.uint8).reshape(5, 6) * 8


def save(path: Path, array: np.ndarray, **options: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(array).save(path, **options)  # type: ignore[arg-type]


def two_classes(root: Path) -> Path:
    for name in ("a", "b"):
        for i in range(2):
            save(root / name / f"{i}.png", RAMP + np.uint8(i))
    return root


def test_pixels_labels_and_rows_follow_the_sorted_listing(tmp_path: Path) -> None:
    for number, name in enumerate(["class 10", "class 2", "Class 1"]):
        save(tmp_path / name / "x.png", RAMP + np.uint8(number))
    save(tmp_path / "class 2" / "B.png", RAMP + np.uint8(7))
    data = load(DataConfig(data=f"folder:{tmp_path}"))
    assert data.train is None
    assert data.class_names == ("Class 1", "class 2", "class 10")
    assert data.test.labels.tolist() == [0, 1, 1, 2]
    assert data.test.images[:, 0, 0, 0].tolist() == [2, 7, 1, 0]  # "B.png" before "x.png": by bytes
    assert data.test.sample_ids.tolist() == ["test/0", "test/1", "test/2", "test/3"]
    assert str(tmp_path.parent) not in repr(data.source)


def test_natural_order_is_total() -> None:
    assert sorted(["b10", "b2", "B1", "10", "9", "a"], key=natural) == ["9", "10", "a", "B1", "b2", "b10"]


def test_train_and_test_level(tmp_path: Path) -> None:
    two_classes(tmp_path / "train")
    two_classes(tmp_path / "test")
    two_classes(tmp_path / "val")
    data = load(DataConfig(data=f"folder:{tmp_path}"))
    assert data.train is not None
    assert (len(data.train), len(data.test)) == (4, 4)
    assert data.train.sample_ids[3] == "train/3"
    assert any("val/ was left out" in note for note in data.source.notes)


def test_val_stands_in_for_a_missing_test(tmp_path: Path) -> None:
    two_classes(tmp_path / "train")
    two_classes(tmp_path / "val")
    data = load(DataConfig(data=f"folder:{tmp_path}"))
    assert data.train is not None
    assert any("val/ serves as the test split" in note for note in data.source.notes)


def test_skip_bad_keeps_the_ids_of_the_others_and_says_how_many(tmp_path: Path) -> None:
    two_classes(tmp_path)
    (tmp_path / "a" / "0.png").write_bytes(b"not a picture")
    data = load(DataConfig(data=f"folder:{tmp_path}", skip_bad=True))
    assert data.test.sample_ids.tolist() == ["test/1", "test/2", "test/3"]
    assert any("1 bad files were skipped: a/0.png" in note for note in data.source.notes)


def test_grey_unless_any_picture_has_colour(tmp_path: Path) -> None:
    two_classes(tmp_path)
    save(tmp_path / "a" / "grey.png", np.stack([RAMP] * 3, axis=2))
    assert load(DataConfig(data=f"folder:{tmp_path}")).test.images.shape[3] == 1
    save(tmp_path / "b" / "red.png", np.stack([RAMP, RAMP // 2, RAMP // 3], axis=2))
    images = load(DataConfig(data=f"folder:{tmp_path}")).test.images
    assert images.shape[3] == 3
    np.testing.assert_array_equal(images[0], np.stack([RAMP] * 3, axis=2))


def test_sixteen_bits_are_scaled_not_clipped(tmp_path: Path) -> None:
    wide = np.array([[0, 257, 40_000], [65_535, 128, 129]], np.uint16)
    save(tmp_path / "a" / "0.png", wide)
    data = load(DataConfig(data=f"folder:{tmp_path}"))
    assert data.test.images[0, :, :, 0].tolist() == [[0, 1, 156], [255, 0, 1]]
    assert any("divided by 257 (1 pictures)" in note for note in data.source.notes)


def test_alpha_palette_animation_and_rotation_follow_the_documented_rules(tmp_path: Path) -> None:
    alpha = np.dstack([np.full((2, 3), 200, np.uint8)] * 3 + [np.array([[0, 128, 255]] * 2, np.uint8)])
    save(tmp_path / "alpha.png", alpha)
    assert read_picture(tmp_path / "alpha.png").pixels.tolist() == [[0, 100, 200]] * 2
    palette = Image.fromarray(np.dstack([RAMP, RAMP, 255 - RAMP])).convert("P", palette=Image.Palette.ADAPTIVE)
    palette.save(tmp_path / "palette.gif")
    assert read_picture(tmp_path / "palette.gif").pixels.shape == (5, 6, 3)
    frames = [Image.new("L", (4, 4), value) for value in (10, 200)]
    frames[0].save(tmp_path / "moving.gif", save_all=True, append_images=frames[1:])
    moving = read_picture(tmp_path / "moving.gif")
    assert set(moving.pixels.ravel()) == {10}
    assert "first frame" in moving.notes[0]
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was held upright: turn clockwise
    Image.fromarray(RAMP).save(tmp_path / "turned.png", exif=exif)
    np.testing.assert_array_equal(read_picture(tmp_path / "turned.png").pixels, np.rot90(RAMP, -1))


def test_complete_pixels_without_the_last_bytes_are_taken(tmp_path: Path) -> None:
    save(tmp_path / "whole.png", RAMP)
    data = (tmp_path / "whole.png").read_bytes()
    (tmp_path / "cut.png").write_bytes(data[:-12])  # the IEND chunk, which holds nothing
    np.testing.assert_array_equal(read_picture(tmp_path / "cut.png").pixels, RAMP)


@pytest.mark.skipif(os.name == "nt", reason="POSIX file kinds")
def test_fifos_sockets_links_and_litter_are_left_out_and_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = two_classes(tmp_path / "d")
    os.mkfifo(root / "a" / "fifo.png")
    monkeypatch.chdir(root / "a")
    with socket.socket(socket.AF_UNIX) as sock:
        sock.bind("sock.png")
    save(tmp_path / "secret.png", RAMP)
    (root / "b" / "link.png").symlink_to(tmp_path / "secret.png")
    (root / "b" / "loop").symlink_to(root)
    (root / "c").symlink_to(tmp_path)
    (root / "a" / "Thumbs.db").write_bytes(b"x")
    (root / "a" / ".hidden.png").write_bytes(b"x")
    (root / "a" / "nested").mkdir()
    data = load(DataConfig(data=f"folder:{root}"))
    assert len(data.test) == 4
    assert data.class_names == ("a", "b")
    notes = " | ".join(data.source.notes)
    assert "2 FIFOs, sockets or devices were skipped: a/fifo.png, a/sock.png" in notes
    assert "3 symbolic links were not followed" in notes
    assert "3 hidden files, nested folders and the like were ignored" in notes


@pytest.mark.skipif(os.name == "nt" or os.uname().sysname == "Darwin", reason="names are Unicode there")
def test_names_that_are_no_text_are_shown_escaped(tmp_path: Path) -> None:
    folder = os.path.join(os.fsencode(tmp_path), b"sh\xffirt")
    os.mkdir(folder)
    out = io.BytesIO()
    Image.fromarray(RAMP).save(out, "PNG")
    with open(os.path.join(folder, b"p\xfe.png"), "wb") as file:
        file.write(out.getvalue())
    data = load(DataConfig(data=f"folder:{tmp_path}"))
    assert data.class_names == (r"sh\xffirt",)
    data.class_names[0].encode()
    with open(os.path.join(folder, b"q\xfe.png"), "wb") as file:
        file.write(b"bad")
    with pytest.raises(VizError, match=r"q\\xfe\.png"):
        load(DataConfig(data=f"folder:{tmp_path}"))


def test_resize_joins_mixed_sizes_and_keeps_a_flat_picture_flat(tmp_path: Path) -> None:
    save(tmp_path / "a" / "0.png", np.full((9, 4), 77, np.uint8))
    save(tmp_path / "b" / "0.png", np.full((31, 50), 12, np.uint8))
    data = load(DataConfig(data=f"folder:{tmp_path}", resize=8))
    assert data.test.images.shape == (2, 8, 8, 1)
    assert [set(image.ravel()) for image in data.test.images] == [{77}, {12}]


@settings(max_examples=150, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(draw=st.data(), form=st.sampled_from(["PNG", "JPEG", "BMP", "GIF", "WEBP", "PPM"]))
def test_mutated_pictures_give_pixels_or_a_named_refusal(draw: st.DataObject, form: str, tmp_path: Path) -> None:
    out = io.BytesIO()
    Image.fromarray(RAMP).save(out, form)
    data = bytearray(out.getvalue())
    for _ in range(draw.draw(st.integers(1, 4))):
        data[draw.draw(st.integers(0, len(data) - 1))] = draw.draw(st.integers(0, 255))
    path = tmp_path / "x.png"
    path.write_bytes(data[: draw.draw(st.integers(1, len(data)))] if draw.draw(st.booleans()) else data)
    try:
        pixels = read_picture(path).pixels
    except (BadInput, UnsafeInput, ResourceError):
        return
    assert pixels.dtype == np.uint8
    assert pixels.ndim == 2 or pixels.shape[2] == 3
