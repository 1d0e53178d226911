"""Learning rates that change: by epoch or by step, from the place in the training alone."""

from __future__ import annotations

import math
from typing import Any

import keras

from fmnist_viz.models.recipe import Recipe, sweep_rate

WARM_UP = 0.2  # share of the steps that the one-cycle schedule rises


class OneCycle(keras.optimizers.schedules.LearningRateSchedule):
    """Linear from a 25th of the peak to the peak, then half a cosine down to 0 (after Smith & Topin 2019, arXiv 1708.07120)."""

    def __init__(self, peak: float, steps: int) -> None:
        self.peak, self.steps = peak, steps

    def __call__(self, step: Any) -> Any:
        ops = keras.ops
        at = ops.cast(step, "float32") / self.steps
        rising = self.peak * (1 / 25 + (1 - 1 / 25) * at / WARM_UP)
        falling = self.peak * 0.5 * (1 + ops.cos(math.pi * ops.clip((at - WARM_UP) / (1 - WARM_UP), 0.0, 1.0)))
        return ops.where(at < WARM_UP, rising, falling)

    def get_config(self) -> dict[str, Any]:
        return {"peak": self.peak, "steps": self.steps}


def rate(recipe: Recipe, images: int) -> Any:
    """What the optimiser is given: a number, or a schedule over steps."""
    return OneCycle(recipe.learning_rate, recipe.length * recipe.steps(images)) if recipe.schedule == "one-cycle" else recipe.learning_rate


def rate_callbacks(recipe: Recipe) -> list[Any]:
    """The callback that sets each epoch's rate, where the schedule goes by epochs."""
    return [keras.callbacks.LearningRateScheduler(lambda epoch: sweep_rate(epoch))] if recipe.schedule == "sweep" else []
