"""What `stability` leaves on disk: figures and tables of all maps with a manifest, as one folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from fmnist_viz.core.manifest import Manifest
from fmnist_viz.core.store import staged_folder, write_file
from fmnist_viz.display.gaps import GapsDisplay
from fmnist_viz.display.stability import StabilityDisplay
from fmnist_viz.export.slug import slug
from fmnist_viz.pipeline.config import VERSION, code_digest
from fmnist_viz.pipeline.folder import check_replaceable
from fmnist_viz.pipeline.stability import FRAMES, StabilityMaps
from fmnist_viz.projection.stability import Stability

KIND = "stability"


def check_target(folder: Path) -> None:
    """Raise OutputBusy where `folder` is a file or holds what no stability has written: it is replaced as a whole."""
    check_replaceable(folder, KIND, "stability of maps")


def write_stability(made: StabilityMaps, folder: Path, line: str) -> Manifest:
    """`stability_<layer>_<method>` and `gaps_<layer>_<method>` as PNG and SVG, `points.csv`, `pairs.csv`, `classes.csv`, `replicates.csv`, a manifest.

    One folder, all or nothing.

    Raises OutputBusy where the folder holds anything but an earlier one of these.
    """
    from fmnist_viz.export.figures import save

    check_target(folder)
    run: dict[str, Any] = {}
    if made.run is not None:
        run = {"run": {"name": made.run.name, "digest": made.run.about.get("digest", ""), "data_sha256": made.run.data_sha256}}
    manifest = Manifest({
        "digest": made.digest, "command": line, "kind": KIND, "finished": True, "version": VERSION, "code": code_digest(),
        "warnings": list(made.warnings), **run,
    })  # fmt: skip
    prefix = f"Run {made.run.name}" if made.run is not None else ""
    with staged_folder(folder) as temp:
        for name in FRAMES:
            write_file(temp / f"{name}.csv", made.frame(name).to_csv(index=False, lineterminator="\n", float_format="%.7g"))
        for (layer, method), found in made.found.items():
            stem = f"{slug(layer)}_{slug(method)}"
            save(StabilityDisplay(found).plot(stamp=made.warnings, prefix=prefix), temp / f"stability_{stem}")
            if found.class_names:
                save(GapsDisplay(found).plot(stamp=made.warnings, prefix=prefix), temp / f"gaps_{stem}")
        facts = [_facts(layer, method, found) for (layer, method), found in made.found.items()]
        manifest.record(temp, KIND, sorted(temp.iterdir()), {"maps": facts})
    return manifest


def _facts(layer: str, method: str, found: Stability) -> dict[str, Any]:
    replicates = [
        {"kind": one.kind, "label": one.label, "seed": one.seed, "n": len(one.rows), "parameters": one.parameters, "note": one.note} for one in found.maps
    ]
    return {"representation": layer, "method": method, "n": found.n, "findings": found.findings(), "note": found.note, "replicates": replicates}
