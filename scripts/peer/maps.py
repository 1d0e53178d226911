"""One map of one matrix in one process, as a person would make it: the sides that `scripts/bench maps` sets against each other.

    python maps.py WHO VECTORS.npy OUT.npy SEED [LABELS.npy]

WHO is a peer (umap, umap-seeded, sklearn, opentsne: each library's own call with its defaults on the vectors as they are, all cores) or ours (ours-tsne, ours-umap:
graph, map, then the badge's scores; ours-all: PCA, t-SNE and UMAP with badges, as the command makes them, with its worker). The last line on stdout is JSON: when
the coordinates were there (`time.monotonic`), the CPU seconds and the largest resident size by then, and what else a side has to say.
"""

import json
import os
import resource
import sys
import time
import warnings

warnings.filterwarnings("ignore")


def seconds_of_cpu():
    return sum(u.ru_utime + u.ru_stime for u in (resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)))


def peak_mb():
    """Of this process; Linux counts KiB. The larger child is added: a worker runs beside us."""
    return sum(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)) / 1024


def moment():
    return {"at": time.monotonic(), "cpu": seconds_of_cpu(), "peak_mb": peak_mb()}


def umap(X, seed):
    import umap

    return umap.UMAP().fit_transform(X)


def umap_seeded(X, seed):
    import umap

    return umap.UMAP(random_state=seed).fit_transform(X)


def sklearn(X, seed):
    from sklearn.manifold import TSNE

    return TSNE(random_state=seed, n_jobs=-1).fit_transform(X)


def opentsne(X, seed):
    from openTSNE import TSNE

    return TSNE(random_state=seed, n_jobs=-1).fit(X)


PEERS = {"umap": umap, "umap-seeded": umap_seeded, "sklearn": sklearn, "opentsne": opentsne}


def ours(method, X, labels, seed, out):
    """One method by the library's parts, the badge after the coordinates; returns the moment of the coordinates and what was used."""
    import numpy as np

    from fmnist_viz.core.threads import set_threads

    threads = set_threads(0)
    from fmnist_viz.core.cache import Cache, default_cache_dir
    from fmnist_viz.core.types import Representation
    from fmnist_viz.neighbors import exact_graph, reference_distances
    from fmnist_viz.pipeline.features import query_rows
    from fmnist_viz.projection.basis import basis
    from fmnist_viz.projection.config import MapConfig
    from fmnist_viz.projection.faithfulness import faithfulness
    from fmnist_viz.projection.project import graph_size, initial_coords, project
    from fmnist_viz.projection.umap import warm_up
    from fmnist_viz.projection.yardstick import Yardstick

    if method == "umap":
        warm_up(2, Cache(default_cache_dir()))
    config = MapConfig()
    ids = np.arange(len(X)).astype(str)
    base = basis(Representation(X, ids, "vectors", "brought"))
    made = project(base, exact_graph(base.X, graph_size(config, len(X))), method, sample_ids=ids, config=config, seed=seed, threads=threads)
    np.save(out, made.coords)
    then = moment()
    yardstick = Yardstick(reference_distances(X, query_rows(labels, seed=seed)), seed=seed)
    faithfulness(made.coords, labels, yardstick, pca=faithfulness(initial_coords(base, 2, seed=seed), labels, yardstick))
    return {**then, "used": made.parameters}


def ours_all(X, labels, seed, out):
    """The command's map stage, cache empty: graph, PCA, t-SNE and UMAP, scores and distortion, with its worker process."""
    import tempfile
    from pathlib import Path

    import numpy as np

    from fmnist_viz.core.threads import set_threads

    threads = set_threads(0)
    from fmnist_viz.core.cache import Cache
    from fmnist_viz.core.progress import Silent
    from fmnist_viz.core.runner import runner
    from fmnist_viz.core.types import Representation
    from fmnist_viz.pipeline.config import RunConfig, ViewConfig
    from fmnist_viz.pipeline.context import Context
    from fmnist_viz.pipeline.features import Source
    from fmnist_viz.pipeline.maps import Mapper
    from fmnist_viz.projection.config import MapConfig

    with tempfile.TemporaryDirectory() as folder, runner(apart=threads > 1, remedy="") as worker:
        config = RunConfig(maps=MapConfig(flat_only=True), view=ViewConfig(seed=seed))
        scratch = Path(folder) / "scratch"
        scratch.mkdir()
        ctx = Context(config, None, {}, Cache(Path(folder) / "cache"), None, worker, Silent(), threads, scratch)
        source = Source(Representation(X, np.arange(len(X)).astype(str), "vectors", "brought"), "vectors", lambda: None)
        mapper = Mapper(ctx)
        (made,) = mapper.finish([mapper.begin(source, labels)])
        np.savez(out, **{name: projection.coords for name, projection in made.flat.items()})
        used = {name: dict(projection.parameters) for name, projection in made.flat.items()}
    return {**moment(), "used": used}


def main():
    import numpy as np

    who, vectors, out, seed = sys.argv[1:5]
    X = np.load(vectors)
    if who in PEERS:
        np.save(out, np.asarray(PEERS[who](X, int(seed)), np.float32))
        said = moment()
    else:
        labels = np.load(sys.argv[5])
        said = ours_all(X, labels, int(seed), out) if who == "ours-all" else ours(who.removeprefix("ours-"), X, labels, int(seed), out)
    print(json.dumps(said), flush=True)
    os._exit(0)  # numba's and TensorFlow's teardown is nobody's waiting time


if __name__ == "__main__":  # the worker imports this file again
    main()
