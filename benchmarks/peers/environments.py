"""Peers live in environments of their own, so that neither their requirements nor ours change the other's."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks.cache import cache_folder


def environment(name: str, packages: Sequence[str]) -> Path:
    """The folder with the programs (`python`, …) of an environment that has `packages` from PyPI; made once."""
    folder = cache_folder("peers") / name
    programs = folder / ("Scripts" if sys.platform == "win32" else "bin")
    wanted = "\n".join(packages)
    stamp = folder / "packages.txt"
    if not stamp.is_file() or stamp.read_text(encoding="utf-8") != wanted:
        print(f"installing {', '.join(packages)} …", file=sys.stderr, flush=True)
        subprocess.run([sys.executable, "-m", "venv", "--clear", folder], check=True)
        pip = [str(programs / "python"), "-m", "pip", "install", "-qq", "--disable-pip-version-check"]
        subprocess.run([*pip, *packages], check=True)
        stamp.write_text(wanted, encoding="utf-8")
    return programs
