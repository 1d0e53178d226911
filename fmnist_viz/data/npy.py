"""One array in a .npy file: its header is judged before a byte is allocated, and nothing is unpickled."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fmnist_viz.core.errors import BadInput
from fmnist_viz.data.gate import FETCH_AGAIN, Limit, open_regular, shown, wrong_content
from fmnist_viz.data.npz import read_header

MAGIC = b"\x93NUMPY"
SAVE = "Save one array with numpy.save('name.npy', array); a tensor of PyTorch with numpy.save('name.npy', tensor.detach().cpu().numpy())."


def read_npy(path: Path, *, limit: Limit) -> NDArray[Any]:
    """The array, of numbers or text, in C order.

    Raises BadInput for another kind of file, a damaged or cut one; UnsafeInput for a pickle or an array of Python objects;
    ResourceError where it is larger than `limit`.
    """
    name = shown(path)
    with open_regular(path) as file:
        head = file.read(512)
        file.seek(0)
        if not head.startswith(MAGIC):
            error = wrong_content(path, head, wanted="a .npy array")
            raise type(error)(error.code.removeprefix("FV-"), name, error.fact, SAVE if head.strip() else FETCH_AGAIN)
        dtype, shape, fortran = read_header(file, name)
        expected = math.prod(shape) * dtype.itemsize
        limit.claim(expected, name)
        raw = file.read(expected + 1)
    if len(raw) != expected:
        found = f"more than {expected:,}" if len(raw) > expected else f"{len(raw):,}"
        code = "NPY-TRAILING" if len(raw) > expected else "NPY-TRUNCATED"
        raise BadInput(code, name, f"its header promises {expected:,} bytes of {dtype} {shape}, there are {found}", FETCH_AGAIN)
    return np.ascontiguousarray(np.frombuffer(raw, dtype).reshape(shape, order="F" if fortran else "C"))


def read_vectors(path: Path, *, limit: Limit) -> NDArray[np.float32]:
    """A floating-point array (n, d) as float32; values beyond its range become infinite, as rows that are not finite are let through."""
    array, name = read_npy(path, limit=limit), shown(path)
    if array.ndim != 2 or 0 in array.shape:
        way = "Reshape it to a row per image: array.reshape(len(array), -1)." if array.ndim > 2 else "Save one row of numbers per image."
        raise BadInput("VECTORS-SHAPE", name, f"has the shape {array.shape}, expected (n, d)", way)
    if array.dtype.kind != "f":
        raise BadInput("VECTORS-DTYPE", name, f"holds {array.dtype} values, expected floating-point numbers", "Save array.astype('float32').")
    with np.errstate(over="ignore"):
        return array.astype(np.float32, copy=False)
