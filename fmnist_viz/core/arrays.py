"""Anyone's arrays as NumPy's: tensors of PyTorch, TensorFlow, Keras and JAX by what they can do; none of these is imported."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from fmnist_viz.core.errors import BadInput


def as_numpy(value: Any, what: str) -> NDArray[Any]:
    """`value` as an array of any shape and dtype: NumPy's, a tensor on any device, a variable, a data frame, a SciPy sparse matrix, nested lists.

    `what` names it in the error. Raises BadInput for what cannot become a rectangular array: ragged lists, symbolic tensors.
    """
    try:
        if hasattr(value, "detach"):  # PyTorch: off the graph, off the device; NumPy has no bfloat16
            value = value.detach().cpu()
            value = value.float() if "bfloat16" in str(value.dtype) else value
        value = value.toarray() if hasattr(value, "toarray") else value  # SciPy's sparse matrices
        return np.asarray(value.numpy() if callable(getattr(value, "numpy", None)) else value)
    except (TypeError, ValueError, RuntimeError, NotImplementedError, AttributeError) as e:
        fact = f"a {type(value).__name__} cannot be taken as an array ({str(e).splitlines()[0] if str(e) else type(e).__name__})"
        raise BadInput("NO-ARRAY", what, fact, "Give a dense array or tensor, or lists of equal length.") from e


def as_vectors(value: Any, what: str) -> NDArray[np.float32]:
    """`value` as float32 (n, d), C order, n and d at least 1; values that single precision cannot hold become infinite.

    Raises BadInput for another number of dimensions, no rows, no columns, or cells that are not real numbers.
    """
    found = as_numpy(value, what)
    if found.ndim != 2:
        remedy = "Flatten its rows: X.reshape(len(X), -1)." if found.ndim > 2 else "Give one row of numbers per point."
        raise BadInput("VECTORS-SHAPE", what, f"shape {found.shape}, expected (n, d)", remedy)
    if 0 in found.shape:
        raise BadInput("VECTORS-EMPTY", what, f"shape {found.shape}: there are no values", "Give one row of numbers per point.")
    try:
        if found.dtype.kind in "cSUmM":
            raise TypeError
        with np.errstate(over="ignore", invalid="ignore"):
            return np.ascontiguousarray(found, dtype=np.float32)
    except (TypeError, ValueError):
        raise BadInput("VECTORS-DTYPE", what, f"its values are {found.dtype}, not real numbers", "Give floats or integers.") from None
