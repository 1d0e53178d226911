"""The page's navigation, read off its sections, so that a section that is added or left out needs no second mention."""

from __future__ import annotations

from dataclasses import dataclass
from html.parser import HTMLParser


@dataclass(frozen=True)
class Section:
    id: str
    name: str


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.found: list[Section] = []
        self._id, self._name, self._words = "", "", list[str]()
        self._depth, self._title = 0, False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "section":
            self._depth += 1
            if self._depth == 1:
                given = dict(attrs)
                self._id, self._name, self._words = given.get("id") or "", given.get("data-nav") or "", []
        elif tag == "h2" and self._depth == 1 and not self._words:
            self._title = True

    def handle_endtag(self, tag: str) -> None:
        if tag == "h2":
            self._title = False
        elif tag == "section":
            self._depth -= 1
            name = self._name or " ".join("".join(self._words).split())
            if self._depth == 0 and self._id and name:
                self.found.append(Section(self._id, name))

    def handle_data(self, data: str) -> None:
        if self._title:
            self._words.append(data)


def sections(html: str) -> list[Section]:
    """The outermost sections of rendered HTML that have an `id`, in their order; called what `data-nav` says, else what their first h2 says."""
    reader = _Reader()
    reader.feed(html)
    reader.close()
    return reader.found
