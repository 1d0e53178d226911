"""One picture file to 8-bit pixels, through a gate: few formats, a bounded size, first frame only.

The rules: palette and CMYK become RGB; transparent parts are laid on black, which is Fashion-MNIST's background; 16-bit grey is
divided by 257; of an animation the first frame is taken; the camera's EXIF rotation is applied.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import numpy as np
from numpy.typing import NDArray

from fmnist_viz.core.errors import BadInput, ResourceError, UnsafeInput
from fmnist_viz.data.gate import is_pickle, open_regular, shown, wrong_content

if TYPE_CHECKING:
    from PIL.Image import Image

FORMATS = ("PNG", "JPEG", "BMP", "GIF", "WEBP", "PPM")
MAX_PIXELS = 4096 * 4096  # 16.7 million

# Formats that Pillow could read with parsers that no picture of a data set needs; they are named, never opened.
_FOREIGN = (
    (b"%!PS", "EPS"),
    (b"\xc5\xd0\xd3\xc6", "EPS"),
    (b"8BPS", "PSD"),
    (b"SIMPLE  =", "FITS"),
    (b"II*\x00", "TIFF"),
    (b"MM\x00*", "TIFF"),
    (b"%PDF", "PDF"),
    (b"\x00\x00\x01\x00", "ICO"),
    (b"icns", "ICNS"),
    (b"\x00\x00\x00\x0cjP", "JPEG 2000"),
    (b"\xd7\xcd\xc6\x9a", "WMF"),
    (b"<svg", "SVG"),
)


@dataclass(frozen=True)
class Picture:
    """uint8 (h, w) where grey, (h, w, 3) where it has colour; `notes` say what was done to it."""

    pixels: NDArray[np.uint8]
    notes: tuple[str, ...] = ()


def read_picture(path: Path, *, side: int = 0) -> Picture:
    """Decode one PNG, JPEG, BMP, GIF, WEBP or PGM/PPM file, stretched to `side` x `side` where that is not 0.

    Raises
    ------
    BadInput
        Where it is empty, damaged, cut short or no picture.
    UnsafeInput
        Where it is a picture of another format under whatever name.
    ResourceError
        Where its header promises more than 16.7 million pixels; nothing is decoded then.
    """
    import PIL
    from PIL import Image

    name = shown(path)
    with open_regular(path, follow_links=False) as file:
        head = file.read(512)
        file.seek(0)
        _refuse_foreign(path, head)
        try:
            with Image.open(file, formats=FORMATS) as image:
                _check_size(image, name)
                return _decode(image, name, side)
        except PIL.UnidentifiedImageError:
            raise _no_picture(path, head, file) from None
        except (Image.DecompressionBombError, Image.DecompressionBombWarning):
            raise _too_large(name, "many more") from None
        except (OSError, SyntaxError, ValueError, EOFError, IndexError, KeyError, TypeError, OverflowError, struct.error, zlib.error) as e:
            # What Pillow's parsers raise on damaged files; an unlisted one is a finding for the fuzz test.
            if isinstance(e, OSError) and e.errno is not None:
                raise
            raise BadInput("PICTURE-DAMAGED", name, f"cannot be decoded: {e}", "Replace it, or use --skip-bad.") from None


def _refuse_foreign(path: Path, head: bytes) -> None:
    for magic, what in _FOREIGN:
        if head.startswith(magic):
            raise UnsafeInput("PICTURE-FORMAT", shown(path), f"is {what} inside, whatever its name", f"Convert it: {', '.join(FORMATS)} are read.")
    if is_pickle(head):
        raise wrong_content(path, head, wanted="a picture")


def _no_picture(path: Path, head: bytes, file: BinaryIO) -> BadInput:
    start = head[:512].lstrip().lower()
    if not head or start.startswith((b"<", b"version https://git-lfs")):
        error = wrong_content(path, head, wanted="a picture")
        if isinstance(error, BadInput):
            return error
    if head.startswith((b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"BM", b"RIFF")):
        return BadInput("PICTURE-DAMAGED", shown(path), "has a damaged header", "Replace it, or use --skip-bad.")
    return BadInput("PICTURE-FORMAT", shown(path), "is no picture", f"{', '.join(FORMATS)} are read; remove it, or use --skip-bad.")


def _too_large(name: str, pixels: object) -> ResourceError:
    return ResourceError("PICTURE-LIMIT", name, f"has {pixels} pixels, the limit is {MAX_PIXELS:,} (16.7 million)", "Make it smaller.")


def _check_size(image: Image, name: str) -> None:
    if image.width * image.height > MAX_PIXELS:
        raise _too_large(name, f"{image.width:,} x {image.height:,}")
    if image.width < 1 or image.height < 1:
        raise BadInput("PICTURE-DAMAGED", name, f"is {image.width} x {image.height} pixels", "Replace it, or use --skip-bad.")


def _decode(image: Image, name: str, side: int) -> Picture:
    from PIL import Image as PillowImage
    from PIL import ImageOps

    notes = ["of animations the first frame was taken"] if getattr(image, "is_animated", False) else []
    image.load()
    _check_size(image, name)  # a first frame may be larger than the header said
    turned = ImageOps.exif_transpose(image)
    if turned.mode.startswith("I") or turned.mode == "F":
        turned = PillowImage.fromarray(_eight_bits(np.asarray(turned), name))
        notes.append("16-bit grey pixels were divided by 257")
    elif turned.mode not in ("L", "1", "RGB"):
        if turned.has_transparency_data:
            black = PillowImage.new("RGBA", turned.size, (0, 0, 0, 255))
            turned = PillowImage.alpha_composite(black, turned.convert("RGBA"))
            notes.append("transparent parts were laid on black")
        elif turned.mode != "P":
            notes.append(f"{turned.mode} pixels were converted")
        turned = turned.convert("RGB")
    plain = turned.convert("L") if turned.mode == "1" else turned
    if side and plain.size != (side, side):
        plain = plain.resize((side, side), PillowImage.Resampling.BILINEAR)
    pixels = np.array(plain, dtype=np.uint8)
    if pixels.ndim == 3 and (pixels[..., :1] == pixels).all():
        pixels = pixels[..., 0]
    return Picture(pixels, tuple(notes))


def _eight_bits(wide: NDArray[np.generic], name: str) -> NDArray[np.uint8]:
    """16-bit grey to 8 bits: 65535 is 257 * 255, so that black and white stay black and white."""
    values = wide.astype(np.float64)
    if not np.isfinite(values).all() or values.min() < 0 or values.max() > 65_535 or wide.dtype.kind == "f":
        raise BadInput("PICTURE-DEPTH", name, "has pixels that are no 8- or 16-bit values", "Save it with 8 bits for each channel.")
    return np.rint(values / 257).astype(np.uint8)
