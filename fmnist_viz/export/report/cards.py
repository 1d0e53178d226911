"""Cards of classes as the page's template takes them: texts and rows of images."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fmnist_viz.analysis.class_cards import SPREAD, ClassCard, ClassCards
from fmnist_viz.core.palette import class_colors
from fmnist_viz.export.report.content import ReportContent, visible
from fmnist_viz.export.report.readings import rate_text
from fmnist_viz.projection.caption import METHOD_NAMES

MOST = 20  # cards on the page


@dataclass(frozen=True)
class Card:
    """partners : (heading, [(true, predicted, name of the other, words)]);  strips : (heading, rows)"""

    name: str
    color: str
    counts: str
    facts: tuple[tuple[str, str], ...]
    partners: tuple[tuple[str, tuple[tuple[int, int, str, str], ...]], ...]
    strips: tuple[tuple[str, tuple[int, ...]], ...]
    spread: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class CardSection:
    cards: tuple[Card, ...]
    total: int
    layer: str
    spread: str = SPREAD


def card_section(content: ReportContent) -> CardSection | None:
    """None where there are no cards; of too many classes those of lowest F1."""
    cards = content.cards
    if cards is None:
        return None
    every = list(cards.cards)
    f1 = np.array([float(card.figures["f1"]) for card in every])
    kept = np.sort(np.argsort(np.where(np.isnan(f1), np.inf, f1), kind="stable")[:MOST])
    return CardSection(tuple(_card(every[i], cards) for i in kept.tolist()), len(every), visible(cards.layer) if cards.layer else "")


def _card(card: ClassCard, cards: ClassCards) -> Card:
    f, c = card.figures, card.label
    names = [visible(name) for name in cards.class_names]
    facts = []
    for name in ("precision", "recall", "f1"):
        values = tuple(float(f[f"{name}{end}"]) for end in ("", "_low", "_high"))
        facts.append(("F1" if name == "f1" else name, rate_text(*values) if values[0] == values[0] else "unknown: no case"))
    if card.confidence is not None and card.gap is not None:
        facts.append((f"mean confidence of {card.told:,} taken for it", rate_text(*card.confidence)))
        gap, low, high = (100 * v for v in card.gap)
        facts.append(("confidence less share right", f"{gap:+.1f} points ({low:+.1f} to {high:+.1f})"))
    partners = (
        ("Taken for", tuple((c, p.other, names[p.other], f"{p.count:,}, {rate_text(p.rate, p.low, p.high)}") for p in card.taken_for)),
        ("What is taken for it", tuple((p.other, c, names[p.other], f"{p.count:,}, {rate_text(p.rate, p.low, p.high)}") for p in card.takes)),
    )
    strips = [("Typical", card.typical), ("Hardest of the right ones", card.hardest), ("Confidently wrong" if cards.has_proba else "Wrong", card.wrong)]
    spread = tuple((_map_name(name), f"{v:.2f} ({low:.2f}–{high:.2f})") for name, (v, low, high) in card.spread.items())
    counts = f"{f['n']:,} images: {f['tp']:,} right, {f['fn']:,} missed; {f['fp']:,} wrongly taken for it, {f['tn']:,} rightly not"
    shown = tuple((word, tuple(rows.tolist())) for word, rows in strips if len(rows))
    return Card(names[c], class_colors(len(names))[c], counts, tuple(facts), tuple(p for p in partners if p[1]), shown, spread)


def _map_name(name: str) -> str:
    layer, _, method = name.rpartition(" ")
    return f"{visible(layer)}, {METHOD_NAMES.get(method, method)}"
