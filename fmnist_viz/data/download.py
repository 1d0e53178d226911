"""Fetch the four files from the data set's official addresses: verified before they take their final names."""

from __future__ import annotations

import http.client
import os
import threading
import urllib.error
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

from fmnist_viz.core.errors import BadInput, VizError
from fmnist_viz.core.progress import Progress
from fmnist_viz.core.store import staged_file
from fmnist_viz.data.fashion_mnist import FETCH, NotFound
from fmnist_viz.data.gate import Limit, shown
from fmnist_viz.data.idx import Holds, read_idx
from fmnist_viz.data.idx_folder import OFFICIAL

MIRROR_VARIABLE = "FMNIST_VIZ_MIRROR"
OFFICIAL_ADDRESSES = (
    "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
    "https://storage.googleapis.com/tensorflow/tf-keras-datasets/",
)
TIMEOUT = 5.0  # seconds for each connection and each read: an offline machine learns it soon
CHUNK = 1 << 18


class Unreachable(Exception):
    """An address does not answer, or not with a file."""


def addresses(mirrors: Sequence[str] = ()) -> tuple[str, ...]:
    """Base addresses in order: those given, else $FMNIST_VIZ_MIRROR (one or more, by spaces), else the official ones."""
    chosen = tuple(mirrors) or tuple(os.environ.get(MIRROR_VARIABLE, "").split()) or OFFICIAL_ADDRESSES
    return tuple(base.rstrip("/") + "/" for base in chosen)


def fetch_files(folder: Path, progress: Progress, *, mirrors: Sequence[str] = ()) -> None:
    """Bring the folder to hold all four files; those already there and unharmed stay, and damaged ones are replaced.

    A file gets its final name only after its decompressed payload was compared with the published SHA-256.

    Raises
    ------
    NotFound
        Where no address gives a file; the message names the last reason of each.
    ResourceError
        Where the disk is full or not writable.
    """
    bases = list(addresses(mirrors))
    reasons: dict[str, str] = {}
    for number, name in enumerate(OFFICIAL):
        final = folder / f"{name}.gz"
        if _sound(final, name):
            continue
        for base in tuple(bases):
            try:
                _fetch(base, final, name, progress, f"download {number + 1} of {len(OFFICIAL)}")
                break
            except (Unreachable, BadInput) as e:
                reasons[base] = str(e.fact if isinstance(e, BadInput) else e)
                progress.warn(f"data: {base}{name}.gz: {reasons[base]}")
                bases.remove(base)  # one that failed once is not waited for again
        else:
            said = "; ".join(f"{base} {reason}" for base, reason in reasons.items())
            raise NotFound("DATA-MISSING", "Fashion-MNIST", f"not found in any known place, and the download failed ({said})", FETCH)


def _sound(path: Path, name: str) -> bool:
    try:
        _verify(path, name)
    except VizError:
        return False
    return True


def _verify(path: Path, name: str) -> None:
    """Raise BadInput unless the file's decompressed payload is the published one."""
    digest, size = OFFICIAL[name]
    holds: Holds = "images" if "images" in name else "labels"
    got = read_idx(path, holds, limit=Limit(size)).payload_sha256
    if got != digest:
        raise BadInput("DATA-MODIFIED", shown(path), f"payload SHA-256 is {got[:12]}..., expected {digest[:12]}...", "Fetch it again.")


def _fetch(base: str, final: Path, name: str, progress: Progress, task: str) -> None:
    request = urllib.request.Request(f"{base}{name}.gz", headers={"User-Agent": "fmnist-viz", "Accept-Encoding": "identity"})
    with _open(request) as answer, staged_file(final) as temp:
        with open(temp, "wb") as out:
            _copy(answer, out, most=OFFICIAL[name][1] + CHUNK, progress=progress, task=f"{task}: {name}")
        _verify(temp, name)


def _open(request: urllib.request.Request) -> http.client.HTTPResponse:
    """The open response; raises Unreachable. The wait is bounded as a whole: a name look-up obeys no timeout, and a host
    with many addresses would be given one timeout for each."""
    box: list[http.client.HTTPResponse | Exception] = []

    def connect() -> None:
        try:
            box.append(urllib.request.urlopen(request, timeout=TIMEOUT))
        except (OSError, http.client.HTTPException, ValueError) as e:
            box.append(e)

    thread = threading.Thread(target=connect, daemon=True)
    thread.start()
    thread.join(TIMEOUT + 1)
    if not box:
        raise Unreachable(f"does not answer within {TIMEOUT + 1:g} s")
    if isinstance(box[0], urllib.error.HTTPError):
        box[0].close()
        raise Unreachable(f"answers {box[0].code} {box[0].reason}")
    if isinstance(box[0], Exception):
        raise Unreachable(f"cannot be reached ({getattr(box[0], 'reason', None) or box[0]})")
    return box[0]


def _copy(answer: http.client.HTTPResponse, out: BinaryIO, *, most: int, progress: Progress, task: str) -> None:
    """Copy a response of at most `most` bytes, as long as its Content-Length says where it says so."""
    length = answer.headers.get("Content-Length", "")
    total = int(length) if length.isascii() and length.isdigit() else 0
    got = 0
    while True:
        try:
            chunk = answer.read(CHUNK)
        except (OSError, http.client.HTTPException) as e:
            raise Unreachable(f"broke off after {got:,} bytes ({type(e).__name__})") from None
        if not chunk:
            break
        got += len(chunk)
        if got > most:
            raise Unreachable(f"sends more than {most:,} bytes, which the file cannot have")
        out.write(chunk)
        progress.step(task, got, max(total, got + (0 if total else 1)))
    if total and got != total:
        raise Unreachable(f"broke off after {got:,} of {total:,} bytes")
    progress.step(task, 1, 1)
