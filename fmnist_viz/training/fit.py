"""One training: a preset, images, a folder that receives the model, its history and the probe's recordings."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from fmnist_viz.core.errors import BadInput, Diverged, UsageError
from fmnist_viz.core.progress import Progress
from fmnist_viz.core.store import staged_file, write_file
from fmnist_viz.core.types import LabeledImages
from fmnist_viz.training.config import FitConfig
from fmnist_viz.training.device import Device

if TYPE_CHECKING:
    from fmnist_viz.training.probe import Twin

Picture = np.ndarray  # uint8 (h, w, 3)


@dataclass(frozen=True)
class Pictures:
    """How to draw what TensorBoard shows; injected, since drawing lives beside training, not below it."""

    sample_grid: Callable[[LabeledImages], Picture | None]
    confusion: Callable[[np.ndarray, np.ndarray, tuple[str, ...], str], Picture | None]  # (y_true, y_pred, class_names, title)


def fit(
    train: LabeledImages, validation: LabeledImages | None, probe: LabeledImages, folder: Path, boards: Path, *,
    config: FitConfig, device: Device, seed: int, progress: Progress, pictures: Pictures,
) -> dict[str, Any]:  # fmt: skip
    """Train; write `model.keras`, `history.csv` and `probe/` into `folder`, event files below `boards`.

    The saved model is float32 whatever the training's precision. Returns what the manifest keeps. Raises BadInput for a
    single class, Diverged (after saving the last finite model) where the loss stops being a number.
    """
    check_classes(train)
    import keras

    from fmnist_viz.models.zoo import build
    from fmnist_viz.training.finite_loss import FiniteLoss
    from fmnist_viz.training.hparams import hyperparameters
    from fmnist_viz.training.probe import Twin
    from fmnist_viz.training.stream import training_batches

    def fresh(policy: str) -> Any:
        return build(config.model, input_shape=train.images.shape[1:], classes=len(train.class_names), seed=seed, policy=policy)

    model = _compiled(lambda: fresh(device.policy), config, device)
    keras.utils.set_random_seed(seed)
    twin, guard = Twin(lambda: fresh("float32")), FiniteLoss()
    held_out = len(validation) if validation is not None else 0
    hparams = hyperparameters(config, seed=seed, precision=device.policy, replicas=device.replicas, train_images=len(train), validation=held_out)
    history = model.fit(
        training_batches(train, batch_size=config.batch_size, epochs=config.epochs, seed=seed),
        epochs=config.epochs,
        steps_per_epoch=math.ceil(len(train) / config.batch_size),
        verbose=0,
        callbacks=[guard, *_recorders(model, twin, train, validation, probe, folder, boards, config.epochs, progress, pictures, hparams)],
        validation_data=None if validation is None else (validation.images, validation.labels),
        validation_batch_size=1000,
    )
    twin.model.set_weights(guard.weights)
    with staged_file(folder / "model.keras") as temp:
        twin.model.save(temp)
    rows = _history(history.history)
    write_file(folder / "history.csv", _csv(rows))
    if guard.failed:
        epoch, step = guard.failed
        kept = f"the model after epoch {guard.epoch_of_weights}" if guard.epoch_of_weights else "the untrained model"
        remedy = f"Try a smaller --learning-rate than {config.learning_rate:g}."
        raise Diverged("DIVERGED", f"epoch {epoch}, step {step}", f"the loss is not finite; {kept} was kept", remedy)
    return {"history": rows, "parameters": int(model.count_params()), **device.record(), "train_images": len(train), "validation_images": held_out}


def _recorders(
    model: Any, twin: Twin, train: LabeledImages, validation: LabeledImages | None, probe: LabeledImages, folder: Path, boards: Path,
    epochs: int, progress: Progress, pictures: Pictures, hparams: dict[str, Any],
) -> list[Any]:  # fmt: skip
    """The callbacks that only look on: screen, probe, TensorBoard."""
    from fmnist_viz.training.board import Board
    from fmnist_viz.training.probe import ProbeRecorder
    from fmnist_viz.training.progress import ScreenProgress

    watched, what = (validation, "validation") if validation is not None else (probe, "probe")

    def confusion(epoch: int) -> Picture | None:
        _, logits = twin(model.get_weights(), watched.images)
        title = f"epoch {epoch + 1}: {len(watched):,} {what} images"
        return pictures.confusion(watched.labels, logits.argmax(1), watched.class_names, title)

    return [
        ScreenProgress(progress, epochs),
        ProbeRecorder(twin, probe, folder / "probe", save_npz),
        Board(boards, sample_grid=lambda: pictures.sample_grid(train), confusion=confusion, validation=validation is not None, hparams=hparams),
    ]


def check_classes(images: LabeledImages) -> None:
    """Raise BadInput for training images of fewer than two classes."""
    found = len(np.unique(images.labels))
    if found < 2:
        remedy = "A classifier needs at least 2; `export` can look at a single one."
        raise BadInput("ONE-CLASS", images.source.location, f"{found} class in the training images", remedy)


def _compiled(build: Callable[[], Any], config: FitConfig, device: Device) -> Any:
    """The model, made and compiled in the strategy's scope where there is one."""
    import contextlib

    import keras

    optimizers = {"adam": keras.optimizers.Adam, "sgd": keras.optimizers.SGD, "rmsprop": keras.optimizers.RMSprop}
    if config.optimizer not in optimizers:
        raise UsageError("UNKNOWN-OPTIMIZER", config.optimizer, "there is no such optimiser", f"Choose from: {', '.join(optimizers)}.")
    with device.strategy.scope() if device.strategy else contextlib.nullcontext():
        model = build()
        # jit_compile on a CPU is 20 to 35 times slower for convolutions; Keras's "auto" leaves it off there
        model.compile(optimizers[config.optimizer](config.learning_rate), "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def save_npz(path: Path, arrays: dict[str, Any]) -> None:
    write_file(path, lambda f: np.savez(f, **arrays))  # type: ignore[arg-type]


def _history(columns: dict[str, list[float]]) -> dict[str, list[float]]:
    done = len(columns.get("loss", []))
    order = ["loss", "accuracy", "val_loss", "val_accuracy", "learning_rate", "seconds"]
    finite = {name: [float(v) if np.isfinite(v) else None for v in columns[name]] for name in order if name in columns}
    return {"epoch": list(range(1, done + 1)), **finite}  # type: ignore[dict-item]


def _csv(columns: dict[str, list[float]]) -> str:
    rows = zip(*columns.values(), strict=True)
    return "\n".join([",".join(columns), *(",".join("" if v is None else repr(v) for v in row) for row in rows)]) + "\n"
