"""Which layers of a Keras model are hidden layers, and where its logits are."""

from __future__ import annotations

import fnmatch
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from fmnist_viz.core.errors import BadInput, unknown_choice

if TYPE_CHECKING:
    import keras

# Layers that only rescale pixels are data preparation: their map would be the map of the pixels.
RESCALING = ("Rescaling", "Normalization")


@dataclass(frozen=True)
class LayerInfo:
    """One layer as a person sees it: `skipped` is empty for a hidden layer, else the reason."""

    name: str
    kind: str
    shape: tuple[int | None, ...]
    parameters: int
    skipped: str = ""

    @property
    def width(self) -> int:
        return int(np.prod([side for side in self.shape if side is not None])) if self.shape else 0


def layer_table(model: keras.Model, probe: np.ndarray) -> list[LayerInfo]:
    """All layers in order. A hidden layer is one whose inference output differs from its input on `probe` (m, h, w, c).

    Input, dropout, flatten and reshape layers hand their input on (the same numbers in the same order) and are skipped, as are layers that only rescale the pixels, the output layer (its
    logits and probabilities are representations of their own) and layers without a single tensor as output.

    Raises BadInput for models with several inputs or outputs, or without a graph of layers (subclassed models).
    """
    import keras

    if not isinstance(model, (keras.Sequential, keras.Model)) or not getattr(model, "_is_graph_network", True) or not model.built:
        raise BadInput("MODEL-KIND", model.name, "has no graph of layers (a subclassed model)", "Only functional and sequential models can be looked into.")
    if len(model.inputs) != 1 or len(model.outputs) != 1:
        raise BadInput("MODEL-KIND", model.name, f"has {len(model.inputs)} inputs and {len(model.outputs)} outputs", "Only models with one of each are supported.")
    tapped = [layer for layer in model.layers if _single_output(layer)]
    values = keras.Model(model.inputs[0], [layer.output for layer in tapped])(probe, training=False)
    values = values if isinstance(values, (list, tuple)) else [values]
    known = {id(layer): np.asarray(value, np.float32).reshape(len(probe), -1) for layer, value in zip(tapped, values, strict=True)}
    by_tensor = {id(layer.output): known[id(layer)] for layer in tapped}
    rows = []
    for layer in model.layers:
        kind = type(layer).__name__
        shape = tuple(layer.output.shape[1:]) if id(layer) in known else ()
        rows.append(LayerInfo(layer.name, kind, shape, int(layer.count_params()), _why_skipped(layer, kind, known, by_tensor, model)))
    return rows


def _single_output(layer: Any) -> bool:
    try:
        return hasattr(layer.output, "shape") and layer.output.shape is not None
    except (AttributeError, ValueError):
        return False


def _why_skipped(layer: Any, kind: str, known: dict[int, np.ndarray], by_tensor: dict[int, np.ndarray], model: Any) -> str:
    if kind == "InputLayer":
        return "input"
    if id(layer) not in known:
        return "no single output tensor"
    if kind in RESCALING:
        return "rescales the pixels"
    if layer.output is model.outputs[0]:
        return "output: see logits and probabilities"
    before = by_tensor.get(id(layer.input)) if not isinstance(layer.input, (list, tuple)) else None
    if before is not None and before.shape == known[id(layer)].shape and np.array_equal(before, known[id(layer)]):
        return "hands its input on at inference"
    return ""


def choose(table: list[LayerInfo], patterns: str) -> list[LayerInfo]:
    """Hidden layers whose name matches one of the comma-separated globs; raises UsageError with the list otherwise."""
    hidden = [row for row in table if not row.skipped]
    wanted = [p.strip() for p in patterns.split(",") if p.strip()]
    names = [*SPECIAL, *(row.name for row in hidden)]
    for pattern in wanted:
        if not any(fnmatch.fnmatchcase(name, pattern) for name in names):
            raise unknown_choice("layer", pattern, names)
    return [row for row in hidden if any(fnmatch.fnmatchcase(row.name, p) for p in wanted)]


SPECIAL = ("pixels", "logits", "probabilities")  # representations that every model has


def chosen_special(patterns: str) -> tuple[str, ...]:
    """Which of pixels, logits and probabilities are asked for. `*` means pixels and logits: probabilities are
    a squashed copy of the logits, and come when they are named."""
    wanted = [p.strip() for p in patterns.split(",") if p.strip()]
    return tuple(
        name for name in SPECIAL
        if any(p == name or (p == "*" and name != "probabilities") or (p != "*" and fnmatch.fnmatchcase(name, p)) for p in wanted)
    )  # fmt: skip


def logits_model(model: keras.Model) -> keras.Model:
    """`model` with its final softmax taken off: returns logits (n, classes), sharing every weight.

    A final dense layer with a softmax is rebuilt as a linear one with the same weights; a final Softmax or Activation
    layer is left out; an output without softmax is taken to be logits already.
    """
    import keras

    last = model.layers[-1]
    inner = last
    if isinstance(inner, (keras.layers.Softmax,)) or (isinstance(inner, keras.layers.Activation) and _is_softmax(inner)):
        return keras.Model(model.inputs[0], inner.input)
    if isinstance(inner, keras.layers.Dense) and _is_softmax(inner):
        config = {**inner.get_config(), "activation": "linear", "name": f"{inner.name}_logits", "dtype": "float32"}
        linear = keras.layers.Dense.from_config(config)
        output = linear(inner.input)
        linear.set_weights(inner.get_weights())
        return keras.Model(model.inputs[0], output)
    return model


def penultimate(table: list[LayerInfo]) -> str:
    """The name of the last hidden layer, the one before the output; empty where there is none."""
    hidden = [row for row in table if not row.skipped]
    return hidden[-1].name if hidden else ""


def _is_softmax(layer: Any) -> bool:
    return getattr(getattr(layer, "activation", None), "__name__", "") == "softmax"
