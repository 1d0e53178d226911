"""Tensors as the variables of a TensorFlow checkpoint, as tutorials and the article do it: the Projector then reads them with TensorFlow.

The plugin lists every matrix of a checkpoint that lies beside a configuration or in the folder above it, so that such a folder holds
these tensors alone, and no other configuration below itself.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from fmnist_viz.core.store import disk_errors
from fmnist_viz.export.projector.config import Entry

VARIABLE = "/.ATTRIBUTES/VARIABLE_VALUE"  # what TensorFlow 2 puts after an object's name
PREFIX = "tensors.ckpt"


def into_checkpoint(folder: Path, entries: Sequence[Entry]) -> list[Entry]:
    """Move the binary tensor files of `entries` into one checkpoint in `folder`; returns the entries as its variables.

    The first value's stamp stays: nothing reads these bytes as text, but it is what the sidecar says. Loads TensorFlow.
    """
    import tensorflow as tf

    moved, variables = [], {}
    for entry in entries:
        name = re.sub(r"[^A-Za-z0-9_-]", "_", entry.name)  # TensorFlow doubles dots
        name = f"{name}_" if hasattr(tf.train.Checkpoint, name) or name in variables else name
        variables[name] = tf.Variable(np.fromfile(folder / entry.tensor, "<f4").reshape(entry.shape))
        moved.append(dataclasses.replace(entry, name=name + VARIABLE, tensor=""))
    with disk_errors(folder):
        tf.train.Checkpoint(**variables).save(str(folder / PREFIX))
        for entry in entries:
            (folder / entry.tensor).unlink()
    return moved
