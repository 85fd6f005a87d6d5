"""What reaches a terminal, a pipe, and a stdout that takes nothing."""

from __future__ import annotations

import contextlib
import io
import json
import os
import shlex
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vasari.api.cli import output, terminal
from vasari.api.json_text import as_json
from vasari.retrieval.catalog.encoding import stored_uri

EVIL = "a\x1b]0;title\x07\r\nb\x7f\x9b31m\u202egpj.exe\udcff.png"


class Screen(io.StringIO):
    """A terminal."""

    encoding = "utf-8"

    def isatty(self) -> bool:
        return True


@contextlib.contextmanager
def screen() -> Iterator[Screen]:
    """Stdout and stderr are one terminal of 40 columns."""
    shown = Screen()
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("COLUMNS", "40")
        environment.delenv("TERM", raising=False)
        with contextlib.redirect_stdout(shown), contextlib.redirect_stderr(shown):
            yield shown


@given(st.text())
def test_what_people_read_has_no_control_characters(text: str) -> None:
    """Whatever a name holds, its visible form is printable, and printable text stays as it is."""
    shown = terminal.visible(text)
    assert all(letter.isprintable() or letter in "\u00a0\u3000\u200c\u200d" for letter in shown)
    assert shown == text or not text.isprintable()


def test_every_way_to_a_terminal_escapes_names() -> None:
    """Lines, entries, notes, carets, tables, JSON and paths show an evil name escaped, each in lines of its own."""
    with screen() as shown:
        output.line(EVIL)
        output.entry("0.3  ", EVIL)
        output.note(EVIL)
        output.caret(EVIL, 3)
        output.table([[EVIL, "1"]])
        output.print_json({"uri": EVIL.replace("\udcff", "")})
        output.paths([EVIL])
    assert all(letter.isprintable() or letter == "\n" for letter in shown.getvalue())
    assert f"{terminal.visible(EVIL)}\n" in shown.getvalue()
    assert "\\x1b]0;title\\x07\\r\\nb\\x7f\\x9b31m\\u202egpj.exe\\xff.png" in shown.getvalue()


def test_json_on_a_terminal_is_the_same_document() -> None:
    """What is escaped on a terminal reads as what a pipe gets: bytes that are not UTF-8 as in the catalog."""
    with screen() as shown:
        output.print_json({"uri": EVIL})
    assert json.loads(shown.getvalue()) == {"uri": stored_uri(EVIL)}


def test_a_pipe_gets_the_very_bytes_of_a_name(capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    """-f and -0 into a pipe stay raw."""
    output.paths([EVIL], zero=True)
    assert capsysbinary.readouterr().out == os.fsencode(EVIL) + b"\0"


@pytest.mark.parametrize("name", ["/home/me/Pictures/2024/" + "x" * 60 + "/boat.jpg", "写真" * 40 + ".jpg"])
def test_a_long_name_loses_its_middle_on_a_terminal_only(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Both ends are kept, in as many columns as there are, also of wide characters."""
    with screen() as shown:
        output.entry(" 0.335  ", name)
    line = shown.getvalue().rstrip("\n")
    assert terminal.width(line) in (39, 40)
    assert line.startswith(f" 0.335  {name[:3]}")
    assert line.endswith(".jpg")
    output.entry(" 0.335  ", name)
    assert capsys.readouterr().out == f" 0.335  {name}\n"


def test_sentences_break_between_words_and_commands_stay_whole() -> None:
    """A note on a narrow terminal is wrapped, but for what is to be copied."""
    with screen() as shown:
        output.note(
            "vasari: no library here, which is a pity: make one with `vasari index PATH` and search it then"
        )
    lines = shown.getvalue().splitlines()
    assert max(map(len, lines)) <= 40
    assert any("`vasari index PATH`" in line for line in lines)


def test_what_is_said_while_waiting_is_replaced() -> None:
    """The first output takes the line away."""
    with screen() as shown:
        output.waiting("loading the model…")
        output.line("0.335")
    assert shown.getvalue() == "loading the model…\r\x1b[K0.335\n"


def test_what_is_said_while_waiting_stands_once() -> None:
    """However many parts of a command say it."""
    with screen() as shown:
        output.waiting("starting…")
        output.waiting("loading the model…")
        output.no_longer_waiting()
    assert shown.getvalue() == "starting…\r\x1b[Kloading the model…\r\x1b[K"


def test_a_table_may_be_empty() -> None:
    """`vasari keys list` before there are any."""
    with screen() as shown:
        output.table([])
    assert shown.getvalue() == ""


def test_nobody_is_asked_by_a_closed_stdin(monkeypatch: pytest.MonkeyPatch) -> None:
    """Python has none then: `vasari spaces drop fast <&-`."""
    with screen() as shown:
        monkeypatch.setattr(sys, "stdin", shown)
        assert output.can_ask()
        monkeypatch.setattr(sys, "stdin", None)
        assert not output.can_ask()


def test_nothing_is_said_while_waiting_into_a_pipe(capsys: pytest.CaptureFixture[str]) -> None:
    """Programs hear results only."""
    output.waiting("loading the model…")
    assert capsys.readouterr() == ("", "")


def test_times_are_written_by_rfc_3339() -> None:
    """With T and a zone."""
    assert as_json(datetime(2024, 5, 31, 18, 30, tzinfo=UTC)) == '"2024-05-31T18:30:00Z"'


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="Linux's full device")
@pytest.mark.parametrize(("redirection", "reason"), [("> /dev/full", "No space left"), (">&-", "closed")])
def test_a_stdout_that_takes_nothing_is_said_in_one_line(redirection: str, reason: str) -> None:
    """Exit code 1, and no traceback."""
    command = f"{shlex.quote(sys.executable)} -m vasari.api.cli --help {redirection}"
    done = subprocess.run(["/bin/sh", "-c", command], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert reason in done.stderr
    assert done.stderr.count("\n") == 1
