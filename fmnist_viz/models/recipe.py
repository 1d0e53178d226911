"""How a preset is trained: data handling, optimiser, length. A recipe is data; `training` carries it out."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Augmentation:
    """Random distortions of one image, drawn uniformly: rotation ±degrees, shifts ±share of the side, shear ±`shear`, zooms 1±zoom per axis."""

    rotation: float = 8.0
    shift: float = 0.08
    shear: float = 0.3
    zoom: float = 0.08
    flip: bool = False  # mirror left and right, every second image
    shear_unit: str = "degrees"  # or "radians"


@dataclass(frozen=True)
class Recipe:
    """One training. `epochs` plain ones come first, then `augmented_epochs` that go on with the same weights and optimiser.

    held_out : "stratified" (a count, from the run's seed), "random" (a share, from `split_seed`), "test" (nothing is held out, the
    test split is watched, as some articles do; nothing is chosen by it) or "none".
    order : "epoch" (each image once per epoch, order from (seed, epoch)) or "repeat" (tf.data's repeat-then-shuffle stream, where the
    ends of epochs blur).
    schedule : "constant"; "sweep" (1e-3 · 10^(epoch / 20), epochs from 0); "one-cycle" (linear warm-up, then cosine to 0, per step).
    """

    epochs: int = 5
    augmented_epochs: int = 0
    batch_size: int = 256
    optimizer: str = "adam"
    learning_rate: float = 0.001
    schedule: str = "constant"
    order: str = "epoch"
    held_out: str = "stratified"
    held_out_share: float = 0.0
    split_seed: int = 0
    augmentation: Augmentation | None = None
    augmented_validation: bool = False
    label_smoothing: float = 0.0
    weight_decay: float = 0.0

    @property
    def length(self) -> int:
        """Epochs in all."""
        return self.epochs + self.augmented_epochs

    def steps(self, images: int) -> int:
        """Training steps per epoch."""
        return math.ceil(images / self.batch_size)

    def augmented(self, epoch: int) -> bool:
        """Whether an epoch, counted from 0, is one of the augmented ones."""
        return self.augmentation is not None and epoch >= self.epochs

    def words(self) -> str:
        """The training in one line."""
        rates = {"sweep": "learning rate 0.001 · 10^(epoch / 20)", "one-cycle": f"one-cycle learning rate up to {self.learning_rate:g}"}
        augmented = f", then {self.augmented_epochs} of distorted images" if self.augmentation else ""
        plain = f"{_epochs(self.epochs)}{augmented}" if self.epochs else f"{_epochs(self.augmented_epochs)} of distorted images"
        rate = rates.get(self.schedule, f"learning rate {self.learning_rate:g}")
        order = ", repeated and then shuffled" if self.order == "repeat" else ""
        return f"{plain}, batches of {self.batch_size}{order}, {self.optimizer}, {rate}"


def _epochs(count: int) -> str:
    return f"{count} epoch{'s' * (count != 1)}"


# the main job's: five epochs bring cnn1 to about 91 % in a minute, and are the articles' most common choice
PLAIN = Recipe()


def sweep_rate(epoch: int) -> float:
    """Learning rate of the sweep in an epoch counted from 0: a factor of ten every twenty epochs, starting at 0.001."""
    return float(1e-3 * 10 ** (epoch / 20))
