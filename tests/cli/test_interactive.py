"""`vasari search -i`: what keys do, what stands on the screen, and a whole dialogue in a real terminal."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import sys
import termios
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from tests.grey import GreyLibrary
from tests.patience import LONG
from vasari.api.cli import terminal
from vasari.api.cli.interactive import Dialogue, lines_of
from vasari.api.cli.raw_terminal import Key, keys_of
from vasari.indexer.job import index
from vasari.indexer.sources.folder import FolderSource
from vasari.retrieval.domain import Hit, Item, Modality, SearchRequest, SearchResponse

TEMPLATE = SearchRequest(limit=2)
HITS = tuple(
    Hit(Item(number, Modality.IMAGE, f"/photos/{number}.jpg", "0", 1, 1), 0.9) for number in range(9)
)


def ask(request: SearchRequest) -> SearchResponse:
    """Finds nothing for "nothing", else all."""
    hits = () if request.terms[0].text == "nothing" else HITS
    return SearchResponse(hits, len(HITS), 3.0, "space")


def test_keys_edit_the_words_and_choose_a_hit() -> None:
    """As in a shell; the choice stays among the hits."""
    dialogue = Dialogue()
    for key in ("a", " ", "b", "c", Key.BACK, "é", Key.WORD, "d", Key.OTHER):
        dialogue = dialogue.typed(key)
    assert dialogue.text == "ad"
    assert dialogue.typed(Key.CLEAR).text == ""
    found = dialogue.answered(ask, TEMPLATE)
    for key, chosen in ((Key.UP, 0), (Key.DOWN, 1), (Key.DOWN, 2), (Key.UP, 1)):
        found = found.typed(key)
        assert found.chosen == chosen
    for _ in range(20):
        found = found.typed(Key.DOWN)
    assert found.item == HITS[-1].item


def test_an_unfinished_query_keeps_what_is_there() -> None:
    """`boat -` cannot be read yet; nothing typed finds nothing."""
    found = Dialogue("boat").answered(ask, TEMPLATE)
    unfinished = Dialogue("boat -", found.hits, 3).answered(ask, TEMPLATE)
    assert (unfinished.hits, "operator" in unfinished.said) == (HITS, True)
    assert Dialogue("nothing").answered(ask, TEMPLATE).said == "no good match"
    assert Dialogue(" ", HITS).answered(ask, TEMPLATE).hits == ()


@given(st.text(max_size=60), st.integers(0, 8), st.integers(20, 90), st.integers(2, 20))
def test_every_screen_fits(text: str, chosen: int, columns: int, rows: int) -> None:
    """Whatever was typed and however small it is, no line is too long, and the choice is on it."""
    lines = lines_of(Dialogue(text, HITS, chosen, text), columns, rows)
    assert len(lines) <= rows
    plain = [re.sub(r"\x1b\[\d+m", "", line) for line in lines]
    assert all(terminal.width(line) <= columns for line in plain)
    assert not any("\x1b" in line for line in plain)
    if rows > 3:
        assert sum("\x1b[7m" in line and f"/{chosen}.jpg" in line for line in lines) == 1


def test_what_a_terminal_sends_is_letters_and_keys() -> None:
    """Arrows in both spellings, keys that mean nothing here, a bare Esc, and letters of any script."""
    assert list(keys_of("aß犬\x1b[A\x1bOB\x1b[3~\x1b[1;5C\r")) == [
        "a", "ß", "犬", Key.UP, Key.DOWN, Key.OTHER, Key.OTHER, Key.ENTER,
    ]  # fmt: skip
    assert list(keys_of("\x7f\x15\x17\x0f\x03")) == [Key.BACK, Key.CLEAR, Key.WORD, Key.OPEN, Key.LEAVE]
    assert list(keys_of("x\x1b")) == ["x", Key.LEAVE]


class Person:
    """Someone at a terminal in which `vasari search -i` runs, stdout being a pipe."""

    def __init__(self, library: Path, *words: str) -> None:
        self.printed, pipe = os.pipe()
        self.child, self.terminal = pty.fork()
        if self.child == 0:
            os.dup2(pipe, 1)
            command = [sys.executable, "-m", "vasari.api.cli", "search", "-i", *words, "-L", str(library)]
            os.execve(sys.executable, command, {**os.environ, "TERM": "xterm"})
        os.close(pipe)
        fcntl.ioctl(self.terminal, termios.TIOCSWINSZ, struct.pack("4H", 12, 60, 0, 0))
        self.seen = ""

    def wait_for(self, text: str, seconds: float = LONG) -> None:
        end = time.monotonic() + seconds
        while text not in self.seen:
            assert time.monotonic() < end, self.seen[-500:]
            if select.select([self.terminal], [], [], 0.2)[0]:
                self.seen += os.read(self.terminal, 65536).decode()

    def type(self, keys: str) -> None:
        self.seen = ""
        os.write(self.terminal, keys.encode())

    def ended(self) -> tuple[int, str]:
        """Exit code and stdout."""
        printed = b""
        while part := os.read(self.printed, 4096):
            printed += part
        os.close(self.printed)
        code = os.waitstatus_to_exitcode(os.waitpid(self.child, 0)[1])
        os.close(self.terminal)
        return code, printed.decode()


@pytest.fixture
def library(tmp_path: Path) -> Path:
    photos = tmp_path / "photos"
    photos.mkdir()
    for number, shade in enumerate((10, 200, 240)):
        Image.new("L", (8, 8), shade).save(photos / f"{number}.png")
    with GreyLibrary.open(tmp_path / "library", create=True) as opened:
        index(opened, FolderSource([photos]))
    return tmp_path / "library"


def test_a_person_searches_and_takes_the_second(library: Path) -> None:
    """Answers come while typing; Enter prints the path on stdout, and nothing else."""
    person = Person(library)
    person.wait_for("search: ")
    person.type("item:2")
    person.wait_for("3 of 3 in")
    assert person.seen.index("1.png") < person.seen.index("2.png") < person.seen.index("0.png")
    person.type("\x1b[B")
    person.wait_for("\x1b[7m")
    person.type("\r")
    assert person.ended() == (0, f"{library.parent}/photos/2.png\n")


def test_a_person_who_leaves_takes_nothing(library: Path) -> None:
    """Words given on the command line are searched at once; Esc ends it with 130, as Ctrl-C would."""
    person = Person(library, "item:3", "-t", "1")
    person.wait_for("1 of 3 in")
    person.type("\x1b")
    assert person.ended() == (130, "")


def test_without_a_terminal_it_is_refused(library: Path) -> None:
    """In a line; and without -i a query is asked for as before."""
    for words, complaint in (("-i", "needs a terminal"), ("-t3", "misses TERM")):
        command = [sys.executable, "-m", "vasari.api.cli", "search", words, "-L", str(library)]
        done = subprocess.run(command, capture_output=True, text=True, check=False, start_new_session=True)
        assert (done.returncode, done.stdout, complaint in done.stderr) == (2, "", True)
        assert len(done.stderr.splitlines()) == 1
