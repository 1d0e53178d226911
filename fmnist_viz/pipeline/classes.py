"""Which of a model's outputs is which class of the data: by name where the names are known, never by luck."""

from __future__ import annotations

import json
import unicodedata
from pathlib import Path

import numpy as np

from fmnist_viz.core.errors import BadInput
from fmnist_viz.core.types import DataSet, LabeledImages

NUMBERED = ("fashion-mnist", "sample", "idx", "csv")  # sources whose labels are numbers: the model was trained on the same ones


def known_names(model: Path, given: str) -> tuple[str, ...]:
    """The model's classes in the order of its outputs: as given (comma-separated), or from the run folder that holds the file; else ()."""
    if given:
        return tuple(name.strip() for name in given.split(","))
    try:
        about = json.loads((model.parent / "manifest.json").read_text(encoding="utf-8"))["about"]
        return tuple(str(name) for name in about["data"]["class_names"])
    except (OSError, ValueError, KeyError, TypeError):
        return ()


def match_classes(data: DataSet, names: tuple[str, ...], model: str) -> tuple[DataSet, str]:
    """The data with its classes in the model's order, and what must be said about it.

    Names are compared without case, accents of writing and punctuation ("T-shirt/top" is "T-shirt-top"). Raises BadInput where the model's classes are
    known and are others. Where they are not known, the data's order is taken and the warning says which output is which class.
    """
    if not names:
        if data.source.kind in NUMBERED:
            return data, ""
        order = ", ".join(f"{i} = {name}" for i, name in enumerate(data.class_names[:20])) + (", ..." if len(data.class_names) > 20 else "")
        return data, f"The classes of {model}'s outputs are not known; they are taken to be the data's, in this order: {order}. --classes says otherwise."
    want, have = [_plain(name) for name in names], [_plain(name) for name in data.class_names]
    if sorted(want) != sorted(have) or len(set(want)) != len(want):
        missing = [name for name, plain in zip(data.class_names, have, strict=True) if plain not in want]
        fact = f"knows the classes {', '.join(names)}; the data has {', '.join(missing) or 'others'}"
        raise BadInput("MODEL-CLASSES", model, fact, "Give data with the model's classes, or name its outputs in order with --classes.")
    if want == have:
        return data, ""
    place = np.array([want.index(plain) for plain in have], np.int64)

    def moved(part: LabeledImages | None) -> LabeledImages | None:
        return part and LabeledImages(part.images, place[part.labels], names, part.sample_ids, part.split, part.source)

    test = moved(data.test)
    assert test is not None
    return DataSet(moved(data.train), test), ""


def _plain(name: str) -> str:
    text = unicodedata.normalize("NFKC", name).casefold()
    return "".join(c for c in text if c.isalnum()) or text
