"""The tensors between a model's layers: what each layer was given and made in *this* model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from fmnist_viz.core.errors import BadInput

if TYPE_CHECKING:
    import keras


@dataclass(frozen=True)
class Call:
    """One layer's call: symbolic tensors in and out."""

    layer: Any
    inputs: tuple[Any, ...]
    outputs: tuple[Any, ...]


def calls(model: keras.Model) -> dict[str, Call]:
    """Each layer's last call on the way to the output, by layer name.

    `layer.output` will not do: a model inside a model answers with the tensor of its own inner graph.

    Raises BadInput for models with several inputs or outputs, or without a graph of layers (subclassed models).
    """
    inputs, outputs = getattr(model, "inputs", None), getattr(model, "outputs", None)
    if not inputs or not outputs:
        fact = "has no graph of layers (a subclassed model, or one that was never built)"
        raise BadInput("MODEL-KIND", model.name, fact, "Only functional and sequential models can be looked into.")
    if len(inputs) != 1 or len(outputs) != 1:
        fact = f"has {len(inputs)} inputs and {len(outputs)} outputs"
        raise BadInput("MODEL-KIND", model.name, fact, "Only models with one of each are supported.")
    found: dict[str, Call] = {}
    seen: set[int] = set()
    open_tensors = [outputs[0]]
    while open_tensors:
        tensor = open_tensors.pop(0)
        if id(tensor) in seen:
            continue
        seen.add(id(tensor))
        history = tensor._keras_history
        node = history.operation._inbound_nodes[history.node_index]
        found.setdefault(history.operation.name, Call(history.operation, tuple(node.input_tensors), tuple(node.output_tensors)))
        if tensor is not inputs[0]:
            open_tensors += node.input_tensors
    return found
