"""One frozen dataclass per stage; each field carries its default, its help and its unit.

The command line, `config.toml`, the digest in a run's name and the captions are all read off these fields,
so that an option is written down once.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import Any

from fmnist_viz.core.errors import BadInput, UsageError, unknown_choice


def option(default: Any, help: str, *, unit: str = "", choices: tuple[str, ...] = (), low: float | None = None, high: float | None = None) -> Any:
    """A dataclass field with what a person needs to know about it. `low` and `high` are inclusive bounds."""
    return dataclasses.field(default=default, metadata={"help": help, "unit": unit, "choices": choices, "low": low, "high": high})


def check_options(config: Any) -> None:
    """Raise UsageError where a value is not among a field's choices or outside its bounds."""
    for f in dataclasses.fields(config):
        value, meta, name = getattr(config, f.name), f.metadata, "--" + f.name.replace("_", "-")
        if meta.get("choices") and value not in meta["choices"]:
            raise unknown_choice(f.name.replace("_", " "), str(value), meta["choices"])
        for bound, wrong in (("low", lambda v, b: v < b), ("high", lambda v, b: v > b)):
            if meta.get(bound) is not None and (value != value or wrong(value, meta[bound])):
                word = "at least" if bound == "low" else "at most"
                raise UsageError("OPTION-RANGE", name, f"{value} is out of range", f"Give {word} {meta[bound]:g}{' ' + meta['unit'] if meta['unit'] else ''}.")


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
    lines = [f"# {line}" for line in header.splitlines()]
    for config in configs:
        lines.append("")
        for f in dataclasses.fields(config):
            note = f.metadata.get("help", "")
            if note:
                lines.append(f"# {note}")
            value = getattr(config, f.name)
            text = json.dumps(value) if not isinstance(value, str) else json.dumps(value, ensure_ascii=False)
            lines.append(f"{f.name} = {text}")
    return "\n".join(lines).lstrip("\n") + "\n"


def read_toml(path: str, allowed: Iterable[str]) -> dict[str, Any]:
    """The settings in a TOML file as a flat dict; sections are allowed and ignored, dashes equal underscores.

    Raises BadInput for a file that is missing or no TOML, UsageError for a name that no option has.
    """
    import tomllib
    from pathlib import Path

    try:
        data = tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as e:
        raise BadInput("CONFIG-MISSING", path, f"cannot be read ({e.strerror})", "Give --config an existing TOML file.") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as e:
        raise BadInput("CONFIG-SYNTAX", path, f"is not valid TOML: {e}", "Mend that line; a run's own config.toml is a good model.") from None
    flat: dict[str, Any] = {}
    for key, value in data.items():
        for name, item in value.items() if isinstance(value, dict) else [(key, value)]:
            flat[name.replace("-", "_")] = item
    names = set(allowed)
    for name in flat:
        if name not in names:
            raise unknown_choice("setting", name, sorted(names))
    return flat
