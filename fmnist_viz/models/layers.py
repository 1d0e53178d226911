"""Which layers of a Keras model are hidden layers, and where its logits are."""

from __future__ import annotations

import fnmatch
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from fmnist_viz.core.errors import unknown_choice
from fmnist_viz.models.graph import Call, calls

if TYPE_CHECKING:
    import keras

# Layers that only rescale pixels are data preparation: their map would be the map of the pixels.
RESCALING = ("Rescaling", "Normalization")
RESIZING = ("Resizing",)
SPECIAL = ("pixels", "logits", "probabilities")  # representations that every model has


@dataclass(frozen=True)
class LayerInfo:
    """One layer as a person sees it: `skipped` is empty for a hidden layer, else the reason."""

    name: str
    kind: str
    shape: tuple[int, ...]
    parameters: int
    skipped: str = ""

    @property
    def width(self) -> int:
        """Values per image."""
        return int(np.prod(self.shape)) if self.shape else 0


def layer_table(model: keras.Model, probe: np.ndarray) -> list[LayerInfo]:
    """All layers in order. A hidden layer is one whose inference output differs from its input on `probe` (m, h, w, c).

    Input, dropout, flatten and reshape layers hand their input on (the same numbers in the same order) and are skipped, as are
    layers that only rescale the pixels, the output layer and what makes the logits before it (logits and probabilities are
    representations of their own) and layers without a single tensor as output.

    Raises BadInput for models with several inputs or outputs, or without a graph of layers (subclassed models).
    """
    import keras

    graph = calls(model)
    tapped = {name: call.outputs[0] for name, call in graph.items() if len(call.outputs) == 1}
    made = keras.Model(model.inputs[0], list(tapped.values()))(probe, training=False)
    values = {id(tensor): np.asarray(value, np.float32) for tensor, value in zip(tapped.values(), made, strict=True)}
    values[id(model.inputs[0])] = np.asarray(probe, np.float32)
    logits = logits_tensor(model)
    rows = []
    for layer in model.layers:
        call = graph.get(layer.name)
        value = values.get(id(call.outputs[0])) if call else None
        shape = value.shape[1:] if value is not None else ()
        reason = "no single output tensor" if call is None or value is None else _why_skipped(call, value, values, model, logits)
        rows.append(LayerInfo(layer.name, type(layer).__name__, tuple(shape), int(layer.count_params()), reason))
    return rows


def rescales(model: keras.Model) -> bool:
    """Whether a layer of it, or of a model within it, rescales pixels: then it takes them as they are, 0..255."""
    return any(type(layer).__name__ in RESCALING or (hasattr(layer, "layers") and rescales(layer)) for layer in model.layers)


def _why_skipped(call: Call, value: np.ndarray, values: dict[int, np.ndarray], model: keras.Model, logits: Any) -> str:
    if type(call.layer).__name__ == "InputLayer":
        return "input"
    if type(call.layer).__name__ in RESCALING:
        return "rescales the pixels"
    if type(call.layer).__name__ in RESIZING:
        return "resizes the pixels"
    if len(call.inputs) > 1 and all(tensor is call.inputs[0] for tensor in call.inputs) and type(call.layer).__name__ == "Concatenate":
        return "copies its input"
    if call.outputs[0] is model.outputs[0] or call.outputs[0] is logits:
        return "output: see logits and probabilities"
    if call.layer.weights:
        return ""  # two dead layers in a row both give zeros; neither hands the other's on
    before = values.get(id(call.inputs[0])) if len(call.inputs) == 1 else None
    if before is not None and before.size == value.size and np.array_equal(before.ravel(), value.ravel()):
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


def chosen_special(patterns: str) -> tuple[str, ...]:
    """Which of pixels, logits and probabilities are asked for. `*` means pixels and logits: probabilities are
    a squashed copy of the logits, and come when they are named."""
    wanted = [p.strip() for p in patterns.split(",") if p.strip()]
    return tuple(
        name for name in SPECIAL
        if any(p == name or (p == "*" and name != "probabilities") or (p != "*" and fnmatch.fnmatchcase(name, p)) for p in wanted)
    )  # fmt: skip


def logits_tensor(model: keras.Model) -> Any:
    """What a final Softmax or Activation layer (or `keras.ops.softmax`) is given; None where the model ends otherwise."""
    last = _last_call(model)
    return last.inputs[0] if type(last.layer).__name__ == "Softmax" or (type(last.layer).__name__ == "Activation" and _is_softmax(last.layer)) else None


def logits_model(model: keras.Model) -> keras.Model:
    """`model` with its final softmax taken off: returns logits (n, classes).

    A final softmax layer is left out; a final dense layer with a softmax is rebuilt as a linear one with a copy of its weights;
    a final model within the model is treated likewise. Every other model is returned as it is: see `are_probabilities`.
    """
    import keras

    if (tensor := logits_tensor(model)) is not None:
        return keras.Model(model.inputs[0], tensor)
    last = _last_call(model)
    if isinstance(last.layer, keras.layers.Dense) and _is_softmax(last.layer):
        config = {**last.layer.get_config(), "activation": "linear", "name": f"{last.layer.name}_logits", "dtype": "float32"}
        linear = keras.layers.Dense.from_config(config)
        output = linear(last.inputs[0])
        linear.set_weights(last.layer.get_weights())
        return keras.Model(model.inputs[0], output)
    if isinstance(last.layer, keras.Model) and (inner := logits_model(last.layer)) is not last.layer:
        return keras.Model(model.inputs[0], inner(last.inputs[0]))
    return model


def before_softmax(model: keras.Model) -> tuple[Any, Any]:
    """(tensor, None) where that tensor of the graph is the logits; (tensor, dense) where they are what the final dense layer's kernel and bias make of it;
    (None, None) where the model ends otherwise. For models still in training: `logits_model` copies weights once.
    """
    import keras

    if (tensor := logits_tensor(model)) is not None:
        return tensor, None
    last = _last_call(model)
    return (last.inputs[0], last.layer) if type(last.layer) is keras.layers.Dense and _is_softmax(last.layer) else (None, None)


def are_probabilities(output: np.ndarray) -> bool:
    """Whether rows (n, classes) are what a softmax gives, however a model computed it: none negative, each summing to one."""
    return output.shape[1] > 1 and bool((output >= 0).all()) and bool(np.abs(output.sum(axis=1) - 1).max() < 1e-2)


def _last_call(model: keras.Model) -> Call:
    return next(call for call in calls(model).values() if any(tensor is model.outputs[0] for tensor in call.outputs))


def penultimate(table: list[LayerInfo]) -> str:
    """The name of the last hidden layer, the one before the output; empty where there is none."""
    hidden = [row for row in table if not row.skipped]
    return hidden[-1].name if hidden else ""


def _is_softmax(layer: Any) -> bool:
    return getattr(getattr(layer, "activation", None), "__name__", "") == "softmax"
