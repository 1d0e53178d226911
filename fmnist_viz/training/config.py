"""What can be chosen about training; standard library only, the command line reads it."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from dataclasses import dataclass

from fmnist_viz.core.config import check_options, option
from fmnist_viz.core.errors import UsageError
from fmnist_viz.models.recipe import Augmentation, Recipe
from fmnist_viz.models.transfer import PREPROCESSINGS, SMALLEST, BaseWeights, Preparation, find_weights
from fmnist_viz.models.zoo import ACTIVATIONS, Hidden, preset

OPTIMIZERS = ("adam", "sgd", "rmsprop")
SNAPSHOTS = 6  # epochs as runs of their own at most: the page's list of runs is read from top to bottom


@dataclass(frozen=True)
class FitConfig:
    """-1 leaves a setting to the recipe; `plan` is what results."""

    model: str = option("cnn1", "Preset to train (fmnist-viz models lists them).")
    recipe: str = option(
        "plain", "Training recipe: plain (the same for all presets) or article (exactly the author's); every other option overrides it.",
        choices=("plain", "article"),
    )  # fmt: skip
    epochs: int = option(-1, "Passes over the training images; -1: the recipe's (plain: 5).", unit="epochs", low=-1, high=10000)
    augmented_epochs: int = option(
        -1, "Further passes over randomly distorted images with the same weights; -1: the recipe's (plain: none).", unit="epochs", low=-1, high=10000
    )  # fmt: skip
    batch_size: int = option(-1, "Images per training step; -1: the recipe's (plain: 256).", unit="images", low=-1, high=65536)
    optimizer: str = option("recipe", "Optimiser: adam, sgd or rmsprop; recipe: the recipe's (plain: adam).", choices=("recipe", *OPTIMIZERS))
    learning_rate: float = option(-1.0, "Step size of the optimiser; -1: the recipe's (plain: 0.001, Keras's own default for Adam).", low=-1)
    # 5,000 of 60,000 give the validation accuracy an interval of about one point; the test split stays untouched
    validation: int = option(
        -1,
        "Training images held out, stratified, to watch training; -1: the recipe's (plain: 5,000, or a twelfth if less); 0: none, nothing is watched.",
        unit="images",
        low=-1,
    )
    early_stopping: int = option(
        0, "End when the validation loss has not fallen for this many epochs, and keep the best epoch's weights; 0: never.", unit="epochs", low=0, high=10000
    )
    hidden: str = option("", "Units of the hidden layers of the preset dense, separated by commas, such as 4,4.")
    activation: str = option("", "Activation of the preset dense: relu, sigmoid or tanh.", choices=("", *ACTIVATIONS))
    shear_unit: str = option("degrees", "Unit of the articles' shear of 0.3: degrees (Keras since 2.1.3) or radians (before).", choices=("degrees", "radians"))
    augment_validation: bool = option(False, "Distort the validation images as well in the augmented epochs, as the article did.")
    snapshots: str = option(
        "0,1,2,5,half,last",
        "Epochs that the Projector shows as runs of their own, at most six: numbers, half, last; 0 is before training; none: no projector_epochs/.",
    )

    def __post_init__(self) -> None:
        check_options(self)
        preset(self.model)
        self.snapshot_epochs(1)
        for name, least in (("epochs", "at least 1"), ("batch_size", "at least 1"), ("learning_rate", "a positive number")):
            if getattr(self, name) != -1 and getattr(self, name) <= 0:
                flag = "--" + name.replace("_", "-")
                raise UsageError("OPTION-RANGE", flag, f"{getattr(self, name):g} would train nothing", f"Give {least}, or -1 for the recipe's.")
        for name in ("hidden", "activation"):
            if getattr(self, name) and self.model != "dense":
                raise UsageError("OPTION-IGNORED", f"--{name}", f"the preset {self.model} has fixed layers", "Add --model dense, or leave it out.")
        self.hidden_layers  # noqa: B018 - raises for a text that is no list of widths
        if preset(self.model).transfer and self.plan.augmented_epochs:
            remedy = "Leave it out: features of distorted images would have to be taken anew in every epoch."
            raise UsageError("OPTION-CONFLICT", "--augmented-epochs", f"the preset {self.model} is trained on features that are taken once", remedy)
        if self.early_stopping and self.plan.held_out == "none":
            raise UsageError("OPTION-IGNORED", "--early-stopping", "nothing is held out to watch", "Give --validation a number of images.")
        if self.early_stopping and self.plan.held_out == "test":
            remedy = "Give --validation a number of images: choosing an epoch by the test split would spoil the test."
            raise UsageError("OPTION-CONFLICT", "--early-stopping", "this recipe watches the test split", remedy)

    @property
    def hidden_layers(self) -> Hidden:
        """Layers of the preset `dense`; raises UsageError for a text that is no list of whole numbers from 1."""
        if not self.hidden:
            return Hidden(activation=self.activation or "relu")
        widths = [word.strip() for word in self.hidden.split(",")]
        if not all(word.isdecimal() and 0 < int(word) <= 65536 for word in widths):
            raise UsageError("OPTION-TYPE", "--hidden", f"{self.hidden!r} is not a list of layer widths", "Give whole numbers from 1 to 65536, such as 128,64.")
        return Hidden(tuple(int(word) for word in widths), self.activation or "relu")

    def snapshot_epochs(self, last: int) -> tuple[int, ...]:
        """The epochs of `snapshots` in a training of `last` epochs, ascending, those beyond its end left out; raises UsageError for any other text."""
        words = [word.strip() for word in self.snapshots.split(",")]
        if words == ["none"]:
            return ()
        known = {"half": last // 2, "last": last}
        if not all(word in known or (word.isdecimal() and len(word) < 7) for word in words) or len(words) > SNAPSHOTS:
            remedy = f"Give at most {SNAPSHOTS} epochs separated by commas, such as 0,1,half,last, or none."
            raise UsageError("OPTION-TYPE", "--snapshots", f"{self.snapshots!r} is not a list of epochs", remedy)
        return tuple(sorted({epoch for word in words if (epoch := known[word] if word in known else int(word)) <= last}))

    @property
    def plan(self) -> Recipe:
        """The recipe with every option that was given in its place."""
        recipe = preset(self.model).recipe(self.recipe)
        given: dict[str, object] = {}
        if self.epochs > 0:
            given["epochs"] = self.epochs
        if self.augmented_epochs >= 0:
            given["augmented_epochs"] = self.augmented_epochs
        if self.batch_size > 0:
            given["batch_size"] = self.batch_size
        if self.optimizer != "recipe":
            given["optimizer"] = self.optimizer
        if self.learning_rate > 0:
            given |= {"learning_rate": self.learning_rate, "schedule": "constant"}
        if self.validation >= 0:
            given["held_out"] = "stratified" if self.validation else "none"
        plan: Recipe = dataclasses.replace(recipe, **given)  # type: ignore[arg-type]
        if plan.augmented_epochs and plan.order == "repeat":
            plan = dataclasses.replace(plan, order="epoch")  # distortions are drawn per image and epoch: epochs must have ends
        if not plan.augmented_epochs:
            return dataclasses.replace(plan, augmentation=None, augmented_validation=False)
        augmentation = dataclasses.replace(recipe.augmentation or Augmentation(), shear_unit=self.shear_unit)
        return dataclasses.replace(plan, augmentation=augmentation, augmented_validation=self.augment_validation or plan.augmented_validation)

    def held_out(self, images: int) -> int:
        """Validation images of so many training images."""
        plan = self.plan
        if plan.held_out == "random":
            return round(images * plan.held_out_share)
        if plan.held_out != "stratified":
            return 0
        return min(5000, images // 12) if self.validation < 0 else self.validation


@dataclass(frozen=True)
class TransferConfig:
    """The frozen base of the preset vgg19; the defaults are the article's."""

    image_size: int = option(
        150, "Side to which its images are resized by nearest pixels; 48 takes about a ninth of the time.", unit="pixels", low=SMALLEST, high=1024
    )
    preprocess: str = option(
        "article", "Pixels given to it: article (divided by 255 before ImageNet's means are subtracted, which leaves next to nothing) or fixed (not divided).",
        choices=PREPROCESSINGS,
    )  # fmt: skip
    base_weights: str = option("imagenet", "Its weights: imagenet (fetched by Keras, 80 MB) or random (to try things out).", choices=("imagenet", "random"))
    weights_file: str = option("", "Its weights from an HDF5 file that Keras wrote (VGG19 without its top).")

    def __post_init__(self) -> None:
        check_options(self)
        if self.weights_file and self.base_weights == "random":
            raise UsageError("OPTION-CONFLICT", "--weights-file", "weights cannot be a file's and random", "Leave out one of the two.")

    @property
    def preparation(self) -> Preparation:
        return Preparation(self.image_size, self.preprocess)

    def weights(self) -> BaseWeights:
        """Where the weights are; raises BadInput for a file that is none."""
        return find_weights(self.base_weights, self.weights_file)

    def differing(self) -> str:
        """What differs from the article, for the ledger: ``weights=random, preprocess=fixed, image size 48``, or "" for nothing."""
        size = "" if self.image_size == TransferConfig.image_size else f"image size {self.image_size}"
        fixed = "" if self.preprocess == TransferConfig.preprocess else f"preprocess={self.preprocess}"
        return ", ".join(part for part in (self.weights().option, fixed, size) if part)

    def only_for(self, models: Iterable[str]) -> None:
        """Raise UsageError where something was asked of a base that none of the presets has."""
        names = tuple(models)
        if any(preset(name).transfer for name in names):
            return
        for f in dataclasses.fields(self):
            if getattr(self, f.name) != f.default:
                what = f"the preset {names[0]} has" if len(names) == 1 else "none of these presets has"
                raise UsageError("OPTION-IGNORED", f"--{f.name.replace('_', '-')}", f"{what} no frozen base", "Take the preset vgg19, or leave it out.")


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
