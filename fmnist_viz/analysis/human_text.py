"""What people answered beside what the model did, in words whose every number is in the tables."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fmnist_viz.analysis.human import NAMED, OWN, SHARED

if TYPE_CHECKING:
    from fmnist_viz.analysis.human import HumanConfusion


def human_sentences(found: HumanConfusion) -> list[str]:
    """Sentences without final stops."""
    total = len(found.votes)
    said = [f"People gave {found.n_votes:,} answers to {found.n:,} of the {total:,} images" + (f" ({found.file})" if found.file else "")]
    left = []
    if found.n < total:
        left.append(f"{_images(total - found.n)} without votes")
    if found.strangers:
        left.append(f"{_images(found.strangers)} of the file that {'is' if found.strangers == 1 else 'are'} not shown here")
    said += [f"Left out: {' and '.join(left)}"] if left else []
    if not found.n:
        return said
    rows = {row["score"]: row for row in found.scores().to_dict("records")}
    own = f"{_rate(rows['votes for the label'])} of their votes are for the label"
    answer = _rate(rows["votes for the model's answer"])
    said.append(f"On these images the model is right on {_rate(rows['model accuracy'])}; {own}, {answer} for the model's answer")
    shared = rows["mistakes that people make, too"]
    if shared["n"]:
        count = int((found.kinds == SHARED).sum())
        by_class = found.expected_shared
        chance = "" if by_class != by_class else f"; with the votes of other images of the same class it would be {100 * by_class:.1f} %"
        said.append(
            f"Of the model's {shared['n']:,} mistakes {count:,}, {_rate(shared)}, are answers that at least {100 * found.share:g} % of an image's votes "
            f"are for{chance}; {int((found.kinds == OWN).sum()):,} are the model's own"
        )
    if "cross-entropy of the model" in rows:
        cross, entropy = rows["cross-entropy of the model"], rows["entropy of people"]
        said.append(f"Cross-entropy of the model's probabilities under the people's answers: {_nats(cross)} nats; at least possible {_nats(entropy)}")
    return [*said, *_pairs(found)]


def _pairs(found: HumanConfusion) -> list[str]:
    frame = found.pairs()
    frame = frame[frame["significant"]]
    said = []
    for words, sign in (("The model confuses more often than people", 1), ("People confuse more often than the model", -1)):
        some = frame[sign * frame["difference"] > 0].sort_values("difference", ascending=sign < 0, kind="stable").head(NAMED).to_dict("records")
        if some:
            named = [f"{r['true']} → {r['predicted']} ({100 * r['model_rate']:.1f} % against {100 * r['human_rate']:.1f} %)" for r in some]
            said.append(f"{words}: {', '.join(named)}")
    return said


def _images(count: int) -> str:
    return f"{count:,} image{'s' * (count != 1)}"


def _rate(row: Any) -> str:
    return f"{100 * row['value']:.1f} % (95 % interval {100 * row['low']:.1f}–{100 * row['high']:.1f})"


def _nats(row: Any) -> str:
    return f"{row['value']:.3f} (95 % interval {row['low']:.3f}–{row['high']:.3f})"
