"""The gate in front of Keras: a model file is judged by its own text before any library that could act on it opens it.

Keras' safe mode refuses what is known to be dangerous; this refuses everything that is not known to be harmless. Nothing here imports Keras.
"""

from __future__ import annotations

import functools
import json
import os
import stat
import zipfile
import zlib
from pathlib import Path
from typing import Any

from fmnist_viz.core.errors import BadInput, ResourceError, UnsafeInput, VizError

MOST_BYTES = 2 << 30  # of the file; a classifier of images is far below
MOST_RATIO = 100  # unpacked over packed bytes; trained weights hardly shrink at all
SMALL = 1 << 20  # members below this are not asked for their ratio: a short text may shrink to nothing
MOST_CONFIG = 16 << 20  # bytes of config.json
MOST_DEPTH = 200
NEEDED = ("config.json", "model.weights.h5")
MEMBERS = {*NEEDED, "metadata.json"}
SAVE_AGAIN = "Give a model that Keras 3 saved with model.save('name.keras')."
VECTORS = "Networks that Keras cannot open come as vectors: --representation name=FILE.npy."
TRUST = "Use a file from a source that you trust with --trust-model, or rebuild the model from built-in layers."

CUSTOM = f"Rebuild the model from built-in layers. {VECTORS}"  # Keras would not find the class, whoever vouches for it

# sizes that a layer's weights grow with: Keras would allocate them before it misses them in the file
SIZES = frozenset(("units", "filters", "input_dim", "output_dim", "key_dim", "num_heads", "depth_multiplier", "projection_dim"))
MOST_SIZE = 1 << 24
# plain values in Keras' notation: a tensor's place in the graph, numbers, a slice
VALUES = frozenset(("__keras_tensor__", "__tensor__", "__numpy__", "__slice__", "__ellipsis__"))
LOOKUPS = frozenset(("StringLookup", "IntegerLookup", "TextVectorization"))

_KINDS = (
    (b"\x89HDF\r\n\x1a\n", "MODEL-HDF5", "is an HDF5 file: a model of the older .h5 format, or weights alone"),
    (b"version https://git-lfs", "MODEL-LFS", "is a git-lfs pointer, not the model: 'git lfs pull' fetches it"),
    (b"TFL3", "MODEL-KIND", "is a TensorFlow Lite model"),
)


def check_model_file(path: Path, *, trust: bool = False) -> None:
    """Raise where `path` is no intact .keras archive of classes on the allow-list (`allowed.txt`).

    `trust` skips the list, and nothing else: what is damaged stays damaged.

    Raises
    ------
    BadInput
        Not a regular file, not a .keras archive (saying what it is), damaged, or without its weights.
    UnsafeInput
        A pickle, members that no .keras archive has, or a class or function that is not on the list, named.
    ResourceError
        Where the file, its text or a layer is larger than any honest one.
    """
    info = _regular(path)
    with open(path, "rb") as file:
        head = file.read(512)
    if (error := _wrong_kind(path, head, info)) is not None:
        raise error
    try:
        with zipfile.ZipFile(path) as archive:
            _check_members(path, archive)
            config = _read_config(path, archive)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, OSError) as e:
        raise BadInput("MODEL-UNREADABLE", path, f"is no intact .keras archive ({e})", f"Fetch or save it again. {SAVE_AGAIN}") from None
    if not trust:
        if isinstance(config, dict):
            config.pop("compile_config", None)  # dropped by compile=False; a compiled model within the model keeps its own
        _walk(path, config)


def _regular(path: Path) -> os.stat_result:
    remedy = "Give a .keras file."
    try:
        info = os.stat(path)
    except (OSError, ValueError) as e:
        missing = isinstance(e, (FileNotFoundError, NotADirectoryError))
        raise BadInput("MODEL-MISSING", path, "there is no such file" if missing else f"cannot be read ({e})", remedy) from None
    if stat.S_ISDIR(info.st_mode):
        saved = (path / "saved_model.pb").exists()
        fact = "is a SavedModel folder" if saved else "is a folder, not a file"
        raise BadInput("MODEL-MISSING", path, fact, SAVE_AGAIN if saved else remedy)
    if not stat.S_ISREG(info.st_mode):
        raise BadInput("MODEL-MISSING", path, "is no regular file (a FIFO or device)", remedy)
    if info.st_size > MOST_BYTES:
        raise ResourceError("MODEL-LARGE", path, f"has {info.st_size:,} bytes, more than the limit of {MOST_BYTES:,}", "Give a smaller model.")
    return info


def _wrong_kind(path: Path, head: bytes, info: os.stat_result) -> VizError | None:
    """What the first bytes show the file to be, where that is not a zip archive."""
    if not head:
        return BadInput("MODEL-UNREADABLE", path, "is empty", SAVE_AGAIN)
    if head.startswith(b"PK"):
        return None
    for magic, code, fact in _KINDS:
        if head.startswith(magic) or (magic == b"TFL3" and head[4:8] == magic):
            remedy = "Load it with Keras where it was made and save it again as .keras." if code == "MODEL-HDF5" else SAVE_AGAIN
            return BadInput(code, path, fact, remedy)
    start = head.lstrip().lower()
    if start.startswith((b"<!doctype", b"<html", b"<head", b"<?xml", b"<error")):
        return BadInput("MODEL-HTML", path, "is an HTML or XML page, not a model: a download failed", "Fetch it again.")
    if head[:1] == b"\x80" and head[1:2] in (b"\x02", b"\x03", b"\x04", b"\x05"):
        return UnsafeInput("MODEL-PICKLE", path, "is a Python pickle, which is never loaded because it can run code", f"{SAVE_AGAIN} {VECTORS}")
    size = int.from_bytes(head[:8], "little")
    if head[8:9] == b"{" and 2 <= size < info.st_size:
        return BadInput("MODEL-SAFETENSORS", path, "is a safetensors file: weights without a network", f"{SAVE_AGAIN} {VECTORS}")
    return BadInput("MODEL-UNREADABLE", path, f"is no .keras archive (it starts with {head[:4].hex(' ')})", SAVE_AGAIN)


def _check_members(path: Path, archive: zipfile.ZipFile) -> None:
    """Names, duplicates, sizes and checksums; raises for anything that Keras does not write."""
    infos = archive.infolist()
    names = [info.orig_filename for info in infos]
    if any(name.rpartition("/")[2] == "data.pkl" for name in names):
        raise UnsafeInput("MODEL-PYTORCH", path, "is a PyTorch file, which holds a Python pickle that can run code", VECTORS)
    for info in infos:
        name = info.orig_filename
        parts = name.replace("\\", "/").split("/")
        if ".." in parts or parts[0] == "" or "\x00" in name or ":" in parts[0] or (name not in MEMBERS and parts[0] != "assets"):
            raise UnsafeInput("MODEL-MEMBERS", path, f"holds the member {name!r}, which no .keras archive has", SAVE_AGAIN)
        if info.flag_bits & 0x1:
            raise UnsafeInput("MODEL-MEMBERS", path, f"the member {name!r} is encrypted", SAVE_AGAIN)
        if info.file_size > MOST_BYTES or (info.file_size > SMALL and info.file_size > MOST_RATIO * max(info.compress_size, 1)):
            fact = f"the member {name!r} would unpack from {info.compress_size:,} to {info.file_size:,} bytes"
            raise ResourceError("MODEL-LARGE", path, fact, SAVE_AGAIN)
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise UnsafeInput("MODEL-MEMBERS", path, f"the member {twice[0]!r} is there twice", SAVE_AGAIN)
    if missing := [name for name in NEEDED if name not in names]:
        raise BadInput("MODEL-UNREADABLE", path, f"{', '.join(missing)} is missing in the archive", SAVE_AGAIN)
    if bad := archive.testzip():
        raise BadInput("MODEL-UNREADABLE", path, f"{bad} is damaged in the archive", f"Fetch or save it again. {SAVE_AGAIN}")


def _read_config(path: Path, archive: zipfile.ZipFile) -> Any:
    """config.json as plain values."""
    size = archive.getinfo("config.json").file_size
    if size > MOST_CONFIG:
        raise ResourceError("MODEL-LARGE", path, f"config.json has {size:,} bytes, more than the limit of {MOST_CONFIG:,}", SAVE_AGAIN)
    text = archive.read("config.json")
    depth = deepest = 0
    for byte in text:  # brackets within texts count too: that can only refuse more
        if byte in b"{[":
            depth += 1
            deepest = max(deepest, depth)
        elif byte in b"}]":
            depth -= 1
    if deepest > MOST_DEPTH:
        raise ResourceError("MODEL-LARGE", path, f"config.json is nested {deepest:,} deep, more than the limit of {MOST_DEPTH}", SAVE_AGAIN)
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as e:
        raise BadInput("MODEL-UNREADABLE", path, f"config.json is no JSON ({e})", SAVE_AGAIN) from None


@functools.cache
def allowed() -> frozenset[tuple[str, str]]:
    """(module, class) pairs that a file may name; functions are written with brackets."""
    lines = Path(__file__).with_name("allowed.txt").read_text(encoding="utf-8").splitlines()
    return frozenset(tuple(line.split(" ", 1)) for line in lines if line and not line.startswith("#"))  # type: ignore[misc]


def _walk(path: Path, config: Any) -> None:
    """Every node of the configuration, the innermost too; raises UnsafeInput for the first that is not on the list."""
    open_nodes = [config]
    while open_nodes:
        node = open_nodes.pop()
        if isinstance(node, list):
            open_nodes += node
        elif isinstance(node, dict):
            if "class_name" in node:
                _check_node(path, node)
            for key in SIZES & node.keys():
                _check_size(path, key, node)
            open_nodes += node.values()


def _check_node(path: Path, node: dict[str, Any]) -> None:
    module, name, config = node.get("module"), node["class_name"], node.get("config")
    if not isinstance(name, str):
        raise _refused(path, node, f"names the class {name!r}")
    if name in VALUES:
        return
    if name == "function":
        text = config if isinstance(config, str) else "?"
        registered = node.get("registered_name")
        if module not in ("keras.activations", "builtins") or ("keras.activations", f"{text}()") not in allowed() or registered not in (None, text):
            raise _refused(path, node, f"names the function {module}.{text}, which is no activation of Keras")
        return
    if name == "__lambda__":
        raise _refused(path, node, "holds a Python lambda, which is code")
    if node.get("registered_name") not in (None, name):
        raise _refused(path, node, f"needs the custom class {node['registered_name']}", CUSTOM)
    if (module, name) not in allowed():
        raise _refused(path, node, f"is a {module}.{name}" if name == "Lambda" else f"is of the class {module}.{name}")
    if name in LOOKUPS and isinstance(config, dict) and isinstance(config.get("vocabulary"), str):
        raise _refused(path, node, f"is a {name} that would read the file {config['vocabulary']!r}")


def _refused(path: Path, node: dict[str, Any], fact: str, remedy: str = TRUST) -> UnsafeInput:
    """One line that names the layer and what it is."""
    config = node.get("config")
    name = (config.get("name") if isinstance(config, dict) else None) or node.get("name")
    layer = f"the layer {name!r}" if isinstance(name, str) else "a part of the model"
    return UnsafeInput("MODEL-UNSAFE", path, f"{layer} {fact}; only built-in layers that run no code of the file are opened"[:400], remedy)


def _check_size(path: Path, key: str, node: dict[str, Any]) -> None:
    value = node[key]
    if isinstance(value, (int, float)) and not isinstance(value, bool) and not -MOST_SIZE < value < MOST_SIZE:
        fact = f"the layer {node.get('name', '?')!r} asks for {key} = {value:,}, more than the limit of {MOST_SIZE:,}"
        raise ResourceError("MODEL-LARGE", path, fact[:300], "Give a smaller model, or one from a source that you trust with --trust-model.")
