"""docs/architecture.md names modules: all of them are there. And no module keeps what nobody in it asks for."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "docs" / "architecture.md").read_text("utf-8")


def spelled_out(names: str) -> Iterator[str]:
    """The paths that `a/{b, c/{d, e}}, f` stands for."""
    for name in re.findall(r"[^,{}]+(?:\{(?:[^{}]|\{[^{}]*\})*\})?", names):
        before, brace, inner = name.strip().partition("{")
        yield from (before + below for below in spelled_out(inner[:-1])) if brace else [before]


def files(cell: str) -> Iterator[str]:
    """The files of a cell such as "`api/cli/` main, searching · `api/drawings`"."""
    for folder, names in re.findall(r"`([\w/]+)`([^`]*)", cell):
        listed = re.sub(r"[()]", "", names).strip(" ·,;\n")
        yield from (folder + name for name in spelled_out(listed)) if folder.endswith("/") else [folder]


def rows(heading: str) -> Iterator[str]:
    """The second cells of the table below a heading."""
    section = TEXT.partition(f"{heading}\n")[2].partition("\n##")[0]
    found = re.findall(r"^\| [^|]* \| ([^|]*) \|$", section, re.MULTILINE)
    assert len(found) > 1, heading
    yield from found[1:]  # without the table's own heading


def missing(names: Iterator[str]) -> list[str]:
    """Those that are no module."""
    return [name for name in names if not (ROOT / f"{name}.py").is_file()]


def test_the_walks_name_modules_that_are_there() -> None:
    """A photo's way and a query's, and they are as long as the text says."""
    for heading in ("### A photo's way", "### A query's way, and a filter's"):
        assert missing(name for cell in rows(heading) for name in files(cell)) == []
    told = re.search(r"These are the (\d+) files", TEXT)
    walk = {name for cell in rows("### A photo's way") for name in files(cell)}
    assert told is not None
    assert len(walk) == int(told[1])


def private_names(module: ast.Module) -> Iterator[str]:
    """Names of a module that begin with `_`; a function that a decorator takes is asked for by that."""
    for part in module.body:
        targets = part.targets if isinstance(part, ast.Assign) else [part]
        for target in targets:
            match target:
                case ast.Name(id=name) | ast.AnnAssign(target=ast.Name(id=name)):
                    yield name
                case ast.FunctionDef(name=name, decorator_list=[]) | ast.ClassDef(name=name):
                    yield name


def test_private_names_are_asked_for() -> None:
    """No constant, function or class outlives its last use."""
    rooms = ("retrieval", "indexer", "training", "api", "benchmarks", "tests")
    files = [path for room in rooms for path in sorted((ROOT / room).rglob("*.py"))]
    assert len(files) > 500
    alone = []
    for path in files:
        text = path.read_text("utf-8")
        names = (name for name in private_names(ast.parse(text)) if re.match("_[^_]", name))
        alone += [f"{path}: {name}" for name in names if len(re.findall(rf"\b{name}\b", text)) == 1]
    assert alone == []
