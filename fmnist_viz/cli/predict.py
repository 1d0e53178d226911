"""`fmnist-viz predict` in the terminal: a bar for every class, and the nearest training images in words."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from fmnist_viz.cli.screen import Screen

if TYPE_CHECKING:
    from rich.text import Text

    from fmnist_viz.pipeline.predict import Answer, Question

BAR = 32  # signs of a bar at 100 %
EIGHTHS = " ▏▎▍▌▋▊▉█"
MOST_CLASSES = 12


def ask(run: Path, question: Question, *, out: str, overwrite: bool, cache_dir: str) -> None:
    """Predict, print, and write the cards where a file is named."""
    from fmnist_viz.pipeline.predict import check_out, predict, write_cards

    path = Path(out) if out else None
    if path is not None:
        check_out(path, overwrite=overwrite)
    screen = Screen()
    try:
        answer = predict(run, question, cache_dir=Path(cache_dir) if cache_dir else None, progress=screen)
    finally:
        screen.close()
    for name, warnings in zip(answer.names, answer.warnings, strict=True):
        for line in warnings:
            screen.warn(f"{name}: {line}")
    show(answer)
    if path is not None:
        write_cards(path, answer)
        sys.stdout.write(f"\ncards: {path}\n")


def show(answer: Answer) -> None:
    """Every image's lines on stdout, in colour where it is a terminal."""
    from rich.console import Console

    console = Console(file=sys.stdout, highlight=False, soft_wrap=True)
    for line in answer.run_warnings:
        console.print(f"warning: {line}", markup=False)
    for i in range(len(answer.names)):
        for text in card_lines(answer, i):
            console.print(text)


def bar(share: float) -> str:
    """A bar of at most `BAR` signs in steps of an eighth; what is written as 0.1 % or more shows."""
    full, rest = divmod(max(round(share * BAR * 8), 1 if share >= 0.0005 else 0), 8)
    return "█" * full + (EIGHTHS[rest] if rest else "")


def card_lines(answer: Answer, i: int) -> list[Text]:
    """One image in words: what it was taken for, what was done to it, the bars (marked ◀), its nearest training images."""
    from rich.text import Text

    proba, true, names = answer.y_proba[i], int(answer.labels[i]), answer.class_names
    predicted = int(proba.argmax())
    known = true >= 0
    style = "" if not known else "bold blue" if true == predicted else "bold red"
    verdict = "" if not known else "  ✓ right" if true == predicted else f"  ✗ wrong, it is {names[true]}"
    lines = [Text(""), Text(f"{answer.names[i]}: {names[predicted]}, {100 * proba[predicted]:.1f} %{verdict}", style=style or "bold")]
    if answer.notes[i]:
        lines.append(Text(f"  {'; '.join(answer.notes[i])}", style="dim"))
    order = range(len(names)) if len(names) <= MOST_CLASSES else sorted((-proba).argsort(kind="stable")[:MOST_CLASSES].tolist())
    width = max(len(names[k]) for k in order)
    for k in order:
        mark = " and ".join(word for word, number in (("predicted", predicted), ("true", true)) if number == k)
        text = f"  {names[k]:<{width}}  {100 * proba[k]:5.1f} %  {bar(float(proba[k])):<{BAR}}{'  ◀ ' + mark if mark else ''}"
        lines.append(Text(text.rstrip(), style=style if k == predicted else "" if mark else "dim"))
    if len(names) > MOST_CLASSES:
        lines.append(Text(f"  the {MOST_CLASSES} likeliest of {len(names)} classes", style="dim"))
    if (near := answer.nearest) is not None and near.k:
        found = (f"{names[int(label)]} {own} ({distance:.3g})" for label, own, distance in zip(near.labels[i], near.ids[i], near.distances[i], strict=True))
        lines.append(Text(f"  nearest training images in {near.space}: {', '.join(found)}"))
    return lines
