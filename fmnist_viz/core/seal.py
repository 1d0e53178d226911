"""JSON files that carry their own checksum, so that a single changed byte is found when they are read."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fmnist_viz.core.config import canonical, digest
from fmnist_viz.core.store import write_file


def write_sealed(path: Path, body: Mapping[str, Any]) -> None:
    """Write `body` (what `canonical` takes) with its SHA-256, atomically."""
    write_file(path, _text(json.loads(canonical(body))))


def read_sealed(path: Path) -> dict[str, Any]:
    """The body that was written. Raises ValueError where the file is not byte for byte what `write_sealed` wrote, OSError where it cannot be read."""
    text = path.read_bytes().decode("utf-8")
    data = json.loads(text)
    body = {k: v for k, v in data.items() if k != "sha256"} if isinstance(data, dict) else {}
    # The whole text is compared: a digest of the parsed values alone would overlook blanks and the last digit of a number.
    if text != _text(body):
        raise ValueError("its own checksum differs")
    return body


def _text(body: Mapping[str, Any]) -> str:
    return json.dumps({**body, "sha256": digest(body)}, indent=1, sort_keys=True, allow_nan=False) + "\n"
