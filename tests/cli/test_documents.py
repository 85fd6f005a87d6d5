"""The documents' commands are executed, so that what they show is what happens."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.patience import LONG
from vasari.api.cli.main import main
from vasari.indexer.job import index
from vasari.indexer.sources.folder import FolderSource
from vasari.retrieval.domain import Modality
from vasari.retrieval.library.library import Library
from vasari.training.scenes.dataset import render
from vasari.training.scenes.scene import Split

ROOT = Path(__file__).resolve().parents[2]
COMMANDS = Path(sys.executable).parent


@dataclass(frozen=True)
class Step:
    """A command of a transcript and the lines it printed there; `…` stands for anything."""

    command: str
    printed: str


def transcript(document: Path) -> Iterator[Step]:
    """All commands in ```console blocks, in order."""
    for block in re.findall(r"^```console\n(.*?)^```", document.read_text("utf-8"), re.MULTILINE | re.DOTALL):
        for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            command, _, printed = part.partition("\n")
            yield Step(command, printed.rstrip("\n"))


@dataclass(frozen=True)
class Shell:
    """A shell in a folder, with a library of its own.

    Commands of nothing but `vasari WORDS` run in this process, which has imported torch already; the others in bash.
    """

    folder: Path
    library: Path
    printed: Callable[[], tuple[str, str]]

    def run(self, command: str) -> tuple[int, str, str]:
        """Exit code, stdout and stderr."""
        if re.search(r"[|&<>]", command):
            return self._in_bash(command)
        self.printed()
        for part in command.split("; "):
            with pytest.raises(SystemExit) as ended:
                main(shlex.split(part)[1:])
            if ended.value.code:
                break
        code = ended.value.code
        return (code if isinstance(code, int) else 0), *self.printed()

    def _in_bash(self, command: str) -> tuple[int, str, str]:
        environment = os.environ | {"PATH": f"{COMMANDS}:{os.environ['PATH']}"}
        done = subprocess.run(
            ["bash", "-o", "pipefail", "-c", command],
            check=False, cwd=self.folder, env=environment, capture_output=True, text=True, timeout=LONG,
        )  # fmt: skip
        return done.returncode, done.stdout, done.stderr


@pytest.fixture
def shell(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[[Path], Shell]:
    """Opens a shell in a folder."""
    monkeypatch.setenv("VASARI_OFFLINE", "1")

    def opened(folder: Path) -> Shell:
        monkeypatch.chdir(folder)
        monkeypatch.setenv("VASARI_LIBRARY", str(folder / "library"))
        return Shell(folder, folder / "library", lambda: tuple(capsys.readouterr()))  # type: ignore[arg-type,return-value]

    return opened


def matches(expected: str, printed: str) -> bool:
    """Whether the output is as written, `…` matching any characters, line breaks too."""
    pattern = ".*?".join(re.escape(part) for part in expected.split("…"))
    return re.fullmatch(pattern, printed.strip("\n"), re.DOTALL) is not None


def test_the_tour_prints_what_it_says(shell: Callable[[Path], Shell], tmp_path: Path) -> None:
    """docs/tour.md, from an empty folder to captions, command by command."""
    here = shell(tmp_path)
    steps = list(transcript(ROOT / "docs" / "tour.md"))
    assert len(steps) > 8
    for step in steps:
        code, printed, complaints = here.run(step.command)
        assert code == 0, f"{step.command}\n{complaints}"
        assert matches(step.printed, printed), f"$ {step.command}\n{printed}\n--- expected:\n{step.printed}"


@pytest.fixture(scope="module")
def postcards(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the pictures that README mentions, and a library over it."""
    folder = tmp_path_factory.mktemp("readme")
    render(folder / "p", seed=5, count=24, split=Split.TRAIN, size=128)
    with Library.open(folder / "library", create=True) as library:
        library.use_model("scenes")
        index(library, FolderSource([folder / "p" / "images"], limits=library.image_limits))
    for name in ("sunset.jpg", "copy.jpg", "boat.jpg", "harbour.jpg"):
        shutil.copyfile(folder / "p" / "images" / "000003.jpg", folder / name)
    (folder / "cats").mkdir()
    return folder


def tour_of_readme() -> list[str]:
    text = (ROOT / "README.md").read_text("utf-8")
    block = re.search(r"## A short tour\n+```bash\n(.*?)```", text, re.DOTALL)
    assert block is not None
    lines = [line.partition("  #")[0].strip() for line in block[1].splitlines()]
    return [line for line in lines if line and not line.startswith("vasari serve")]


@pytest.mark.parametrize("command", tour_of_readme())
def test_readmes_commands_work(shell: Callable[[Path], Shell], postcards: Path, command: str) -> None:
    """Each line of README's tour ends well."""
    code, _, complaints = shell(postcards).run(command)
    assert code == 0, complaints


def test_readmes_python_example_works(
    shell: Callable[[Path], Shell], postcards: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """README's Python finds pictures, and what it adds and removes is there and gone."""
    text = (ROOT / "README.md").read_text("utf-8")
    block = re.search(r"```python\n(.*?)```", text, re.DOTALL)
    assert block is not None
    here = shell(postcards)
    program = re.sub(r"Library\.open\(\"[^\"]*\"", f'Library.open("{here.library}"', block[1])
    exec(program.replace('"~/Pictures"', f'"{postcards}/p/images"'), {})
    assert str(postcards / "p" / "images") in capsys.readouterr().out
    with Library.open(here.library) as library:
        items = library.items(library.catalog.items.live_ids(Modality.IMAGE).tolist())
        names = {Path(item.uri).name for item in items.values()}
    assert "harbour.jpg" in names
    assert "boat.jpg" not in names


def test_the_command_reference_is_up_to_date() -> None:
    """docs/cli.md and the kept help are what the commands' help says."""
    done = subprocess.run(
        [sys.executable, "-m", "vasari.api.cli.reference", "--check"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
