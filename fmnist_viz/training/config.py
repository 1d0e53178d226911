"""What can be chosen about training; standard library only, the command line reads it."""

from __future__ import annotations

from dataclasses import dataclass

from fmnist_viz.core.config import check_options, option
from fmnist_viz.core.errors import UsageError
from fmnist_viz.models.zoo import preset

OPTIMIZERS = ("adam", "sgd", "rmsprop")


@dataclass(frozen=True)
class FitConfig:
    model: str = option("cnn1", "Preset to train (fmnist-viz models lists them).")
    recipe: str = option("plain", "Training recipe: plain.", choices=("plain",))
    # five epochs bring cnn1 to about 91 % in a minute: enough for the main job, and the articles' most common choice
    epochs: int = option(5, "Passes over the training images.", unit="epochs", low=1, high=10000)
    batch_size: int = option(256, "Images per training step.", unit="images", low=1, high=65536)
    optimizer: str = option("adam", "Optimiser: adam, sgd or rmsprop.", choices=OPTIMIZERS)
    learning_rate: float = option(0.001, "Step size of the optimiser; 0.001 is Keras's own default for Adam.", low=0)
    # 5,000 of 60,000 give the validation accuracy an interval of about one point; the test split stays untouched
    validation: int = option(
        -1,
        "Training images held out, stratified, to watch training; -1: 5,000, or a twelfth where that is less; 0: none, nothing is watched.",
        unit="images",
        low=-1,
    )

    def __post_init__(self) -> None:
        check_options(self)
        preset(self.model)
        if self.learning_rate == 0:
            raise UsageError("OPTION-RANGE", "--learning-rate", "0 would train nothing", "Give a positive number.")

    def held_out(self, images: int) -> int:
        """Validation images of so many training images."""
        return min(5000, images // 12) if self.validation < 0 else self.validation


@dataclass(frozen=True)
class ComputeConfig:
    """Where and how precisely training is computed. Part of a run's identity: other threads give other last digits."""

    threads: int = option(0, "Threads for everything; 0 takes all cores that this process may use.", unit="threads", low=0, high=1024)
    device: str = option("auto", "Where to train: auto, cpu or gpu.", choices=("auto", "cpu", "gpu"))
    precision: str = option(
        "float32", "Arithmetic of training: float32, auto, bfloat16 or float16 (auto: mixed only where the hardware has the instructions).",
        choices=("float32", "auto", "bfloat16", "float16"),
    )  # fmt: skip
    replicas: int = option(
        0, "Devices that share each batch; 0 takes every GPU there is. On a CPU, 2 or more split it into logical devices.", unit="devices", low=0, high=64
    )

    def __post_init__(self) -> None:
        check_options(self)
