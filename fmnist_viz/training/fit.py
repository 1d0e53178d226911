"""One training: a preset, images, a folder that receives the model, its history and the probe's recordings."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from fmnist_viz.core.errors import BadInput, Diverged, UsageError
from fmnist_viz.core.progress import Progress
from fmnist_viz.core.store import staged_file, write_file
from fmnist_viz.core.types import LabeledImages
from fmnist_viz.models.recipe import Recipe
from fmnist_viz.models.zoo import preset
from fmnist_viz.training.config import FitConfig
from fmnist_viz.training.device import Device

if TYPE_CHECKING:
    import keras

    from fmnist_viz.training.keeper import StateKeeper
    from fmnist_viz.training.probe import DeadUnits, Look, Twin
    from fmnist_viz.training.state import State

Picture = np.ndarray  # uint8 (h, w, 3)


@dataclass(frozen=True)
class Pictures:
    """How to draw what TensorBoard shows; injected, since drawing lives beside training, not below it."""

    sample_grid: Callable[[LabeledImages], Picture | None]
    confusion: Callable[[np.ndarray, np.ndarray, tuple[str, ...], str], Picture | None]  # (y_true, y_pred, class_names, title)


@dataclass(frozen=True)
class Places:
    """`result` receives model, history, probe and dead units; `boards` the event files (None: none are written, no probe is recorded);
    `state` is the folder of resumable states (None: none are kept); `before` one of plain epochs that an augmented training may begin from;
    `show(epoch, look)` is handed every look at the probe, before training and after each epoch."""

    result: Path
    boards: Path | None = None
    state: Path | None = None
    before: Path | None = None
    show: Callable[[int, Look], None] | None = None


def fit(
    train: LabeledImages, watched: LabeledImages | None, probe: LabeledImages, places: Places, *,
    config: FitConfig, device: Device, seed: int, progress: Progress, pictures: Pictures, resume: bool = False, base: keras.Model | None = None,
) -> dict[str, Any]:  # fmt: skip
    """Train as `config.plan` says; write `model.keras`, `history.csv`, `dead_units.csv` and `probe/` into `places.result`.

    Of a transfer preset the images are `LabeledFeatures` that `base` made: the head is trained on them, and what is saved is base and
    head in one. With `resume` it goes on from the newest state in `places.state`; the weights that result are those of a training that never
    stopped (same machine, versions, threads). The saved model is float32 whatever the training's precision. Returns what the manifest
    keeps. Raises BadInput for a single class, Diverged (after saving the last finite model) where the loss stops being a number.
    """
    check_classes(train)
    if base is None and preset(config.model).transfer:
        remedy = "Use train, train-and-export or reproduce, which take them."
        raise UsageError("NO-BASE", config.model, "is trained on the features of a frozen base, and here are none", remedy)
    import keras

    from fmnist_viz.models.zoo import build
    from fmnist_viz.training.finite_loss import FiniteLoss
    from fmnist_viz.training.hparams import hyperparameters
    from fmnist_viz.training.keeper import StateKeeper
    from fmnist_viz.training.probe import DeadUnits, Twin
    from fmnist_viz.training.stream import WatchedBatches, training_batches

    plan = config.plan

    def fresh(policy: str) -> Any:
        shape, classes = train.inputs.shape[1:], len(train.class_names)
        return build(config.model, input_shape=shape, classes=classes, seed=seed, policy=policy, hidden=config.hidden_layers)

    model = _compiled(lambda: fresh(device.policy), plan, len(train), device)
    if not resume:
        _anew(places)
    start = _resumed(model, places, plan, progress) if resume else None
    first = start.epoch if start else 0
    keras.utils.set_random_seed(seed)
    twin, guard = Twin(lambda: fresh("float32")), FiniteLoss(first)
    dead = DeadUnits([(int(e), str(name), int(n), int(k)) for e, name, n, k in start.notes["dead"]] if start else [])
    keeper = StateKeeper(places.state, start, patience=config.early_stopping, sound=lambda: guard.failed is None, notes=lambda: {"dead": dead.rows})
    seen = WatchedBatches(watched, plan, seed=seed) if watched is not None else None
    parts = Parts(model, twin, guard, keeper, dead, seen, train, watched, probe)
    hparams = hyperparameters(plan, **_settings(config, device, seed, parts))
    if first < plan.length:
        model.fit(
            training_batches(train.inputs, train.labels, plan, seed=seed, first_epoch=first),
            initial_epoch=first,
            epochs=plan.length,
            steps_per_epoch=plan.steps(len(train)),
            verbose=0,
            callbacks=_callbacks(parts, places, plan, progress, pictures, hparams),
            validation_data=seen.batches if seen else None,
        )
    weights = keeper.best if config.early_stopping and keeper.best else guard.weights or model.get_weights()
    twin.model.set_weights(weights)
    whole = _on_base(base, twin.model, config.model, train) if base is not None else twin.model
    _publish(places, whole, keeper, dead)
    if guard.failed:
        raise _diverged(guard, plan)
    return {"parameters": int(whole.count_params()), **device.record(), "recipe": plan, "resumed_after_epoch": first, **_record(parts, config)}


def _settings(config: FitConfig, device: Device, seed: int, parts: Parts) -> dict[str, bool | int | float | str]:
    """What the HPARAMS tab shows beside the plan."""
    return {
        "model": config.model,
        "recipe": config.recipe,
        "hidden": config.hidden,
        "activation": config.activation,
        "early_stopping": config.early_stopping,
        "seed": seed,
        "precision": device.policy,
        "replicas": device.replicas,
        "train_images": len(parts.train),
        "validation": parts.held_out,
    }


def _diverged(guard: Any, plan: Recipe) -> Diverged:
    epoch, step = guard.failed
    kept = f"the model after epoch {guard.epoch_of_weights}" if guard.epoch_of_weights else "the untrained model"
    remedy = f"Try a smaller --learning-rate than {plan.learning_rate:g}."
    return Diverged("DIVERGED", f"epoch {epoch}, step {step}", f"the loss is not finite; {kept} was kept", remedy)


def _record(parts: Parts, config: FitConfig) -> dict[str, Any]:
    """What the training came to; `watched` is "validation", "test" or "" for nothing."""
    history, watched = parts.keeper.history, parts.watched
    return {
        "history": _history(history),
        "train_images": len(parts.train),
        "validation_images": parts.held_out,
        "watched": "" if watched is None else "validation" if parts.held_out else watched.split,
        "watched_images": len(watched) if watched is not None else 0,
        "best_epoch": int(np.nanargmin(history["val_loss"])) + 1 if config.early_stopping else 0,
        "dead_units": parts.dead.shares(max((row[0] for row in parts.dead.rows), default=0)),
        "cpu_seconds": round(sum(history.get("cpu_seconds", [])), 1),
    }


def _on_base(base: keras.Model, head: keras.Model, name: str, train: LabeledImages) -> keras.Model:
    """The classifier of pixels: the base's own layers, then a copy of the head."""
    from fmnist_viz.models.zoo import build

    whole = build(name, input_shape=train.images.shape[1:], classes=len(train.class_names), seed=0, base=base)
    whole.set_weights([*base.get_weights(), *head.get_weights()])
    return whole


def _anew(places: Places) -> None:
    """Clear what an earlier, unfinished training left."""
    if places.state is not None:
        shutil.rmtree(places.state / "probe", ignore_errors=True)
        for path in places.state.glob("epoch_*.npz"):
            path.unlink()


def _resumed(model: Any, places: Places, plan: Recipe, progress: Progress) -> State | None:
    from fmnist_viz.training.state import read_state, restore

    assert places.state is not None
    state = read_state(places.state, at_most=plan.length, report=progress.warn)
    if state is None:
        _anew(places)
        state = read_state(places.before, at_most=plan.epochs, report=progress.warn) if places.before is not None else None
        if state is None or places.before is None:
            return None
        if (places.before / "probe").is_dir():
            shutil.copytree(places.before / "probe", places.state / "probe")
    restore(model, state)
    progress.say(f"going on after epoch {state.epoch} of {plan.length}")
    return state


@dataclass(frozen=True)
class Parts:
    """What the callbacks of one training share. `watched` is None where nothing is watched, and so is `seen`, its batches."""

    model: Any
    twin: Twin
    guard: Any
    keeper: StateKeeper
    dead: DeadUnits
    seen: Any
    train: LabeledImages
    watched: LabeledImages | None
    probe: LabeledImages

    @property
    def held_out(self) -> int:
        """Training images kept apart to be watched."""
        return len(self.watched) if self.watched is not None and self.watched.split != "test" else 0


def _callbacks(parts: Parts, places: Places, plan: Recipe, progress: Progress, pictures: Pictures, hparams: dict[str, Any]) -> list[Any]:
    """Guard and schedule first, what looks on next, what keeps the state last."""
    import keras

    from fmnist_viz.training.board import Board
    from fmnist_viz.training.probe import ProbeRecorder
    from fmnist_viz.training.progress import ScreenProgress
    from fmnist_viz.training.schedule import rate_callbacks

    boards, watched, probe, seen = places.boards, parts.watched, parts.probe, parts.seen
    shown, what = (probe, "probe") if watched is None else (watched, "test" if watched.split == "test" else "validation")

    def confusion(epoch: int) -> Picture | None:
        look = parts.twin(parts.model.get_weights(), shown.inputs)
        return pictures.confusion(shown.labels, look.logits.argmax(1), shown.class_names, f"epoch {epoch + 1}: {len(shown):,} {what} images")

    recorded = (places.state or places.result) / "probe"
    made = [parts.guard, *rate_callbacks(plan), ScreenProgress(progress, plan.length)]
    if seen is not None:
        made.append(keras.callbacks.LambdaCallback(on_epoch_begin=lambda epoch, logs: seen.epoch.assign(epoch)))
    made.append(ProbeRecorder(parts.twin, probe, recorded, save_npz if boards else None, parts.dead, places.show))
    if boards:
        grid = lambda: pictures.sample_grid(parts.train)  # noqa: E731
        made.append(Board(boards, sample_grid=grid, confusion=confusion, validation=watched is not None, hparams=hparams))
    return [*made, parts.keeper]


def _publish(places: Places, model: keras.Model, keeper: StateKeeper, dead: DeadUnits) -> None:
    """The result's files, the model first."""
    with staged_file(places.result / "model.keras") as temp:
        model.save(temp)
    write_file(places.result / "history.csv", _csv(_history(keeper.history)))
    write_file(places.result / "dead_units.csv", dead.csv())
    if places.state is not None and places.boards is not None:
        shutil.copytree(places.state / "probe", places.result / "probe", dirs_exist_ok=True)


def check_classes(images: LabeledImages) -> None:
    """Raise BadInput for training images of fewer than two classes."""
    found = len(np.unique(images.labels))
    if found < 2:
        remedy = "A classifier needs at least 2; `export` can look at a single one."
        raise BadInput("ONE-CLASS", images.source.location, f"{found} class in the training images", remedy)


def _compiled(build: Callable[[], Any], plan: Recipe, images: int, device: Device) -> Any:
    """The model, made and compiled in the strategy's scope where there is one."""
    import keras

    from fmnist_viz.training.schedule import rate

    optimizers = {"adam": keras.optimizers.Adam, "sgd": keras.optimizers.SGD, "rmsprop": keras.optimizers.RMSprop, "adamw": keras.optimizers.AdamW}
    if plan.optimizer not in optimizers:
        raise UsageError("UNKNOWN-OPTIMIZER", plan.optimizer, "there is no such optimiser", f"Choose from: {', '.join(optimizers)}.")
    options = {"weight_decay": plan.weight_decay} if plan.weight_decay else {}
    with device.strategy.scope() if device.strategy else contextlib.nullcontext():
        model = build()
        # jit_compile on a CPU is 20 to 35 times slower for convolutions; Keras's "auto" leaves it off there
        model.compile(optimizers[plan.optimizer](rate(plan, images), **options), _loss(plan), metrics=["accuracy"])
    return model


def _loss(plan: Recipe) -> Any:
    """Cross-entropy of integer labels; smoothed labels share `label_smoothing` among all classes."""
    import keras

    if not plan.label_smoothing:
        return "sparse_categorical_crossentropy"

    def smoothed(y_true: Any, y_pred: Any) -> Any:
        labels = keras.ops.one_hot(keras.ops.reshape(y_true, [-1]), y_pred.shape[-1])
        return keras.losses.categorical_crossentropy(labels, y_pred, label_smoothing=plan.label_smoothing)

    return smoothed


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
