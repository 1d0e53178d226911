"""A dossier in plain words. Every number comes out of the table of facts, so that text and table cannot differ."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from fmnist_viz.analysis.comparison import LEVEL
from fmnist_viz.analysis.dossier_facts import Fact, arrow, facts

if TYPE_CHECKING:
    from fmnist_viz.analysis.dossier import Dossier


def paragraph(d: Dossier) -> list[str]:
    """The sentences, in order."""
    f = facts(d)
    return [*_rates(d, f), *_why(d, f), *_when(d, f), *_where(d, f), *_pixels(d, f), _labels(d, f)]


def _of(f: dict[str, Fact], name: str) -> str:
    """``52 of 141, 36.9 % (95 % interval 29.4–45.1)``"""
    return f"{f[f'{name}: count'].short} of {f[f'{name}: of'].short}, {f[f'{name}: share'].text}"


def _rates(d: Dossier, f: dict[str, Fact]) -> Iterator[str]:
    a, b = d.names
    for one, other, side in ((a, b, 0), (b, a, 1)):
        name = arrow(d, side)
        if d.directions[side].n:
            count, of = f[f"{name}: count"].short, f[f"{name}: of"].short
            yield f"{count} of {of} images of {one} were taken for {other}, {f[f'{name}: share'].text}."
        else:
            yield f"There is no image of {one}."
    test = f["both rates equal"]
    if test.value == test.value:
        more = a if d.directions[0].rate[0] > d.directions[1].rate[0] else b
        verdict = f"it is more often {more} that is mistaken" if test.value < LEVEL else "the two rates do not differ clearly"
        yield f"By Fisher's exact test {verdict} ({test.short}, this pair alone)."
    if "narrow mistakes: count" in f:
        yield (
            f"Of the {f['mistakes'].short} mistakes {f['narrow mistakes: count'].short} are narrow (margin below {f['narrow below'].short}), "
            f"{f['narrow mistakes: share'].text}, and {f['confident mistakes: count'].short} confidently wrong (margin from {f['confident from'].short}), "
            f"{f['confident mistakes: share'].text}."
        )
    elif not d.count:
        yield "There is no mistake between the two to look into."


def _why(d: Dossier, f: dict[str, Fact]) -> Iterator[str]:
    name = "{}: nearest right image is of the predicted class"
    sides = [side for side in (0, 1) if name.format(arrow(d, side)) + ": count" in f]
    if sides and (near := d.nearest[sides[0]]) is not None:
        said = [f"{_of(f, name.format(arrow(d, side)))} of the mistakes {arrow(d, side)}" for side in sides]
        yield f"Of {near.pool}, the nearest one in {near.space} is of the predicted class rather than of the true one for {' and '.join(said)}."
    if d.axis is not None and f["axis: AUC"].value == f["axis: AUC"].value:
        yield (
            f"Along the axis between the two mean vectors in {d.axis.layer} all images of the two classes have an AUC of {f['axis: AUC'].text}, "
            "each on an axis made without it."
        )
        said = [f"{_of(f, f'{arrow(d, side)}: beyond the middle of the axis')} for {arrow(d, side)}" for side in (0, 1) if d.directions[side].count]
        if said:
            yield f"Beyond its middle, on the side of the predicted class, lie {' and '.join(said)}."


def _when(d: Dossier, f: dict[str, Fact]) -> Iterator[str]:
    if (rung := d.rung) is not None:
        n, best = f["layers: held-out images"].short, f"layers: best, {rung.layers[rung.best]}"
        if rung.separates_at < 0:
            share = f[f"{best}: share"].text
            yield f"No layer tells the two apart better than chance on {n} held-out images; the best is {rung.layers[rung.best]} with {share} right."
        else:
            at = rung.layers[rung.separates_at]
            first = rung.layers[0]
            share = f[f"layers: apart, {at}: share"].text
            before = f" and in no layer before it; in {first} {f[f'layers: first, {first}: share'].text}" if rung.separates_at else ""
            yield f"A linear discriminant tells {n} held-out images of the two apart in {at} as well as in any layer, {share} right{before}."
    if d.epochs is not None:
        n, last = f["epochs: images"].short, f["epochs: last, share"].text
        level = f["epochs: level"]
        when = f"after epoch {level.short}" if level.value else "before the first epoch"
        after = "" if level.value == f["epochs: last"].value else f", with {f['epochs: level, share'].text}"
        yield (
            f"Asked for these two classes alone, the model is right on {last} of {n} probe images after its last epoch, {f['epochs: last'].short}; "
            f"that level, as far as can be told, was reached {when}{after}."
        )


def _where(d: Dossier, f: dict[str, Fact]) -> Iterator[str]:
    """Of the last hidden layer: in itself, and on its first map."""
    told = [pair for pair in d.places if pair[0].representation == d.layer]
    for pair in [*(p for p in told if not p[0].method), *(p for p in told if p[0].method == "tsne")]:
        said = []
        for side in (0, 1):
            if not d.directions[side].count:
                continue
            who, where = arrow(d, side), " ".join(filter(None, (pair[side].representation, pair[side].method)))
            kinds = {kind: f[f"{who}: in {where} {kind}: count"].short for kind in ("true", "predicted", "between", "elsewhere")}
            true, predicted = d.names if side == 0 else d.names[::-1]
            count, k = f[f"{who}: count"].short, f[f"{who}: neighbours in {where}"].short
            said.append(
                f"of the {count} {who} {kinds['true']} lie among {true}, {kinds['predicted']} among {predicted}, {kinds['between']} in between, "
                f"{kinds['elsewhere']} elsewhere"
            )
        on = f"On the {_map_name(pair[0].method)} map of {pair[0].representation}" if pair[0].method else f"In {pair[0].representation} itself"
        if said:
            yield f"{on}, {'; '.join(said)} (by their {k} nearest points)."


def _map_name(method: str) -> str:
    return {"tsne": "t-SNE", "umap": "UMAP", "pca": "PCA"}.get(method, method)


def _pixels(d: Dossier, f: dict[str, Fact]) -> Iterator[str]:
    for side in (0, 1):
        who = arrow(d, side)
        if f"{who}: evidence asked of" not in f:
            continue
        lost = {what: f[f"{who}: lead lost by {what}"] for what in ("strongest", "random")}
        words = {what: fact.short + (" (it rises)" if fact.value < 0 else "") for what, fact in lost.items()}
        gain = f[f"{who}: strongest less random"]
        trusted = "so the evidence names pixels that count" if gain.low > 0 else "so the evidence cannot be relied on"
        yield (
            f"Covering the {f[f'{who}: covered pixels'].short} pixels that speak most for {who} lowers the lead of the predicted class by {words['strongest']} "
            f"logits on average over {f[f'{who}: evidence asked of'].short} mistakes, as many random pixels of the object by {words['random']}: "
            f"a difference of {gain.text}, {trusted}."
        )
    if d.evidence_note:
        yield d.evidence_note


def _labels(d: Dossier, f: dict[str, Fact]) -> str:
    if d.suspects is None:
        return "Label errors were not searched in this run."
    if not d.suspects:
        return "None of the mistakes is suspected of a wrong label."
    count = f["suspected labels: count"].short
    have = "has a label that is" if count == "1" else "have labels that are"
    return f"Of the mistakes {count} {have} suspected of being wrong, {f['suspected labels: share'].text}."
