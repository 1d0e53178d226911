"""One frozen dataclass per stage; each field carries its default, its help and its unit.

The command line, `config.toml`, the digest in a run's name and the captions are all read off these fields,
so that an option is written down once.
"""

from __future__ import annotations

import dataclasses
import difflib
import hashlib
import json
import math
from collections.abc import Iterable, Mapping
from typing import Any

from fmnist_viz.core.errors import BadInput, UsageError, unknown_choice


def option(default: Any, help: str, *, unit: str = "", choices: tuple[Any, ...] = (), low: float | None = None, high: float | None = None) -> Any:
    """A dataclass field with what a person needs to know about it. `low` and `high` are inclusive bounds."""
    return dataclasses.field(default=default, metadata={"help": help, "unit": unit, "choices": choices, "low": low, "high": high})


KINDS: dict[str, tuple[tuple[type, ...], str]] = {  # annotation -> types that are taken, in words
    "bool": ((bool,), "true or false"),
    "int": ((int,), "a whole number"),
    "float": ((int, float), "a number"),
    "str": ((str,), "text in quotes"),
    "tuple[str, ...]": ((tuple, list), "a list of texts"),  # an option that may be given several times
}


def check_options(config: Any) -> None:
    """Raise UsageError where a value is of the wrong type, not among a field's choices or outside its bounds.

    Whole numbers become floats where the field is one, so that 30 and 30.0 are one setting with one digest.
    """
    for f in dataclasses.fields(config):
        value: Any = getattr(config, f.name)
        meta, name = f.metadata, "--" + f.name.replace("_", "-")
        kind = f.type if isinstance(f.type, str) else getattr(f.type, "__name__", "")
        types, words = KINDS[kind]
        if not isinstance(value, types) or (isinstance(value, bool) and kind != "bool") or (isinstance(value, float) and not math.isfinite(value)):
            raise UsageError("OPTION-TYPE", name, f"{value!r} is not {words}", f"Give {words}.")
        if kind.startswith("tuple"):
            value = list(getattr(config, f.name))
            if not all(isinstance(item, str) for item in value):
                raise UsageError("OPTION-TYPE", name, f"{value!r} is not {words}", f"Give {words}.")
            object.__setattr__(config, f.name, tuple(value))
        if kind == "float":
            value = float(getattr(config, f.name))
            object.__setattr__(config, f.name, value)
        if meta.get("choices") and value not in meta["choices"]:
            raise unknown_choice(f.name.replace("_", " "), str(value), meta["choices"])
        for bound, wrong in (("low", lambda v, b: v < b), ("high", lambda v, b: v > b)):
            if meta.get(bound) is not None and wrong(value, meta[bound]):
                word = "at least" if bound == "low" else "at most"
                unit = f" {meta['unit']}" if meta["unit"] else ""
                raise UsageError("OPTION-RANGE", name, f"{value} is out of range", f"Give {word} {meta[bound]:,}{unit}.")


def canonical(value: Any) -> str:
    """JSON with sorted keys and no spaces: equal values give equal text."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), default=_plain, allow_nan=False)


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return dataclasses.asdict(value)
    if isinstance(value, Mapping):
        return dict(value)
    if hasattr(value, "item") and getattr(value, "ndim", None) == 0:
        return value.item()
    if isinstance(value, (set, frozenset)):
        return sorted(value)
    raise TypeError(f"{type(value).__name__} has no place in a key")


def digest(value: Any) -> str:
    """SHA-256 (64 hex digits) of the canonical JSON of dataclasses, mappings, lists and scalars."""
    return hashlib.sha256(canonical(value).encode()).hexdigest()


def to_toml(configs: Iterable[Any], *, header: str = "") -> str:
    """Every field of the given dataclasses as flat TOML with its help as a comment; `--config` reads it back."""
    lines = [f"# {_comment(line)}" for line in header.splitlines()]
    for config in configs:
        lines.append("")
        for f in dataclasses.fields(config):
            if note := f.metadata.get("help", ""):
                lines.append(f"# {_comment(note)}")
            # JSON's texts, numbers and lists are TOML's too, but for one character that TOML wants escaped
            text = json.dumps(getattr(config, f.name), ensure_ascii=False).replace("\x7f", "\\u007f")
            lines.append(f"{f.name} = {text}")
    return "\n".join(lines).lstrip("\n") + "\n"


def _comment(line: str) -> str:
    """TOML allows no control characters in comments."""
    return "".join(c if c.isprintable() else "?" for c in line)


def read_toml(path: str, allowed: Iterable[str]) -> dict[str, Any]:
    """The settings in a TOML file as a flat dict; sections are allowed and ignored, dashes equal underscores.

    Raises BadInput for a file that is missing or no TOML, UsageError for a name that no option has or that is set twice.
    """
    import tomllib
    from pathlib import Path

    try:
        data = tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as e:
        raise BadInput("CONFIG-MISSING", path, f"cannot be read ({e.strerror})", "Give --config an existing TOML file.") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as e:
        what = "is not a text file" if isinstance(e, UnicodeDecodeError) else f"is not valid TOML: {e}"
        raise BadInput("CONFIG-SYNTAX", path, what, "Mend that line; a run's own config.toml is a good model.") from None
    flat: dict[str, Any] = {}
    names = set(allowed)
    for key, value in data.items():
        for written, item in value.items() if isinstance(value, dict) else [(key, value)]:
            name = written.replace("-", "_")
            if name not in names:
                close = difflib.get_close_matches(name, names, 1)
                meant = f"Did you mean {close[0]}?" if close else f"Choose from: {', '.join(sorted(names))}."
                raise UsageError("UNKNOWN-SETTING", path, f"{name!r} is no setting", meant)
            if name in flat:
                raise UsageError("CONFIG-TWICE", path, f"sets {name} twice", "Leave one of them out: sections make no difference.")
            flat[name] = item
    return flat
