"""What a sweep tries: a base training, and variants of it that differ in one setting each."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from fmnist_viz.core.config import check_options, option
from fmnist_viz.core.errors import UsageError
from fmnist_viz.models.zoo import ACTIVATIONS
from fmnist_viz.training.config import OPTIMIZERS, FitConfig

Value = int | float | str
BASE = "base"


@dataclass(frozen=True)
class SweepConfig:
    """The base training. -1, or an empty text, leaves a setting to the recipe of the preset's author, without its augmented epochs."""

    model: str = option("dense", "Preset that is varied.")
    seeds: int = option(3, "Trainings of the base and of each variant; their seeds count from 0.", unit="trainings", low=1, high=1000)
    hidden: str = option("", "Hidden layers of the base, for the preset dense: widths separated by commas; by default 4,4.")
    activation: str = option("", "Activation of the base, for the preset dense: relu, sigmoid or tanh; by default relu.", choices=("", *ACTIVATIONS))
    optimizer: str = option("recipe", "Optimiser of the base: adam, sgd or rmsprop; recipe: the author's, for dense adam.", choices=("recipe", *OPTIMIZERS))
    learning_rate: float = option(-1.0, "Learning rate of the base; -1: the author's, for dense 0.001.", low=-1)
    epochs: int = option(-1, "Epochs of the base; -1: the author's, for dense 10.", unit="epochs", low=-1, high=5000)
    batch_size: int = option(-1, "Images per training step of the base; -1: the author's, for dense 32.", unit="images", low=-1, high=65536)
    validation: int = option(
        0,
        "Training images held out, stratified under the seed, to judge by in place of the test split, which is not looked at; 0: a fifth.",
        unit="images",
        low=0,
    )

    def __post_init__(self) -> None:
        check_options(self)
        _ = self.base

    @property
    def base(self) -> FitConfig:
        """The base with every setting of its recipe written out; what is held out is the data's matter (`judged`)."""
        asked = FitConfig(
            model=self.model, recipe="article", epochs=self.epochs, augmented_epochs=0, batch_size=self.batch_size, optimizer=self.optimizer,
            learning_rate=self.learning_rate, hidden=self.hidden, activation=self.activation,
        )  # fmt: skip
        plan = asked.plan
        return dataclasses.replace(
            asked,
            epochs=plan.epochs,
            batch_size=plan.batch_size,
            optimizer=plan.optimizer if plan.optimizer in OPTIMIZERS else "recipe",
            learning_rate=plan.learning_rate if plan.schedule == "constant" else -1.0,
        )

    def held_out(self, images: int) -> int:
        """Images to judge by, of so many training images. Raises UsageError where none are left to train on."""
        count = self.validation or images // 5
        if not 0 < count < images:
            fact = f"{count:,} images cannot be held out of {images:,} training images"
            raise UsageError("OPTION-RANGE", "--validation", fact, f"Give 1 to {images - 1:,} images, or leave it out for a fifth.")
        return count


@dataclass(frozen=True)
class Variant:
    """`key` is what differs from the base and `value` how (both empty for the base itself)."""

    key: str
    value: str
    fit: FitConfig

    @property
    def name(self) -> str:
        """As `--vary` takes it: ``hidden=16-16``."""
        return f"{self.key}={self.value}" if self.key else BASE

    @property
    def identity(self) -> tuple[Any, ...]:
        """Equal for variants that are the same training."""
        return self.fit.model, self.fit.plan, self.fit.hidden_layers if self.fit.model == "dense" else None

    def settings(self) -> dict[str, Value]:
        """Every setting that can be varied, by the name of its option, as it is trained."""
        plan, found = self.fit.plan, dict[str, Value](model=self.fit.model)
        if self.fit.model == "dense":
            layers = self.fit.hidden_layers
            found |= {"hidden": "-".join(map(str, layers.units)), "activation": layers.activation}
        rate: Value = plan.learning_rate if plan.schedule == "constant" else plan.schedule
        return found | {"optimizer": plan.optimizer, "learning_rate": rate, "epochs": plan.epochs, "batch_size": plan.batch_size}


def _widths(word: str) -> str:
    parts = word.split("-")
    if not all(part.isascii() and part.isdecimal() and len(part) <= 5 and 0 < int(part) <= 65536 for part in parts):
        raise ValueError("Give the widths of a network's hidden layers, 1 to 65536, joined by dashes, such as 16-16.")
    return ",".join(str(int(part)) for part in parts)


def _one_of(*allowed: str) -> Callable[[str], str]:
    def read(word: str) -> str:
        if word not in allowed:
            raise ValueError(f"Choose from: {', '.join(allowed)}.")
        return word

    return read


def _whole(high: int) -> Callable[[str], int]:
    def read(word: str) -> int:
        if not (word.isascii() and word.isdecimal() and len(word) <= 9 and 0 < int(word) <= high):
            raise ValueError(f"Give a whole number from 1 to {high}.")
        return int(word)

    return read


def _rate(word: str) -> float:
    try:
        value = float(word)
    except ValueError:
        value = math.nan
    if not (word.isascii() and "_" not in word and math.isfinite(value) and value > 0):
        raise ValueError("Give a number above 0, such as 0.01.")
    return value


READERS: dict[str, Callable[[str], Value]] = {
    "hidden": _widths,
    "activation": _one_of(*ACTIVATIONS),
    "optimizer": _one_of(*OPTIMIZERS),
    "learning-rate": _rate,
    "epochs": _whole(10_000),
    "batch-size": _whole(65_536),
}


def keys_of(model: str) -> tuple[str, ...]:
    """What can be varied of a preset: layers are fixed in all but `dense`."""
    return tuple(key for key in READERS if model == "dense" or key not in ("hidden", "activation"))


def defaults(base: FitConfig) -> dict[str, list[str]]:
    """The default set: what the articles tried or recommended, for the keys that the preset has.

    Layers and units: one layer less, one more, wider ones, the tutorial's 128, and the 256-128-64 of the PyTorch article; the other activations and
    optimisers; a tenth and ten times the rate of 0.001; half the epochs (the tutorial's 5 of 10) and twice as many (the tuned network's 20).
    """
    plan = base.plan
    found = {
        "hidden": ["4", "4-4-4", "16-16", "128", "256-128-64"],
        "activation": list(ACTIVATIONS),
        "optimizer": list(OPTIMIZERS),
        "learning-rate": [text_of(plan.learning_rate * factor) for factor in (0.1, 10.0)] if plan.schedule == "constant" else [],
        "epochs": [str(max(1, plan.epochs // 2)), str(2 * plan.epochs)],
    }
    return {key: values for key, values in found.items() if key in keys_of(base.model) and values}


def parse(texts: Iterable[str], model: str) -> dict[str, list[str]]:
    """``KEY=V1,V2`` texts as key -> values in their canonical spelling, each once; underscores in keys equal dashes.

    Raises UsageError for a key that there is not or that the preset ignores, and for a value that is none.
    """
    found: dict[str, list[str]] = {}
    for text in texts:
        key, equals, values = text.partition("=")
        key, allowed = key.strip().replace("_", "-"), keys_of(model)
        usable = f"Choose from: {', '.join(allowed)}."
        if not equals:
            raise UsageError("VARY-SYNTAX", f"--vary {text!r}", "is not of the form KEY=V1,V2", f"Write for example {allowed[-1]}=64,256. {usable}")
        if key not in READERS:
            raise UsageError("VARY-KEY", f"--vary {text!r}", f"there is no setting {key!r} to vary", usable)
        if key not in allowed:
            raise UsageError("VARY-KEY", f"--vary {text!r}", f"the preset {model} ignores {key}: its layers are fixed", f"{usable} Or add --model dense.")
        words = [_read(text, key, word.strip()) for word in values.split(",")]
        if key == "hidden" and (twice := next((word for word in words if words.count(word) > 1), "")):
            remedy = f"Commas part networks; join one network's layers by dashes: {'-'.join([twice] * words.count(twice))}."
            raise UsageError("VARY-TWICE", f"--vary {text!r}", f"the network {twice} stands there twice", remedy)
        found[key] = list(dict.fromkeys([*found.get(key, []), *words]))
    return found


def _read(text: str, key: str, word: str) -> str:
    try:
        return text_of(READERS[key](word))
    except ValueError as e:
        raise UsageError("VARY-VALUE", f"--vary {text!r}", f"{word!r} is no value of {key}", str(e)) from None


def text_of(value: Value) -> str:
    """A value as `--vary` takes it: 0.001, 16-16."""
    if isinstance(value, float):
        text = f"{value:.15g}"
        return text if float(text) == value else repr(value)
    return str(value).replace(",", "-")


def variants(config: SweepConfig, varied: dict[str, list[str]]) -> list[Variant]:
    """The base first, then one variant per value, in the order given; whatever is the same training as one before it is left out.

    Raises UsageError where nothing is left beside the base.
    """
    base = config.base
    found = [Variant("", "", base)]
    for key, values in varied.items():
        for value in values:
            changed: dict[str, Any] = {key.replace("-", "_"): READERS[key](value)}
            fit = dataclasses.replace(base, **changed)
            found.append(Variant(key, value, fit))
    once: dict[tuple[Any, ...], Variant] = {}
    for variant in found:
        once.setdefault(variant.identity, variant)
    if len(once) == 1:
        settings = ", ".join(f"{key.replace('_', '-')}={value}" for key, value in found[0].settings().items())
        raise UsageError("VARY-NOTHING", "--vary", f"every value is the base's own ({settings})", "Give a value that differs.")
    return list(once.values())


def judged(variant: Variant, held_out: int) -> FitConfig:
    """A variant's training with so many stratified images held out to judge it by."""
    return dataclasses.replace(variant.fit, validation=held_out)


def in_order(chosen: Sequence[Variant]) -> list[Variant]:
    """Shorter trainings first, else as given: a longer one goes on from where a shorter one of equal settings has ended."""
    return sorted(chosen, key=lambda variant: variant.fit.plan.length)
