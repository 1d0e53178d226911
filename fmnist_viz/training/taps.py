"""What anyone's model, also one in the middle of its training, makes of some images: every chosen layer and the output, in one pass."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from fmnist_viz.core.errors import BadInput
from fmnist_viz.models.graph import calls
from fmnist_viz.models.layers import LayerInfo, are_probabilities, before_softmax, choose, chosen_special, layer_table

BATCH = 500  # images at a time
WIDE = 1024  # values per image above which the feature maps of `pool="auto"` are averaged over their places
PROBED = 8  # images that tell which layers hand their input on
Rows = NDArray[np.float32]


@dataclass(frozen=True)
class Sight:
    """layers : float32 (n, d) by name, in the model's order, logits and probabilities last;  probabilities : float32 (n, c), None where the output gives
    none;  classifies : whether the model itself ends in them, so that they are not just a softmax of whatever it returns."""

    layers: Mapping[str, Rows]
    probabilities: Rows | None
    classifies: bool


class Taps:
    """The chosen layers of a model: `taps(images)` is a `Sight` of its present weights.

    A functional or sequential model is looked at through one model with many outputs; of any other, its own layers' calls are listened to.
    `patterns` are globs separated by commas as in `--layers`; raises UsageError naming the layers where one matches nothing, BadInput for a model
    with several inputs or outputs, or one that cannot be called with the images alone.
    """

    def __init__(self, model: Any, images: NDArray[Any], patterns: str, pool: str) -> None:
        self.model, self.special, self._pool = model, chosen_special(patterns), pool
        probe = images[:PROBED]
        self._graph = bool(getattr(model, "inputs", None) and getattr(model, "outputs", None))
        table = layer_table(model, probe) if self._graph else _heard_table(model, probe)
        self.chosen = choose(table, patterns)
        self.pooled = tuple(info.name for info in self.chosen if _pools(info, pool))
        self._dense: Any = None
        self._has_logits = False
        if self._graph:
            self._taps = self._tapped()

    def _tapped(self) -> Any:
        graph = calls(self.model)
        outputs = [_averaged(graph[i.name].outputs[0]) if i.name in self.pooled else graph[i.name].outputs[0] for i in self.chosen]
        head, self._dense = before_softmax(self.model)
        self._has_logits = head is not None
        return keras.Model(self.model.inputs[0], [*outputs, *([head] if head is not None else []), self.model.outputs[0]])

    def __call__(self, images: NDArray[Any]) -> Sight:
        parts: list[list[Rows]] = []
        for start in range(0, len(images), BATCH):
            block = images[start : start + BATCH]
            made = self._taps(block, training=False) if self._graph else self._listened(block)
            parts.append([_rows(value) for value in (made if isinstance(made, (list, tuple)) else [made])])
        columns = [np.concatenate(column) for column in zip(*parts, strict=True)]
        layers = dict(zip([info.name for info in self.chosen], columns, strict=False))
        output = columns[-1]
        logits, proba = self._answers(columns[-2] if self._has_logits else None, output)
        if "logits" in self.special:
            layers["logits"] = output if logits is None else logits
        if "probabilities" in self.special and proba is not None:
            layers["probabilities"] = proba
        return Sight(layers, proba, proba is not None and (proba is output or self._has_logits or output.shape[1] == 1))

    def _answers(self, head: Rows | None, output: Rows) -> tuple[Rows | None, Rows | None]:
        """(logits, probabilities); None for what the output does not give. A single column of 0..1 is the probability of the second of two classes."""
        logits = head
        if head is not None and self._dense is not None:
            kernel, bias = (_rows(weight) for weight in (self._dense.kernel, self._dense.bias if self._dense.use_bias else np.zeros((1, output.shape[1]))))
            logits = head @ kernel.reshape(head.shape[1], -1) + bias.ravel()
        if logits is None and output.shape[1] == 1:
            sigmoid = bool((output >= 0).all() and (output <= 1).all())
            return None, np.hstack([1 - output, output]) if sigmoid else None
        if logits is None and are_probabilities(output):
            return np.log(np.maximum(output, np.finfo(np.float32).tiny)), output
        logits = output if logits is None else logits
        e = np.exp(logits - logits.max(axis=1, keepdims=True), dtype=np.float64)
        return logits, (e / e.sum(axis=1, keepdims=True)).astype(np.float32)

    def _listened(self, block: NDArray[Any]) -> list[Any]:
        with listening(self.model) as heard:
            output = self.model(block, training=False)
        made = [_averaged(heard[i.name][1]) if i.name in self.pooled else heard[i.name][1] for i in self.chosen]
        return [*made, output]


def _pools(info: LayerInfo, pool: str) -> bool:
    return len(info.shape) >= 2 and (pool == "average" or (pool == "auto" and info.width > WIDE))


def _averaged(tensor: Any) -> Any:
    """The mean of each channel over all places, in float32: sums of thousands of values would leave half precision."""
    return keras.ops.mean(keras.ops.cast(tensor, "float32"), axis=tuple(range(1, len(tensor.shape) - 1)))


def _rows(value: Any) -> Rows:
    found = np.asarray(keras.ops.convert_to_numpy(value)).astype(np.float32)
    return found.reshape(len(found), -1)


@contextlib.contextmanager
def listening(model: Any) -> Iterator[dict[str, tuple[Any, Any]]]:
    """While it lasts, each of the model's own layers notes the (first argument, result) of its last call under its name."""
    heard: dict[str, tuple[Any, Any]] = {}

    def through(name: str, call: Any) -> Any:
        def noted(*args: Any, **kwargs: Any) -> Any:
            made = call(*args, **kwargs)
            heard[name] = (args[0] if args else next(iter(kwargs.values()), None), made)
            return made

        return noted

    layers = list(model.layers)
    try:
        for layer in layers:
            object.__setattr__(layer, "call", through(layer.name, layer.call))  # found before the class's own; Keras's bookkeeping of attributes is passed by
        yield heard
    finally:
        for layer in layers:
            layer.__dict__.pop("call", None)


def _heard_table(model: Any, probe: NDArray[Any]) -> list[LayerInfo]:
    """The layer table of a subclassed model, from what its layers are heard to do with a few images."""
    try:
        with listening(model) as heard:
            output = model(probe, training=False)
    except Exception as e:
        fact = f"cannot be called with the images alone ({' '.join(str(e).split())[:120]})"
        raise BadInput("MODEL-KIND", model.name, fact, "Give the images as the model takes them.") from e
    if not hasattr(output, "shape") or len(output.shape) < 2:
        raise BadInput("MODEL-KIND", model.name, "its output is not a single tensor", "Only models with one output are supported.")
    last = _rows(output)
    return [_heard_info(layer, heard.get(layer.name), last) for layer in model.layers]


def _heard_info(layer: Any, call: tuple[Any, Any] | None, output: Rows) -> LayerInfo:
    if call is None or not hasattr(call[1], "shape") or len(call[1].shape) < 2:
        return LayerInfo(layer.name, type(layer).__name__, (), int(layer.count_params()), "was not called, or gave no single tensor")
    made, shape, why = _rows(call[1]), tuple(int(side) for side in call[1].shape[1:]), ""
    given = _rows(call[0]) if hasattr(call[0], "shape") and len(call[0].shape) >= 2 else None
    if made.shape == output.shape and np.array_equal(made, output):
        why = "output: see logits and probabilities"
    elif given is not None and not layer.weights and given.shape == made.shape and np.array_equal(given, made):
        why = "hands its input on at inference"
    return LayerInfo(layer.name, type(layer).__name__, shape, int(layer.count_params()), why)
