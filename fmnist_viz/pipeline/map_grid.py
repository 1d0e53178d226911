"""A finished run's layers under other parameters: maps of every value of a grid, from one neighbour graph a layer."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from fmnist_viz.core.cache import Cache, default_cache_dir
from fmnist_viz.core.config import digest
from fmnist_viz.core.errors import BadInput, UsageError, unknown_choice
from fmnist_viz.core.manifest import Manifest
from fmnist_viz.core.progress import Progress, Silent
from fmnist_viz.core.runner import runner
from fmnist_viz.core.store import staged_folder, write_file
from fmnist_viz.core.threads import set_threads, usable_cores
from fmnist_viz.core.types import DataSet, LabeledImages, Representation
from fmnist_viz.display.parameter_grid import Panel, ParameterGridDisplay
from fmnist_viz.display.scree import ScreeDisplay
from fmnist_viz.export.slug import slug
from fmnist_viz.pipeline.compared_layers import cached_features, images_of
from fmnist_viz.pipeline.config import VERSION, RunConfig, code_digest, read_run_config
from fmnist_viz.pipeline.context import Context, scratch_folder
from fmnist_viz.pipeline.features import Source, pixel_source
from fmnist_viz.pipeline.finished import FinishedRun, checked, open_runs
from fmnist_viz.pipeline.folder import RunFolder, check_replaceable
from fmnist_viz.pipeline.joined_maps import add_places, publish_joined
from fmnist_viz.projection.caption import reading
from fmnist_viz.projection.components import Components
from fmnist_viz.projection.grid import Setting, read_components, read_grid, read_methods, settings, widest
from fmnist_viz.projection.tsne import solid_cost

if TYPE_CHECKING:
    import pandas as pd

KIND = "map"
OUTPUTS = ("logits", "probabilities")


@dataclass(frozen=True)
class MapGrid:
    """Maps of one run by layer and setting. `displays` draw themselves; `frame` holds every score.

    run : the run that was read;  displays : layer -> its maps;  wanted : the settings in the order of the panels
    components : layer -> its leading principal components, where PCA was asked for;  warnings : what must be said on every figure
    """

    run: FinishedRun
    displays: dict[str, ParameterGridDisplay]
    wanted: list[Setting]
    components: dict[str, Components]
    warnings: list[str]

    @property
    def digest(self) -> str:
        """Of the run's configuration, the layers, and every setting."""
        return digest([self.run.about.get("digest", ""), list(self.displays), self.wanted])

    def frame(self) -> pd.DataFrame:
        """A row per map: see `ParameterGridDisplay.frame`."""
        import pandas as pd

        return pd.concat([display.frame() for display in self.displays.values()], ignore_index=True)


def map_grid(
    run: str | Path,
    grid: Sequence[str] = (),
    *,
    layers: str = "",
    methods: str = "",
    dims: int = 0,
    components: str = "",
    cache_dir: str | Path | None = None,
    workers: bool = False,
    progress: Progress | None = None,
) -> MapGrid:
    """Map layers of a finished run with every value of a grid; nothing is written but the cache, nothing is trained, TensorFlow is not loaded.

    Parameters
    ----------
    grid : texts such as ``"perplexity=5,30,100"``; all that is not named is as in the run
    layers : names separated by commas; by default the run's last hidden layer
    methods : pca, tsne, umap, umap-supervised (which sees the labels); by default those that read the grid's parameters
    dims : 2 or 3; 0 as the run
    components : ``"1,3"``: a PCA's axes

    Raises
    ------
    UsageError for unknown names and values out of range; BadInput where there is no such run, or no data or features of it any more.
    """
    progress = progress or Silent()
    values, chosen = read_grid(grid), read_components(components)
    named = read_methods(methods, values, chosen)
    if dims not in (0, 2, 3):
        raise UsageError("OPTION-RANGE", "--dims", f"{dims} is out of range", "Give 2 or 3.")
    (found,) = open_runs([Path(run)])
    names = chosen_layers(found, layers)
    asked = read_run_config(checked(found, "config.toml").parent, found.about["kind"])
    base = dataclasses.replace(asked.maps, dims=dims or asked.maps.dims)
    wanted = settings(base, values, named, chosen)
    images = images_of(found)
    cache = Cache(Path(cache_dir or default_cache_dir()).absolute(), report=progress.warn)
    sources = layer_sources(found, names, images, cache)
    _announce(wanted, len(sources), len(images), progress)
    warnings = list(found.about.get("warnings", []))
    config = RunConfig(maps=widest(base, wanted), view=asked.view)
    threads = set_threads(min(int(found.about.get("threads") or 0), usable_cores()))
    apart = workers and threads > 1 and any(s.method.startswith("umap") for s in wanted) and len(wanted) > 1
    with scratch_folder(cache) as scratch, runner(apart=apart, remedy="Give fewer layers, or smaller values.") as worker:
        ctx = Context(config, DataSet(None, images), {}, cache, RunFolder(found.path), worker, progress, threads, scratch)
        displays, found_components = _mapped(ctx, sources, images, wanted)
    return MapGrid(found, displays, wanted, found_components, warnings)


def chosen_layers(run: FinishedRun, text: str) -> list[str]:
    """The layers named, or the last that is no output. Raises UsageError with the list for an unknown one."""
    allowed = list(run.representations)
    if not allowed:
        raise BadInput("NO-LAYERS", run.path, "holds no maps of layers", "Make them with fmnist-viz train-and-export, or fmnist-viz export.")
    named = list(dict.fromkeys(part.strip() for part in text.split(",") if part.strip()))
    for name in named:
        if name not in allowed:
            raise unknown_choice("layer", name, allowed)
    return named or [next((name for name in reversed(allowed) if name not in OUTPUTS), allowed[-1])]


def layer_sources(run: FinishedRun, names: Sequence[str], images: LabeledImages, cache: Cache) -> dict[str, Source]:
    """The layers' vectors. Raises BadInput where the cache does not hold them any more, or where the run looked at some of the images only."""
    if rows := {run.representations[name]["rows"] for name in names} - {len(images)}:
        fact = f"was made from {min(rows):,} of these {len(images):,} images, for vectors were brought along for those alone"
        raise BadInput("OTHER-IMAGES", run.path, fact, "Map it by fmnist-viz export, with other parameters.")
    content, model = images.digest(), str(run.about.get("model", ""))
    stored = cached_features(run, content, cache, names) if set(names) - {"pixels"} else {}
    found = {}
    for name in names:
        if name == "pixels":
            found[name] = pixel_source(images, content)
            continue
        if name not in stored:
            remedy = f"fmnist-viz report {run.path} makes them again; vectors that were brought along are mapped by fmnist-viz export only."
            raise BadInput("NO-FEATURES", run.path, f"the cache holds no features of {name} for its images", remedy)
        key, features = stored[name]
        kind = name if name in OUTPUTS else "activation"
        facts = features.facts
        rep = Representation(features.vectors(), images.sample_ids, name, kind, model, raw_width=facts["raw_width"], transform=facts["transform"])  # type: ignore[arg-type]
        found[name] = Source(rep, key, features.reference)
    return found


def _announce(wanted: Sequence[Setting], layers: int, n: int, progress: Progress) -> None:
    """What is about to be computed, and the one thing that costs far more than it looks."""
    progress.say(f"maps of {n:,} images: {_count(len(wanted), 'setting')} of {_count(layers, 'layer')}")
    solid = sum(s.method == "tsne" and s.config.dims == 3 for s in wanted)
    if solid:
        progress.warn(solid_cost(solid * layers, n))


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def _mapped(
    ctx: Context, sources: dict[str, Source], images: LabeledImages, wanted: Sequence[Setting]
) -> tuple[dict[str, ParameterGridDisplay], dict[str, Components]]:
    from fmnist_viz.pipeline.maps import Job, Mapper

    mapper = Mapper(ctx)
    jobs = {Job(s.method, s.config, components=s.components): s for s in wanted}
    pending = [mapper.begin(source, images.labels, jobs=tuple(jobs)) for source in sources.values()]
    displays, labels = {}, images.labels
    for name, maps in zip(sources, mapper.projections(pending), strict=True):
        panels = [Panel(p, s.label, s.varied) for p, s in zip(maps, jobs.values(), strict=True)]
        displays[name] = ParameterGridDisplay(panels, labels, images.class_names)
    shape = images.images.shape[1:] if any(s.method == "pca" for s in wanted) else ()
    made = {name: p.components(shape) for name, p in zip(sources, pending, strict=True)} if shape else {}
    return displays, {name: c for name, c in made.items() if c is not None}


def write_grid(made: MapGrid, folder: Path, line: str) -> Manifest:
    """`grid_<layer>.png` and `.svg`, `grid.csv`, `coordinates/<layer>_<method>_<values>.csv`, `maps.csv` (all of them as one table) and a manifest,
    as one folder, all or nothing.

    Where PCA was asked for also `scree_<layer>` and `pca.csv`, with at most ten components of each layer.

    Raises OutputBusy where the folder holds anything but an earlier grid.
    """
    import pandas as pd

    from fmnist_viz.export.figures import save

    check_target(folder)
    every = [(name, display, setting, panel) for name, display in made.displays.items() for setting, panel in zip(made.wanted, display.panels, strict=True)]
    facts = [_facts(name, setting, panel) for name, _, setting, panel in every]
    manifest = Manifest({
        "digest": made.digest, "command": line, "kind": KIND, "finished": True, "version": VERSION, "code": code_digest(), "warnings": made.warnings,
        "run": {"name": made.run.name, "digest": made.run.about.get("digest", ""), "data_sha256": made.run.data_sha256},
        "labels_used": any(fact["labels_used"] for fact in facts),
    })  # fmt: skip
    with staged_folder(folder) as temp:
        publish_joined(temp, _joined(made), parquet=False)
        write_file(temp / "grid.csv", made.frame().to_csv(index=False, lineterminator="\n", float_format="%.7g"))
        for name, display, setting, panel in every:
            p = panel.projection
            # shortest texts that read back as the same float32
            columns: dict[str, Any] = {"sample_id": p.sample_ids, **dict(zip("xyz", p.coords.astype(str).T, strict=False))}
            classes = pd.Series(display.labels).map(dict(enumerate(display.class_names)))
            table = pd.DataFrame({**columns, "label": display.labels, "class": classes})
            (temp / "coordinates").mkdir(exist_ok=True)
            write_file(temp / "coordinates" / f"{slug(name)}_{setting.stem}.csv", table.to_csv(index=False, lineterminator="\n"))
        for name, display in made.displays.items():
            save(display.plot(stamp=made.warnings, prefix=f"Run {made.run.name}"), temp / f"grid_{slug(name)}")
        for name, found in made.components.items():
            save(ScreeDisplay(found).plot(stamp=made.warnings, prefix=f"Run {made.run.name}"), temp / f"scree_{slug(name)}")
        if made.components:
            table = pd.concat([found.frame() for found in made.components.values()], ignore_index=True)
            write_file(temp / "pca.csv", table.to_csv(index=False, lineterminator="\n", float_format="%.7g"))
        manifest.record(temp, KIND, sorted(temp.iterdir()), {"maps": facts})
    return manifest


def _joined(made: MapGrid) -> pd.DataFrame:
    """A row per image: sample_id, label, class, and ``<layer>_<setting>_x``, ``_y`` (and ``_z``) of every map with points."""
    import pandas as pd

    columns: dict[str, Any] = {}
    for name, display in made.displays.items():
        for setting, panel in zip(made.wanted, display.panels, strict=True):
            p = panel.projection
            names = np.array([*display.class_names, ""], dtype=object)
            columns = columns or {"sample_id": p.sample_ids, "label": display.labels, "class": names[display.labels]}
            if not p.note:
                add_places(columns, f"{slug(name)}_{setting.stem}", p)
    return pd.DataFrame(columns)


def _facts(name: str, setting: Setting, panel: Panel) -> dict[str, Any]:
    p = panel.projection
    return {
        "representation": name, "method": p.method, "varied": dict(setting.varied), "parameters": p.parameters, "seed": p.seed, "scores": p.scores,
        "reading": reading(p), "note": p.note, "labels_used": "labels" in p.parameters,
    }  # fmt: skip


def check_target(folder: Path) -> None:
    """Raise OutputBusy where `folder` is a file or holds what no grid has written: it is replaced as a whole."""
    check_replaceable(folder, KIND, "grid of maps")
