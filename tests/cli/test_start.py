"""What a command does before it begins: which modules it imports, and how numbers and completion are read."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from tests.cli.conftest import Run
from tests.grey import GreyLibrary, write_picture
from vasari.api.cli import reference
from vasari.api.cli.lazy import LazyCommand
from vasari.api.cli.main import app
from vasari.api.cli.options import Integer, Number
from vasari.indexer.job import index
from vasari.indexer.sources.folder import FolderSource

HEAVY = {
    *("torch", "open_clip", "transformers", "faiss", "sqlalchemy", "pydantic", "fastapi", "lark"),
    *("PIL", "httpx", "huggingface_hub", "rich", "tqdm", "pyarrow"),
}


def table(group: click.Group = app) -> Iterator[LazyCommand]:
    """All entries of the table of commands."""
    for command in group.commands.values():
        if isinstance(command, LazyCommand):
            yield command
        elif isinstance(command, click.Group):
            yield from table(command)


@pytest.mark.parametrize("entry", list(table()), ids=lambda entry: str(entry.place))
def test_the_table_says_of_a_command_what_the_command_says(entry: LazyCommand) -> None:
    """Its name, and the first sentence of its help."""
    command = entry.load()
    assert command.name == entry.name
    assert entry.short_help == command.get_short_help_str(limit=200)


def imported(*words: object) -> tuple[set[str], str]:
    """The modules that a command imports in a process of its own, and what it prints."""
    program = (
        "import sys\n"
        "from vasari.api.cli.main import main\n"
        "try: main(sys.argv[1:])\n"
        "finally: print(*sys.modules, file=sys.stderr)\n"
    )
    command = [sys.executable, "-c", program, *map(str, words)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return set(done.stderr.split()), done.stdout


def test_a_plain_search_imports_nothing_heavy(tmp_path: Path) -> None:
    """From the words to the answer: neither torch, FAISS, SQLAlchemy nor pydantic, and no other command."""
    for number in range(3):
        write_picture(tmp_path / f"{number}.png", number)
    with GreyLibrary.open(tmp_path / "library", create=True) as library:
        index(library, FolderSource([tmp_path]))
    modules, printed = imported("search", "item:1", "-t", "3", "-L", tmp_path / "library")
    assert printed.count(".png\n") == 3
    assert modules & HEAVY == set()
    assert modules & {f"vasari.api.cli.{entry.place.partition(':')[0]}" for entry in table()} == {
        "vasari.api.cli.searching"
    }


def test_a_job_with_nothing_to_do_imports_nothing_heavy(tmp_path: Path) -> None:
    """A second run over the same folder reads the catalog without SQLAlchemy, and loads no model."""
    write_picture(tmp_path / "photos" / "a.png", 1)
    with GreyLibrary.open(tmp_path / "library", create=True) as library:
        index(library, FolderSource([tmp_path / "photos"]))
    modules, printed = imported("index", tmp_path / "photos", "-L", tmp_path / "library")
    assert "1 unchanged" in printed
    assert modules & (HEAVY | {"pathspec"}) == set()


@pytest.mark.parametrize("command", ["search", "index"])
def test_help_of_a_command_imports_no_engine(command: str) -> None:
    """Options are told without what the command works with, not even NumPy."""
    modules, printed = imported(command, "-h")
    assert f"Usage: vasari {command}" in printed
    assert modules & (HEAVY | {"numpy", "vasari.retrieval.library.library"}) == set()


def test_help_imports_no_command() -> None:
    """`vasari --help` is printed from the table."""
    modules, printed = imported("--help")
    assert all(f"  {entry} " in printed for entry in app.commands)
    assert modules & {f"vasari.api.cli.{entry.place.partition(':')[0]}" for entry in table()} == set()


def parameters() -> Iterator[tuple[click.Context, click.Parameter]]:
    """All options and arguments of all commands."""
    for context in reference.commands():
        for parameter in context.command.params:
            yield context, parameter


def test_every_value_is_of_a_strict_type() -> None:
    """No number is read by Click's own types, which take what Python takes; and a default is a value."""
    strict = (Integer, Number, click.Choice, click.Path)
    for context, parameter in parameters():
        exact = type(parameter.type) in (type(click.STRING), type(click.BOOL))
        assert exact or isinstance(parameter.type, strict), f"{context.command_path} {parameter.name}"
        if not parameter.required:
            parameter.process_value(context, parameter.get_default(context))


@pytest.mark.parametrize(
    ("path", "option", "kind"),
    [
        (
            context.command_path,
            min(parameter.opts, key=lambda name: not name.startswith("--")),
            parameter.type,
        )
        for context, parameter in parameters()
        if isinstance(parameter.type, Integer | Number)
    ],
    ids=str,
)
def test_a_number_is_written_in_plain_digits(
    run: Run, path: str, option: str, kind: Integer | Number
) -> None:
    """Wherever a command takes one: anything else is refused in a line, with exit code 2."""
    wrong = [
        "1_0",
        "１０",
        "٣",
        " 10",
        "10 ",
        "",
        "x",
        "0x10",
        "nan",
        "inf",
        "1e999",
        "-1",
        "1,5",
        "9" * 5000,
    ]
    if isinstance(kind, Integer):
        wrong += ["1e3", "1.0", "+5", "9" * 19]
    if kind.max is not None:
        wrong.append(str(kind.max + 1))
    for value in wrong:
        code, out, said = run(*path.split()[1:], option, value)
        assert (code, out, said.count("\n")) == (2, "", 1), value
        assert said.startswith(f"vasari: {option} should be a {'whole ' * isinstance(kind, Integer)}number")
    for value in [str(kind.min), str(kind.max or 10**17)] + ["1e0", "1.", "0.75"] * isinstance(kind, Number):
        assert kind.convert(value, None, None) == float(value)


def complete(words: str, run: Run, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What a shell is told could follow."""
    monkeypatch.setenv("_VASARI_COMPLETE", "bash_complete")
    monkeypatch.setenv("COMP_WORDS", words)
    monkeypatch.setenv("COMP_CWORD", str(words.count(" ")))
    code, printed, said = run()
    assert (code, said) == (0, "")
    return printed.split()


def test_a_shell_completes_commands_options_choices_and_paths(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As far as the words are typed; a path is left to the shell."""
    assert complete("vasari se", run, monkeypatch) == ["plain,search", "plain,serve"]
    assert complete("vasari models o", run, monkeypatch) == ["plain,optimize"]
    assert complete("vasari search --rer", run, monkeypatch) == ["plain,--rerank", "plain,--rerank-top"]
    assert complete("vasari search --for t", run, monkeypatch) == ["plain,text"]
    assert complete("vasari similar ./bo", run, monkeypatch) == ["file,./bo"]
    assert complete("vasari search -snow --to", run, monkeypatch) == ["plain,--top"]  # no complaint


@pytest.mark.skipif(shutil.which("bash") is None, reason="bash completes by its own script")
def test_completion_is_installed_for_the_shell_that_asks(tmp_path: Path) -> None:
    """Once, however often; the next shell uses it."""
    (tmp_path / ".bashrc").write_text("export KEPT=1\n")
    vasari = Path(sys.executable).with_name("vasari")
    script = (
        f"{vasari} --install-completion && {vasari} --install-completion && . ~/.bashrc && echo $KEPT\n"
        f"COMP_WORDS=({vasari} simi) COMP_CWORD=1; _vasari_completion {vasari}; echo ${{COMPREPLY[@]}}"
    )
    environment = os.environ | {"HOME": str(tmp_path), "SHELL": "/bin/bash"}
    done = subprocess.run(
        ["bash", "--norc", "-c", script], capture_output=True, text=True, env=environment, check=True
    )
    assert done.stdout.splitlines()[-2:] == ["1", "similar"], done.stderr
    assert (tmp_path / ".bashrc").read_text().count("source") == 1
