"""The short way to a search reads what Typer reads."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import asdict
from typing import Any

import pytest
import typer
from hypothesis import given, settings
from hypothesis import strategies as st

from api.cli import plain_search
from api.cli.commands import app

SEARCH: Any = typer.main.get_command(app).commands["search"]  # type: ignore[attr-defined]

WORDS = st.sampled_from(
    [
        *("boat", "red boat", "+", "-", "2:cat", "item:3", "été"),
        *("-t", "--top", "3", "0", "-1", "x", "-L", "--library", "/a/b", "--", "-t3", "--top=3"),
        *("-f", "--filepath-only", "-0", "--null", "-n", "--no-indexing", "--explain", "--json", "--jsonl"),
        *("-r", "-fn", "--filter", "--help", "--hybrid", "--js"),
    ]
)


def typed(words: list[str]) -> dict[str, Any]:
    """What Typer makes of the words; a complaint raises."""
    return dict(SEARCH.make_context("search", list(words)).params)


@settings(max_examples=100, deadline=None)
@given(st.lists(WORDS, max_size=6))
def test_the_same_words_mean_the_same(words: list[str]) -> None:
    """Whatever is read here has all of Typer's values, and what it does not know of is at its default."""
    found = plain_search.read(words)
    if found is None:
        return
    mine = {f"_{name}" if name == "no_indexing" else name: value for name, value in asdict(found).items()}
    theirs = typed(words)
    assert {name: theirs[name] for name in mine} == mine
    usual = typed(["boat"])
    assert all(theirs[name] == usual[name] for name in set(usual) - set(mine))


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["boat"], plain_search.PlainSearch(["boat"])),
        (["a", "-", "b", "-t", "3", "--json"], plain_search.PlainSearch(["a", "-", "b"], top=3, json=True)),
        (["boat", "-t", "0"], None),
        (["boat", "--rerank"], None),
        (["boat", "-t"], None),
        ([], None),
        (["--help"], None),
    ],
)
def test_what_is_read_here_and_what_is_left(
    words: list[str], expected: plain_search.PlainSearch | None
) -> None:
    """Everyday searches are read; mistakes and rarer options are not."""
    assert plain_search.read(words) == expected


def test_a_plain_search_imports_nothing_heavy(tmp_path: Any) -> None:
    """Neither Typer nor pydantic, SQLAlchemy, torch or FAISS is imported on the way to the answer."""
    program = (
        "import sys\n"
        "from api.cli.main import main\n"
        "try:\n"
        f"    main(['search', 'boat', '-L', {str(tmp_path)!r}])\n"
        "except SystemExit: pass\n"
        "import retrieval.library\n"
        "heavy = {'typer', 'pydantic', 'sqlalchemy', 'torch', 'faiss', 'PIL', 'transformers', 'lark'}\n"
        "print(sorted(heavy & set(sys.modules)))\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
    assert "no library in" in done.stderr
