"""The device, the precision and the distribution strategy that a training runs with."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fmnist_viz.core.errors import ResourceError
from fmnist_viz.core.threads import usable_cores
from fmnist_viz.training.config import ComputeConfig

if TYPE_CHECKING:
    import tensorflow as tf

POLICIES = {"float32": "float32", "bfloat16": "mixed_bfloat16", "float16": "mixed_float16"}


@dataclass(frozen=True)
class Device:
    """What was chosen, as recorded in the manifest; `strategy` is None where one device trains alone."""

    name: str
    threads: int
    policy: str
    why: str
    replicas: int
    strategy: Any = None

    def record(self) -> dict[str, Any]:
        return {"device": self.name, "threads": self.threads, "precision": self.policy, "precision_why": self.why, "replicas": self.replicas}


def choose_device(config: ComputeConfig) -> Device:
    """Set TensorFlow up as asked. Call it before anything else touches a TensorFlow device.

    Raises ResourceError for `--device gpu` where TensorFlow sees none.
    """
    import tensorflow as tf

    threads = config.threads or usable_cores()
    gpus = tf.config.list_physical_devices("GPU")
    if config.device == "gpu" and not gpus:
        raise ResourceError("NO-GPU", "--device gpu", "TensorFlow sees no GPU", "Install fmnist-viz[gpu] and an NVIDIA driver, or use --device cpu.")
    if config.device == "cpu" or not gpus:
        tf.config.set_visible_devices([], "GPU")
        gpus = []
    for gpu in gpus:
        # without growth the first process takes all memory of the card, and the next one fails
        tf.config.experimental.set_memory_growth(gpu, True)
    policy, why = choose_policy(config.precision, gpus)
    strategy, replicas = _strategy(gpus, config.replicas)
    return Device(f"{len(gpus)} GPU" if gpus else "CPU", threads, policy, why, replicas, strategy)


def _strategy(gpus: list[Any], replicas: int) -> tuple[tf.distribute.Strategy | None, int]:
    import tensorflow as tf

    if not gpus and replicas > 1:
        cpu = tf.config.list_physical_devices("CPU")[0]
        tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * replicas)
        names = [f"CPU:{i}" for i in range(replicas)]
        return tf.distribute.MirroredStrategy(names, cross_device_ops=tf.distribute.HierarchicalCopyAllReduce()), replicas
    count = replicas or len(gpus)
    if gpus and count > len(gpus):
        raise ResourceError("NO-GPU", f"--replicas {replicas}", f"TensorFlow sees {len(gpus)} GPU", "Ask for as many as there are, or 0 for all.")
    if gpus and count > 1:
        return tf.distribute.MirroredStrategy([f"GPU:{i}" for i in range(count)]), count
    return None, 1


def choose_policy(precision: str, gpus: list[Any]) -> tuple[str, str]:
    """Keras dtype policy and the reason for it. `auto` mixes only where the hardware multiplies 16-bit numbers itself."""
    if precision != "auto":
        return POLICIES[precision], "as asked" if precision != "float32" else "default"
    if gpus:
        import tensorflow as tf

        major = min(tf.config.experimental.get_device_details(gpu).get("compute_capability", (0, 0))[0] for gpu in gpus)
        if major >= 8:
            return "mixed_bfloat16", f"auto: GPU of compute capability {major}"
        return ("mixed_float16", f"auto: GPU of compute capability {major}") if major == 7 else ("float32", "auto: the GPU has no 16-bit units")
    found = sorted(cpu_flags() & {"amx_bf16", "avx512_bf16"})
    return ("mixed_bfloat16", f"auto: the CPU has {', '.join(found)}") if found else ("float32", "auto: the CPU has no 16-bit instructions")


def cpu_flags() -> set[str]:
    """Instruction sets that Linux reports; empty elsewhere, so that `auto` stays at float32."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return set()
    return next((set(line.split(":", 1)[1].split()) for line in lines if line.startswith("flags")), set())
