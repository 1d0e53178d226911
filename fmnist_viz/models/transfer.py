"""VGG19's convolutions as a frozen base: from pixels 0..255 to features, and where its weights come from."""

from __future__ import annotations

import contextlib
import hashlib
import io
import tempfile
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from fmnist_viz.core.errors import BadInput, ResourceError
from fmnist_viz.core.store import sha256_file

if TYPE_CHECKING:
    import keras

NAME = "VGG19"
SMALLEST = 32  # five halvings leave one place of the feature map
RESAMPLING = "nearest"  # what Pillow did in 2018 where it was not told otherwise
PREPROCESSINGS = ("article", "fixed")
MEANS = (103.939, 116.779, 123.68)  # of ImageNet's blue, green and red, which the network's authors subtracted from pixels 0..255
IMAGENET_MD5 = "253f8cb515780f3b799900260a226db6"  # of the file that Keras publishes without the top, as keras.applications checks it
RANDOM_SEED = 0  # of random weights, whatever the run's: seeds share one base, as they do with trained weights
REMEDY = "Give the file that Keras publishes, vgg19_weights_tf_dim_ordering_tf_kernels_notop.h5, with --weights-file, or take --base-weights random."


@dataclass(frozen=True)
class Preparation:
    """What is done to the pixels before the base: resized (nearest neighbour) to `image_size`, grey copied into three channels, then
    "fixed": ImageNet's means subtracted from values 0..255, as the network was trained; "article": the same means subtracted from values
    already divided by 255, so that each channel spans 1 instead of 255.
    """

    image_size: int = 150
    preprocess: str = "article"

    def layers(self, inputs: Any) -> Any:
        """The symbolic images (n, side, side, 3), blue, green, red, that the base is given for pixels 0..255 (n, h, w, 1 or 3)."""
        import keras

        outputs = keras.layers.Resizing(self.image_size, self.image_size, interpolation=RESAMPLING, name="resizing")(inputs)
        grey = inputs.shape[-1] == 1
        outputs = keras.layers.Concatenate(name="channels")([outputs] * 3) if grey else keras.ops.flip(outputs, axis=-1)
        factor = 1 / 255 if self.preprocess == "article" else 1.0
        return keras.layers.Rescaling(factor, [-mean for mean in MEANS], name="rescaling")(outputs)


def build_base(input_shape: tuple[int, int, int], preparation: Preparation | None = None) -> keras.Model:
    """The frozen base with random weights: pixels 0..255 (n, h, w, c) -> float32 features (n, d), every layer of it in one flat graph."""
    import keras

    inputs = keras.Input(input_shape, name="pixels")
    # Its own `weights` would take a file too, but stop with a traceback at a bad one.
    network = keras.applications.VGG19(weights=None, include_top=False, input_tensor=(preparation or Preparation()).layers(inputs))
    network.trainable = False
    return keras.Model(inputs, keras.layers.Flatten(name="flatten")(network.outputs[0]), name="base")


@dataclass(frozen=True)
class BaseWeights:
    """Where the base's weights come from. `digest` is their identity: equal for Keras's own file wherever it lies."""

    kind: Literal["imagenet", "file", "random"]
    path: Path | None
    digest: str

    @property
    def option(self) -> str:
        """How they differ from the article's, for a table: "" for ImageNet's."""
        return {"imagenet": "", "random": "weights=random", "file": f"weights=file {self.digest.rpartition(':')[2][:8]}"}[self.kind]

    @property
    def warning(self) -> str:
        """What must be said wherever a result is shown; "" for ImageNet's."""
        if self.kind == "random":
            return (
                f"RANDOM WEIGHTS: the frozen {NAME} was never trained (--base-weights random). Its features are a random mixture of the pixels; "
                "nothing that the article reports is reproduced or explained by these figures."
            )
        if self.kind == "file":
            return (
                f"UNKNOWN WEIGHTS: the frozen {NAME} has the weights of {self.path.name if self.path else '?'}, which is not the file with ImageNet's weights "
                "that Keras publishes. Nothing that the article reports is explained by these figures."
            )
        return ""


def find_weights(base_weights: str, weights_file: str) -> BaseWeights:
    """What --base-weights and --weights-file ask for. Neither TensorFlow nor the network is needed to name it.

    Raises BadInput for a file that is not there or no HDF5.
    """
    if not weights_file:
        digest = f"random:{RANDOM_SEED}" if base_weights == "random" else f"md5:{IMAGENET_MD5}"
        return BaseWeights("random" if base_weights == "random" else "imagenet", None, digest)
    path = Path(weights_file)
    if not path.is_file():
        fact = "is a folder, not a file" if path.is_dir() else "there is no such file"
        raise BadInput("WEIGHTS-MISSING", path, fact, REMEDY)
    try:
        with open(path, "rb") as f:
            magic = f.read(8)
            f.seek(0)
            md5 = hashlib.file_digest(f, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
    except OSError as e:
        raise BadInput("WEIGHTS-READ", path, f"cannot be read ({e.strerror})", "Mend its permissions.") from None
    if magic != b"\x89HDF\r\n\x1a\n":
        raise BadInput("WEIGHTS-FORMAT", path, "is no HDF5 file" if magic else "is empty", REMEDY)
    if md5 == IMAGENET_MD5:
        return BaseWeights("imagenet", path, f"md5:{md5}")
    return BaseWeights("file", path, f"sha256:{sha256_file(path)}")


def load_base(input_shape: tuple[int, int, int], preparation: Preparation, weights: BaseWeights) -> keras.Model:
    """The frozen base with the given weights; ImageNet's are fetched by Keras where it does not have them yet.

    Raises ResourceError where they cannot be fetched, BadInput where a file does not hold this network's weights.
    """
    import keras

    keras.utils.set_random_seed(RANDOM_SEED)
    base = build_base(input_shape, preparation)
    if weights.kind == "random":
        return base
    if weights.path is None:
        base.set_weights(_imagenet().get_weights())
        return base
    _read(base, weights.path)
    return base


def _imagenet() -> keras.Model:
    """Keras's own network, fetched and checked against its MD5 by Keras."""
    import keras

    try:
        with contextlib.redirect_stdout(io.StringIO()):
            return keras.applications.VGG19(weights="imagenet", include_top=False, input_shape=(SMALLEST, SMALLEST, 3))
    except Exception as e:  # noqa: BLE001 - Keras raises a bare Exception where a download fails
        raise ResourceError("WEIGHTS-DOWNLOAD", f"{NAME}'s ImageNet weights", f"cannot be fetched ({_first_line(e)})", REMEDY) from None


def _read(base: keras.Model, path: Path) -> None:
    """Give the base the weights of an HDF5 file, of Keras 3 or of the older kind, whatever its name ends in."""
    import h5py
    import keras

    reader = keras.applications.VGG19(weights=None, include_top=False, input_shape=(SMALLEST, SMALLEST, 3))
    before = reader.get_weights()
    try:
        with h5py.File(path, "r") as file:
            old = "layer_names" in file.attrs or "model_weights" in file
        with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():  # Keras goes by the name
            warnings.simplefilter("ignore")  # it warns of layers that it passes over; they are found below
            link = Path(folder).resolve() / ("base.h5" if old else "base.weights.h5")
            link.symlink_to(path.resolve())
            reader.load_weights(link)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RuntimeError) as e:
        raise BadInput("WEIGHTS-FIT", path, f"does not hold the weights of {NAME} without its top: {_first_line(e)}", REMEDY) from None
    read = reader.get_weights()
    if not all(np.isfinite(value).all() for value in read):
        raise BadInput("WEIGHTS-FIT", path, "holds weights that are not finite", REMEDY)
    if any(np.array_equal(a, b) for a, b in zip(before, read, strict=True) if a.ndim > 1):
        raise BadInput("WEIGHTS-FIT", path, f"lacks weights of some layers of {NAME} without its top", REMEDY)
    base.set_weights(read)


def _first_line(error: Exception) -> str:
    return next((line.strip()[:200] for line in str(error).splitlines() if line.strip()), type(error).__name__)
