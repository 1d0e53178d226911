"""The final lines: what was written, how big, what to type next."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fmnist_viz.cli.screen import size_text
from fmnist_viz.pipeline.joined_maps import atlas_columns, atlas_line
from fmnist_viz.pipeline.request import Result

PARTS = {
    "report.html": "the report: open it in a browser, no server needed",
    "projector": "TensorBoard's Projector",
    "projector_epochs": "the Projector: epochs as runs, and how samples moved",
    "projector.html": "the same in one file: open it in a browser, no TensorBoard needed",
    "figures": "maps, confusions, curves as PNG and SVG",
    "tables": "every number as CSV",
    "predictions.csv": "every image with what was predicted of it",
    "model.keras": "the model",
    "train": "TensorBoard scalars, histograms, graph, HPARAMS",
    "validation": "TensorBoard, of what was held out or watched",
    "dead_units.csv": "units of each layer that never fire",
}


def summary(result: Result) -> list[str]:
    """What a run holds and how to look at it."""
    files, about = result.manifest.files(), result.manifest.about
    how = f"found, verified and unchanged, in {result.seconds:.1f} s" if result.reused else f"made in {result.seconds:.0f} s"
    lines = ["", f"{result.path}  ({len(files)} files, {size_text(sum(f['bytes'] for f in files.values()))}; {how})"]
    for name, what in PARTS.items():
        sizes = [f["bytes"] for path, f in files.items() if path == name or path.startswith(name + "/")]
        if sizes:
            lines.append(f"  {name:16s} {size_text(sum(sizes)):>9s}   {what}")
    if not result.reused and about.get("peak_memory_mb"):
        lines += spent(about)
    lines += ["", *(f"{name}: {text}" for name, text in about["findings"].items())] if about.get("findings") else []
    lines += [f"warning: {line}" for line in about.get("warnings", [])]
    if (result.path / "projector").exists() or (result.path / "train").exists():
        logs = result.path.parent if result.path.parent != Path("") else result.path
        page = "#projector" if (result.path / "projector").exists() else ""
        lines += ["", f"next:  tensorboard --logdir {logs}", f"       then open http://localhost:6006/{page}"]
    if (result.path / "report.html").exists():
        lines.append(f"       and {result.path / 'report.html'}")
    if "projections/maps.csv" in files and (opened := atlas_line(table := result.path / "projections" / "maps.csv", atlas_columns(table))):
        lines.append(f"       or, with pip install embedding-atlas:  {opened}")
    return lines


def spent(about: Mapping[str, Any]) -> list[str]:
    """Where the time and the memory went: the stages that took longest, and those that held most."""
    seconds, held = about.get("stage_seconds", {}), about.get("stage_memory_mb", {})
    longest = sorted(((s, name) for name, s in seconds.items() if s >= 0.5), reverse=True)
    lines = ["  time: " + ", ".join(f"{name.replace('_', ' ')} {s:.0f} s" for s, name in longest)] if longest else []
    worker = about.get("process_memory_mb", {}).get("worker")
    most = max(held, key=lambda name: held[name], default="")
    where = ", ".join([*([f"most during {most.replace('_', ' ')}"] if most else []), *([f"worker at most {size_text(worker << 20)}"] if worker else [])])
    return [*lines, f"  peak memory: {size_text(about['peak_memory_mb'] << 20)}" + (f" ({where})" if where else "")]


def data_lines(facts: Mapping[str, Any]) -> list[str]:
    """`fmnist-viz data` in words."""
    lines = [f"found:    {facts['location']}" + (" (official Fashion-MNIST)" if facts["official"] else f" ({facts['kind']})")]
    lines += [f"sha256:   {facts['sha256']} (decoded images and labels)"]
    for name, split in facts["splits"].items():
        low, high = split["value_range"] or ("-", "-")
        lines.append(f"{name + ':':9s} {split['images']:,} images of {split['height']}×{split['width']}×{split['channels']}, values {low}–{high}")
        counts = split["class_counts"]
        if len(set(counts.values())) == 1 and counts:
            lines.append(f"          {next(iter(counts.values())):,} of each of {len(counts)} classes: {', '.join(counts)}")
        else:
            lines += [f"          {count:>7,}  {label}" for label, count in counts.items()]
    lines += [f"checked:  {check}" for check in facts["checks"]]
    return lines + [f"note:     {note}" for note in facts["notes"]]
