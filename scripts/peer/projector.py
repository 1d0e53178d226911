"""A Projector folder as tutorials write one: np.savetxt, a sprite pasted together with Pillow, a table line by line, TensorBoard's own config helper.

What scripts/bench projector measures against. Run by itself it writes 100 random vectors: python scripts/peer/projector.py FOLDER
"""

import math
import sys
import time
from pathlib import Path

import numpy as np
from PIL import Image


def write(folder: Path, vectors, labels, images, fmt="%.18e"):
    """Seconds of each part; `images` uint8 (n, h, w), `fmt` as np.savetxt's own default."""
    from tensorboard.plugins import projector
    from tensorboard.summary.writer.event_file_writer import EventFileWriter

    from tensorboard.compat import tf

    folder.mkdir(parents=True)
    assert tf.io.gfile.exists(str(folder))  # loads TensorFlow where it is installed; not counted
    seconds = {}
    start = time.perf_counter()
    np.savetxt(folder / "tensors.tsv", vectors, delimiter="\t", fmt=fmt)
    seconds["tensor"] = time.perf_counter() - start

    start = time.perf_counter()
    with open(folder / "metadata.tsv", "w") as f:
        f.write("label\trow\n")
        for i, label in enumerate(labels):
            f.write(f"{label}\t{i}\n")
    seconds["metadata"] = time.perf_counter() - start

    start = time.perf_counter()
    n, h, w = images.shape
    cells = math.ceil(math.sqrt(n))
    sheet = Image.new("L", (cells * w, cells * h), 255)
    for i, image in enumerate(images):
        sheet.paste(Image.fromarray(image), (i % cells * w, i // cells * h))
    sheet.save(folder / "sprite.png")
    seconds["sprite"] = time.perf_counter() - start

    start = time.perf_counter()
    config = projector.ProjectorConfig()
    embedding = config.embeddings.add()
    embedding.tensor_name, embedding.tensor_path, embedding.metadata_path = "pixels", "tensors.tsv", "metadata.tsv"
    embedding.sprite.image_path = "sprite.png"
    embedding.sprite.single_image_dim.extend([w, h])
    projector.visualize_embeddings(str(folder), config)
    writer = EventFileWriter(str(folder))
    writer.flush()
    writer.close()
    seconds["config"] = time.perf_counter() - start
    return seconds


if __name__ == "__main__":
    rng = np.random.default_rng(0)
    print(write(Path(sys.argv[1]), rng.random((100, 20)), ["a", "b"] * 50, rng.integers(0, 256, (100, 28, 28), dtype=np.uint8)))
