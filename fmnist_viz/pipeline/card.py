"""The report's facts about a run: what was looked at, how it was trained, how right it is, and which files came from elsewhere."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from fmnist_viz.analysis.confusion import sentence
from fmnist_viz.pipeline.axes import axis_facts
from fmnist_viz.pipeline.brought import NO_PREDICTIONS, NO_PROBABILITIES

if TYPE_CHECKING:
    from fmnist_viz.pipeline.context import Context
    from fmnist_viz.pipeline.shown import Shown


def model_card(ctx: Context, shown: Shown) -> list[tuple[str, str]]:
    """What was trained on what, and how, for the report."""
    if ctx.model is None and ctx.config.fit is None:
        rows = [("model", "none was given: vectors and predictions were made elsewhere")]
    else:
        rows = [("model", shown.model), ("parameters", f"{sum(info.parameters for info in shown.seen.table):,}")]
    if (fit := ctx.config.fit) is not None:
        t = shown.training
        rows += [
            ("recipe", fit.recipe),
            ("training images", f"{t['train_images']:,}"),
            ("validation images", held_out_words(t)),
            ("training", fit.plan.words()),
            ("precision", f"{t['precision']} ({t['precision_why']}); features, probabilities and weights in float32"),
            ("device", f"{t['device']}, {t['replicas']} replica, {t['threads']} threads"),
        ]
    rows.append(("images shown", f"{len(shown.images):,} ({shown.images.split} split)"))
    return [*rows, *confusion_facts(shown), *axis_facts(shown), ("seed", str(ctx.seed))]


def held_out_words(training: Mapping[str, Any]) -> str:
    if training.get("watched") == "test":
        return "none; the test split was watched, as in the article, and nothing was chosen by it"
    return f"{training['validation_images']:,} held out" if training["validation_images"] else "none"


def confusion_facts(shown: Shown) -> list[tuple[str, str]]:
    """Accuracy and the leading pair, or that there is none."""
    if shown.confusion is None or shown.seen.predictions is None:
        return [("predictions", NO_PREDICTIONS)]
    value, low, high = shown.confusion.accuracy
    rows = [("accuracy on them", f"{100 * value:.2f} % (95 % interval {100 * low:.2f}–{100 * high:.2f}, n = {shown.confusion.n:,})")]
    if not shown.seen.predictions.has_proba:
        rows.append(("probabilities", NO_PROBABILITIES))
    pairs = shown.confusion.pairs()
    return [*rows, *([("most confused pair", sentence(pairs.iloc[0]))] if len(pairs) else [])]


def given_files(ctx: Context) -> list[tuple[str, str]]:
    """The files that came from elsewhere, with their sums."""
    rows = []
    if ctx.model is not None:
        how = "opened with --trust-model: code of its own may have run" if ctx.model.trust else "built-in layers only"
        rows.append(("model file", f"{ctx.model.path.name} (SHA-256 {ctx.model.sha256}; {how})"))
    return [*rows, *((what, f"{name} (SHA-256 {sha})") for what, name, sha in (ctx.brought.files if ctx.brought else ()))]
