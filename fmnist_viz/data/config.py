"""What a person can say about the data, read off by the command line, `config.toml` and the manifest."""

from __future__ import annotations

from dataclasses import dataclass

from fmnist_viz.core.config import check_options, option
from fmnist_viz.core.errors import UsageError, unknown_choice

SOURCES = ("fashion-mnist", "sample", "idx:DIR", "npz:FILE", "csv:DIR", "folder:DIR")

# Which of the switches mean something for which source; one that would be ignored is refused.
_ONLY_FOR = {
    "data_dir": ("fashion-mnist",),
    "skip_bad": ("folder",),
    "allow_modified": ("fashion-mnist",),
    "allow_trailing": ("fashion-mnist", "idx"),
}


@dataclass(frozen=True)
class DataConfig:
    """Where labelled images come from and what is done to them on the way in."""

    data: str = option("fashion-mnist", "Where the images come from: fashion-mnist, sample (6,000 of them, shipped), idx:DIR, npz:FILE, csv:DIR or folder:DIR.")
    data_dir: str = option("", "Folder with the four Fashion-MNIST IDX files; empty looks in the usual places, then downloads.")
    resize: int = option(0, "Bring every image to this side (stretched, bilinear); 0 keeps the size.", unit="pixels", low=0, high=4096)
    skip_bad: bool = option(False, "Leave out pictures of a folder that cannot be read, and say how many.")
    allow_modified: bool = option(False, "Accept Fashion-MNIST files whose content is not the published one.")
    allow_trailing: bool = option(False, "Accept bytes after the data that an IDX header promises.")
    label_fixes: str = option("", "A label_issues.csv of `labels` whose decision column was filled in: keep, drop, a class's name or number.")
    max_bytes: int = option(8 * 2**30, "Refuse data whose decoded pixels and labels would need more.", unit="bytes", low=1)

    @property
    def kind(self) -> str:
        """The part of `data` before the colon."""
        return self.data.partition(":")[0]

    @property
    def place(self) -> str:
        """The part of `data` after the colon: a file or folder, or empty."""
        return self.data.partition(":")[2]

    def check(self) -> None:
        """Raise UsageError for an unknown source, a missing or surplus place, or a switch that the source would ignore."""
        check_options(self)
        if self.kind not in [name.partition(":")[0] for name in SOURCES]:
            raise unknown_choice("data source", self.data, SOURCES)
        wants_place = self.kind not in ("fashion-mnist", "sample")
        if wants_place != bool(self.place) or (":" in self.data and not wants_place):
            form = next(name for name in SOURCES if name.partition(":")[0] == self.kind)
            raise UsageError("DATA-SOURCE", f"--data {self.data}", "does not have the form " + form, "Give it in that form.")
        for name, kinds in _ONLY_FOR.items():
            if getattr(self, name) and self.kind not in kinds:
                flag = "--" + name.replace("_", "-")
                raise UsageError("OPTION-UNUSED", flag, f"means nothing for --data {self.kind}", f"Leave it out; it serves {', '.join(kinds)}.")
