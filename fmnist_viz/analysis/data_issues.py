"""What may be wrong with the data: doubtful labels, pockets of error, twins, unusual and nearly empty images, as one value."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from fmnist_viz.analysis.label_errors import LabelIssues
from fmnist_viz.analysis.pockets import LEAST, Pocket, pocket_frame
from fmnist_viz.analysis.twins import RULE, Twins
from fmnist_viz.analysis.unusual import RULES, Odd, odd_frame
from fmnist_viz.core.types import LabeledImages

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class DataIssues:
    """Of the mapped `images`.

    labels : judged labels, None where `no_labels` says why not;  pockets : None where there are no predictions or neighbours
    twins : among all images of all splits, None without pixels;  odd : unusual and low-information images;  space : what unusual is measured in
    """

    images: LabeledImages
    labels: LabelIssues | None = None
    no_labels: str = ""
    pockets: tuple[Pocket, ...] | None = None
    twins: Twins | None = None
    odd: tuple[Odd, ...] = ()
    space: str = ""

    @property
    def suspects(self) -> dict[str, str] | None:
        """Reasons to doubt a label by sample id; None where they were not looked for."""
        return None if self.labels is None else self.labels.reasons()

    def frames(self) -> dict[str, pd.DataFrame]:
        """label_issues, pockets, duplicates, duplicate_counts and unusual, those that were looked for."""
        found = {}
        if self.labels is not None:
            found["label_issues"] = self.labels.frame()
        if self.pockets is not None:
            found["pockets"] = pocket_frame(list(self.pockets), self.images.class_names, self.images.sample_ids)
        if self.twins is not None:
            found |= {"duplicates": self.twins.frame(), "duplicate_counts": self.twins.counts()}
        if self.images.pictured:
            found["unusual"] = odd_frame(list(self.odd), self.images)
        return found

    def sentences(self) -> list[str]:
        """What was found, in plain words."""
        said = [self.no_labels] if self.labels is None else self.labels.sentences()
        if self.pockets is not None:
            said.append(self._pockets())
        if self.twins is not None:
            said.append(self.twins.sentence())
        if self.images.pictured:
            kinds = {kind: sum(one.kind == kind for one in self.odd) for kind in RULES}
            few = ", ".join(f"{count:,} {kind}" for kind, count in kinds.items() if count)
            said.append(f"Odd images: {few}" if few else "No image is unusual for its class or holds hardly anything")
        return [line for line in said if line]

    def _pockets(self) -> str:
        assert self.pockets is not None
        if not self.pockets:
            return f"No neighbourhood of at least {LEAST} images of a class errs significantly more than the class"
        # the last layers hold the decision, so that errors gather there by themselves
        top = min(self.pockets, key=lambda one: (one.representation != "pixels", one.p))
        names = self.images.class_names
        first = (
            f"{len(self.pockets):,} neighbourhoods err significantly more than their class"
            if len(self.pockets) > 1
            else "One neighbourhood errs significantly more"
        )
        told = (
            f"the clearest lies in {top.representation}: of {top.n} {names[top.label]} together {top.wrong} are wrong, {100 * top.rate:.1f} % of the class are"
        )
        return f"{first}; {told}"

    def rules(self) -> list[str]:
        """How it was found."""
        said = []
        if self.twins is not None:
            said.append(RULE[0].upper() + RULE[1:])
        if self.images.pictured:
            said += [
                f"{kind[0].upper()}{kind[1:]}{f' (in {self.space})' if kind == 'unusual' else ''}: {rule}"
                for kind, rule in RULES.items()
                if kind != "unusual" or self.space
            ]
        return said
