"""The dossier of any two classes of a finished run: its model, its maps and its recordings are read, nothing in it is changed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from fmnist_viz.analysis.class_pairs import PairRung
from fmnist_viz.analysis.dossier_places import NEAR
from fmnist_viz.core.cache import Cache, default_cache_dir
from fmnist_viz.core.errors import BadInput, UsageError, unknown_choice
from fmnist_viz.core.progress import Progress, Silent
from fmnist_viz.core.runner import InlineRunner
from fmnist_viz.core.store import staged_folder, write_file
from fmnist_viz.core.threads import set_threads, usable_cores
from fmnist_viz.display.dossier import DossierDisplay
from fmnist_viz.export.slug import slug
from fmnist_viz.neighbors import query_distances
from fmnist_viz.pipeline.context import Context, mapped_images, scratch_folder
from fmnist_viz.pipeline.dossier import dossiers, gather
from fmnist_viz.pipeline.folder import RunFolder
from fmnist_viz.pipeline.predict import checked_run, run_config, run_data
from fmnist_viz.projection.config import METHODS

if TYPE_CHECKING:
    from fmnist_viz.core.manifest import Manifest
    from fmnist_viz.pipeline.features import Seen


def dossier(run: str | Path, a: str, b: str, *, cache_dir: str | Path | None = None, progress: Progress | None = None) -> DossierDisplay:
    """Everything known about why one class of a run is taken for another.

    Parameters
    ----------
    run : the folder of a run that was trained and mapped by this program
    a, b : names of two of its classes
    cache_dir : where the run's features lie; what is not there any more is computed again

    Returns
    -------
    DossierDisplay : `.frame()` a row per fact, `.errors()` a row per mistake, `.text` the facts in words, `.plot()` the figure

    Raises
    ------
    UsageError for an unknown class, or one class twice; BadInput for a folder that is no such run; Damaged where its files are not as they were written.
    """
    progress = progress or Silent()
    folder = Path(run)
    manifest = checked_run(folder)
    pair = _pair(manifest, a, b)
    _check_made(folder, manifest)
    config = run_config(folder, manifest)
    threads = set_threads(min(config.compute.threads, usable_cores()))
    cache = Cache(Path(cache_dir or default_cache_dir()).absolute(), report=progress.warn)
    data = run_data(config, manifest, progress)
    images = mapped_images(data, split=config.features.split, points=config.features.points, seed=config.view.seed)
    with scratch_folder(cache) as scratch:
        from fmnist_viz.pipeline.features import ModelFile, look

        digests = {part.split: part.digest() for part in (data.train, data.test) if part is not None}
        ctx = Context(config, data, digests, cache, RunFolder(folder), InlineRunner(), progress, threads, scratch)
        model = ModelFile(folder / "model.keras", str(config.fit.model if config.fit else folder.name))
        seen = look(ctx, model, images, images.digest())
        maps = _maps(folder, manifest, tuple(seen.sources))
        material = gather(
            ctx, images, seen, model, lambda name, rows: _near(seen, name, rows), maps, rungs(folder, manifest), folder / "probe", _suspects(folder, manifest)
        )
        (made,) = dossiers(ctx, material, model, [pair])
    return DossierDisplay(made, images, maps)


def _pair(manifest: Manifest, a: str, b: str) -> tuple[int, int]:
    names = list(manifest.about["data"]["class_names"])
    for name in (a, b):
        if name not in names:
            raise unknown_choice("class", name, names)
    if a == b:
        raise UsageError("PAIR", "--pair", f"names {a} twice", "Name two classes of the run.")
    first, second = sorted((names.index(a), names.index(b)))
    return first, second


def read_pair(text: str, names: list[str], option: str = "--pair") -> tuple[str, str]:
    """``Pullover,Coat`` as two of the names, which may hold commas themselves. Raises UsageError where it is none."""
    for at in (i for i, sign in enumerate(text) if sign == ","):
        a, b = text[:at].strip(), text[at + 1 :].strip()
        if a in names and b in names:
            return a, b
    parts = [part.strip() for part in text.split(",")]
    if len(parts) == 2:
        unknown = next((part for part in parts if part not in names), "")
        if unknown:
            raise unknown_choice("class", unknown, names)
    raise UsageError("PAIR", f"{option} {text}", "does not name two classes", f'Write two names with a comma between them: {option} "Pullover,Coat".')


def class_names(run: Path) -> list[str]:
    """The classes of a run that can have a dossier."""
    return list(checked_run(run).about["data"]["class_names"])


def _check_made(folder: Path, manifest: Manifest) -> None:
    """Raise BadInput for a run whose images would have to be looked at for the first time."""
    if "maps" not in manifest.stages:
        raise BadInput("NO-MAPS", folder, "holds a training without predictions", "Use fmnist-viz train-and-export with the same settings.")
    if manifest.stages.get("training", {}).get("base"):
        raise BadInput("FROZEN-BASE", folder, "has a frozen base, whose features would be taken again", "See the dossiers of its own report.")


def _maps(folder: Path, manifest: Manifest, names: tuple[str, ...]) -> dict[str, dict[str, NDArray[np.float32]]]:
    """Coordinates of the run's flat maps, as its files hold them."""
    import pandas as pd

    files, out = manifest.files(), {}
    for name in names:
        out[name] = {
            method: pd.read_csv(folder / path, usecols=["x", "y"]).to_numpy(np.float32)
            for method in METHODS
            if (path := f"projections/{slug(name)}_{method}.csv") in files
            and not manifest.stages["maps"].get("maps", {}).get(name, {}).get(method, {}).get("note")
        }
    return out


def _near(seen: Seen, name: str, rows: NDArray[np.int64]) -> NDArray[np.int64]:
    """The nearest rows of a representation, self excluded: int64 (len(rows), k)."""
    X = seen.sources[name].representation.X
    k = min(NEAR, len(X) - 1)
    d = query_distances(X[rows], X)
    d[np.arange(len(rows)), rows] = np.inf
    return np.argsort(d, axis=1, kind="stable")[:, :k]


def rungs(folder: Path, manifest: Manifest) -> dict[tuple[int, int], PairRung]:
    """`tables/ladder_pairs.csv` as it was measured; empty where the run has no ladder."""
    import pandas as pd

    if "tables/ladder_pairs.csv" not in manifest.files():
        return {}
    names = list(manifest.about["data"]["class_names"])
    table = pd.read_csv(folder / "tables" / "ladder_pairs.csv", keep_default_na=False, na_values={"p": [""]})
    out = {}
    for (a, b), rows in table.groupby(["a", "b"], sort=False):
        layers = tuple(str(name) for name in rows["layer"])
        n, where = int(rows["n"].iloc[0]), str(rows["separates_at"].iloc[0])
        right = np.rint(rows["accuracy"].to_numpy(np.float64) * n).astype(np.int64)
        key = (names.index(str(a)), names.index(str(b)))
        p = rows["p"].to_numpy(np.float64)
        out[key] = PairRung(*key, layers, int(rows["n_fit"].iloc[0]), n, right, p, layers.index(where) if where in layers else -1)
    return out


def _suspects(folder: Path, manifest: Manifest) -> dict[str, str] | None:
    """`tables/label_issues.csv` as it was written; None where the run has none."""
    import pandas as pd

    if "tables/label_issues.csv" not in manifest.files():
        return None
    table = pd.read_csv(folder / "tables" / "label_issues.csv", keep_default_na=False, usecols=["sample_id", "reason"])
    return dict(zip(table["sample_id"].astype(str), table["reason"].astype(str), strict=True))


def write_dossier(folder: Path, display: DossierDisplay) -> None:
    """Figure, facts, mistakes and text of one dossier into a new folder, all or nothing.

    Raises OutputBusy where the folder is there already.
    """
    from fmnist_viz.core.errors import OutputBusy
    from fmnist_viz.export.figures import save

    if folder.exists():
        raise OutputBusy("OUT-TAKEN", folder, "is there already", "Choose another --out.")
    with staged_folder(folder) as temp:
        temp.mkdir(parents=True, exist_ok=True)
        save(display.plot(), temp / "dossier")
        write_file(temp / "facts.csv", display.frame().to_csv(index=False, lineterminator="\n", float_format="%.7g"))
        write_file(temp / "errors.csv", display.errors().to_csv(index=False, lineterminator="\n", float_format="%.7g"))
        write_file(temp / "text.txt", display.text + "\n")
