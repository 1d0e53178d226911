"""File names from foreign names: a layer may be called ``../x``, a class anything at all."""

from __future__ import annotations

import hashlib
import re

_LONGEST = 64
_RESERVED = frozenset({"con", "prn", "aux", "nul", *(f"com{i}" for i in range(10)), *(f"lpt{i}" for i in range(10))})  # on Windows, with any suffix


def slug(name: str) -> str:
    """`name` as a file name without folder: ASCII letters, digits, ``_.-`` only, 1 to 71 signs, no hidden file, never ``.`` or ``..``.

    A name that is already fit stays as it is. Any other gets a hyphen and the first six hex digits of the SHA-256 of its
    UTF-8 bytes, so that ``a/b`` and ``a:b`` do not meet in one file.
    """
    fit = re.sub(r"[^A-Za-z0-9_.-]+", "-", name)[:_LONGEST].strip(".-")
    if fit == name and fit and fit.split(".")[0].lower() not in _RESERVED:
        return fit
    digest = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:6]
    stem = re.sub(r"\.+", ".", fit).strip(".-")
    if stem.split(".")[0].lower() in _RESERVED:
        stem = f"name-{stem}"
    return f"{stem}-{digest}" if stem else f"name-{digest}"
