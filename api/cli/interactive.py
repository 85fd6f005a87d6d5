"""Search that answers while one types: `vasari search -i`. Arrows choose, Enter prints the path, Ctrl-O opens it.

It draws on the terminal itself and prints the choice to stdout, so that `cp "$(vasari search -i)" .` works.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from vasari.api.cli import terminal
from vasari.api.cli.raw_terminal import Key, raw_terminal
from vasari.retrieval.domain import Hit, Item, SearchRequest, SearchResponse
from vasari.retrieval.errors import VasariError
from vasari.retrieval.search.query import parse_query

Ask = Callable[[SearchRequest], SearchResponse]
_PAUSE = 0.08  # seconds without a key before the words are searched
_PROMPT = "search: "
_HELP = "↑↓ choose   Enter print its path   Ctrl-O open   Ctrl-U clear   Esc leave"
_FRAME = 3  # lines that are no hits


@dataclass(frozen=True, slots=True)
class Dialogue:
    """What stands on the screen."""

    text: str = ""
    hits: tuple[Hit, ...] = ()
    chosen: int = 0
    said: str = ""

    def typed(self, key: str | Key) -> Dialogue:
        """After a letter, or a key that edits or chooses."""
        match key:
            case str():
                return replace(self, text=self.text + key)
            case Key.BACK:
                return replace(self, text=self.text[:-1])
            case Key.CLEAR:
                return replace(self, text="")
            case Key.WORD:
                return replace(self, text=self.text.rstrip().rpartition(" ")[0])
            case Key.UP:
                return replace(self, chosen=max(self.chosen - 1, 0))
            case Key.DOWN:
                return replace(self, chosen=max(min(self.chosen + 1, len(self.hits) - 1), 0))
            case _:
                return self

    def answered(self, ask: Ask, template: SearchRequest) -> Dialogue:
        """With the hits for its text; a text that cannot be read yet keeps those that are there, and says why."""
        if not self.text.strip():
            return replace(self, hits=(), chosen=0, said="")
        try:
            found = ask(replace(template, terms=parse_query(self.text, files=True)))
        except VasariError as error:
            return replace(self, said=str(error))
        said = (
            f"{len(found.hits)} of {found.total:,} in {found.took_ms:.0f} ms"
            if found.hits
            else "no good match"
        )
        return replace(self, hits=found.hits, chosen=0, said=said)

    @property
    def item(self) -> Item | None:
        """The one that is chosen."""
        return self.hits[self.chosen].item if self.hits else None


def lines_of(dialogue: Dialogue, columns: int, rows: int) -> list[str]:
    """The screen: what was typed, what was said, the hits, and which keys do what."""
    room = max(rows - _FRAME, 1)
    first = max(0, dialogue.chosen - room + 1)
    shown = dialogue.hits[first : first + room]
    lines = [_line(hit, columns, chosen=first + place == dialogue.chosen) for place, hit in enumerate(shown)]
    head = _PROMPT + _tail(terminal.visible(dialogue.text), columns - len(_PROMPT) - 1)
    said = terminal.dim(terminal.shortened(terminal.visible(dialogue.said), columns))
    return [head, said, *lines, terminal.dim(terminal.shortened(_HELP, columns))][:rows]


def converse(
    ask: Ask, template: SearchRequest, text: str, open_item: Callable[[Item], None] | None
) -> Item | None:
    """Search while a person types; the item chosen in the end, None for one who leaves.

    Raises UsageError where there is no terminal.
    """
    dialogue = Dialogue(text).answered(ask, template)
    with raw_terminal() as screen:
        pending = False
        while True:
            columns, rows = screen.size()
            lines = lines_of(dialogue, columns, rows)
            screen.show(lines, min(terminal.width(lines[0]), columns - 1))
            keys = screen.keys(_PAUSE if pending else None)
            if not keys:
                dialogue, pending = dialogue.answered(ask, template), False
            for key in keys:
                if key is Key.LEAVE:
                    return None
                if key is Key.ENTER:
                    return (dialogue.answered(ask, template) if pending else dialogue).item
                if key is Key.OPEN:
                    dialogue = _opened(dialogue, open_item)
                before = dialogue.text
                dialogue = dialogue.typed(key)
                pending = pending or dialogue.text != before


def _opened(dialogue: Dialogue, open_item: Callable[[Item], None] | None) -> Dialogue:
    """After the chosen item was handed to the desktop, or with the reason why it was not."""
    if dialogue.item is None:
        return dialogue
    if open_item is None:
        return replace(dialogue, said="the files are on another machine")
    try:
        open_item(dialogue.item)
    except VasariError as error:
        return replace(dialogue, said=str(error))
    return replace(dialogue, said=f"opened {dialogue.item.uri}")


def _line(hit: Hit, columns: int, *, chosen: bool) -> str:
    name = terminal.visible(hit.item.text or hit.item.uri)
    line = f"{hit.score:6.3f}  {terminal.shortened(name, columns - 9)}"
    return terminal.reverse(line) if chosen else line


def _tail(text: str, columns: int) -> str:
    """The end of a long text, where one types."""
    while terminal.width(text) > columns:
        text = text[1:]
    return text
