"""The documents' commands are executed, so that what they show is what happens."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

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


def run(command: str, folder: Path, library: Path) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {
        "PATH": f"{COMMANDS}:{os.environ['PATH']}",
        "VASARI_LIBRARY": str(library),
        "VASARI_OFFLINE": "1",
    }
    return subprocess.run(
        ["bash", "-o", "pipefail", "-c", command],
        check=False, cwd=folder, env=environment, capture_output=True, text=True, timeout=240,
    )  # fmt: skip


def matches(expected: str, printed: str) -> bool:
    """Whether the output is as written, `…` matching any characters, line breaks too."""
    pattern = ".*?".join(re.escape(part) for part in expected.split("…"))
    return re.fullmatch(pattern, printed.strip("\n"), re.DOTALL) is not None


def test_the_tour_prints_what_it_says(tmp_path: Path) -> None:
    """docs/tour.md, from an empty folder to captions, command by command."""
    steps = list(transcript(ROOT / "docs" / "tour.md"))
    assert len(steps) > 8
    for step in steps:
        done = run(step.command, tmp_path, tmp_path / "library")
        assert done.returncode == 0, f"{step.command}\n{done.stderr}"
        assert matches(step.printed, done.stdout), (
            f"$ {step.command}\n{done.stdout}\n--- expected:\n{step.printed}"
        )


@pytest.fixture(scope="module")
def postcards(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A folder with the pictures that README mentions, and a library over it."""
    folder = tmp_path_factory.mktemp("readme")
    library = folder / "library"
    done = run(
        "vasari scenes render --seed 5 --count 24 p && vasari index p/images --model scenes", folder, library
    )
    assert done.returncode == 0, done.stderr
    for name in ("sunset.jpg", "copy.jpg", "boat.jpg"):
        shutil.copyfile(folder / "p" / "images" / "000003.jpg", folder / name)
    (folder / "cats").mkdir()
    return folder, library


def tour_of_readme() -> list[str]:
    text = (ROOT / "README.md").read_text("utf-8")
    block = re.search(r"## A short tour\n+```bash\n(.*?)```", text, re.DOTALL)
    assert block is not None
    lines = [line.partition("  #")[0].strip() for line in block[1].splitlines()]
    return [line for line in lines if line and not line.startswith("vasari serve")]


@pytest.mark.parametrize("command", tour_of_readme())
def test_readmes_commands_work(postcards: tuple[Path, Path], command: str) -> None:
    """Each line of README's tour ends well."""
    folder, library = postcards
    done = run(command, folder, library)
    assert done.returncode == 0, done.stderr


def test_readmes_python_example_works(postcards: tuple[Path, Path]) -> None:
    """README's Python finds pictures."""
    folder, library = postcards
    text = (ROOT / "README.md").read_text("utf-8")
    block = re.search(r"```python\n(.*?)```", text, re.DOTALL)
    assert block is not None
    script = folder / "example.py"
    script.write_text(re.sub(r"Library\.open\(\"[^\"]*\"", f'Library.open("{library}"', block[1]), "utf-8")
    done = run(f"{sys.executable} {script}", folder, library)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip()


def test_the_command_reference_is_up_to_date() -> None:
    """docs/cli.md is what the commands' help says."""
    done = run(f"{sys.executable} -m api.cli.reference --check", ROOT, ROOT / "no-library")
    assert done.returncode == 0, done.stderr
