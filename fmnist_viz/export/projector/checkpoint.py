"""Tensors as the variables of a TensorFlow checkpoint, as tutorials and the article do it: the Projector then reads them with TensorFlow.

The plugin lists every matrix of a checkpoint that lies beside a configuration or in the folder above it, so that such a folder holds
these tensors alone, and no other configuration below itself.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from fmnist_viz.core.store import disk_errors, write_json
from fmnist_viz.export.projector.config import Entry

VARIABLE = "/.ATTRIBUTES/VARIABLE_VALUE"  # what TensorFlow 2 puts after an object's name
PREFIX = "tensors.ckpt"


def into_checkpoint(folder: Path, written: Sequence[tuple[Entry, dict[str, Any]]]) -> list[tuple[Entry, dict[str, Any]]]:
    """Move binary tensor files, each with its entry and its facts, into one checkpoint in `folder`; returns entries and facts as of its variables.

    The first value's stamp is taken off again: nothing reads these bytes as text. Loads TensorFlow.
    """
    import tensorflow as tf

    moved, variables = [], dict[str, Any]()
    for entry, facts in written:
        name = re.sub(r"[^A-Za-z0-9_-]", "_", entry.name)  # TensorFlow doubles dots
        name = f"{name}_" if hasattr(tf.train.Checkpoint, name) or name in variables else name
        values = np.fromfile(folder / entry.tensor, "<f4").reshape(entry.shape)
        values[0, 0] = facts["first_value"]["was"]
        variables[name] = tf.Variable(values)
        kept = {key: value for key, value in facts.items() if key not in ("first_value", "bytes")}
        moved.append((dataclasses.replace(entry, name=name + VARIABLE, tensor=""), {**kept, "file": f"{PREFIX}-1", "variable": name + VARIABLE}))
    with disk_errors(folder):
        tf.train.Checkpoint(**variables).save(str(folder / PREFIX))
        for (entry, _), (_, facts) in zip(written, moved, strict=True):
            (folder / entry.tensor).unlink()
            write_json(folder / f"{entry.name}.json", facts)
    return moved
