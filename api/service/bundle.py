"""The page in few files: its ES modules bundled into one script, its styles into one sheet, named by what they hold.

A bundle is made by the service from the files in `web/`, so that there is no build step to forget: each module becomes
a function that returns what it exports, in an order in which none comes before what it imports. The page as it lies on
the disk, module by module, is what one debugs (`MODULES`).
"""

from __future__ import annotations

import gzip
import hashlib
import json
import re
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path

MODULES = "modules.html"  # the page unbundled
SCRIPT, STYLE = "page.js", "page.css"
WORKER = "sw.js"  # keeps the others for when the service is away
JAVASCRIPT = "text/javascript; charset=utf-8"
_IMPORT = re.compile(r'^import \{(?P<names>[^}]*)\} from "\./(?P<file>[\w-]+\.js)";\n', re.MULTILINE)
_EXPORT = re.compile(r"^export (?=(?:async )?(?:function\*?|class|const) (?P<name>\w+))", re.MULTILINE)
# Outside of functions: what follows waits for it.
_AWAITS = re.compile(r"^(?:const \w+ = .*)?\bawait\b", re.MULTILINE)
_OTHER = re.compile(r"^(?:import|export)\b.*", re.MULTILINE)
_STYLES = re.compile(r'(?:[ \t]*<link rel="stylesheet" href="[^"]+">\n)+')
_SHELL = "const SHELL = [];"
_ENTRY = 'src="scripts/main.js"'
_EARLY = re.compile(r'src="scripts/((?!main\.js)[\w-]+\.js)"')  # what runs before the page is painted


@dataclass(frozen=True)
class Packed:
    """A text to be sent, as it is and as gzip."""

    text: str
    media_type: str

    @cached_property
    def data(self) -> bytes:
        """The text's bytes in UTF-8."""
        return self.text.encode()

    @cached_property
    def gzipped(self) -> bytes:
        """The bytes as gzip; equal for equal texts."""
        return gzip.compress(self.data, 9, mtime=0)

    @cached_property
    def tag(self) -> str:
        """A name for what the text says: 16 hexadecimal digits."""
        return hashlib.blake2b(self.data, digest_size=8).hexdigest()


@dataclass(frozen=True)
class Bundle:
    """A page and the files that it names, by their addresses below the page's."""

    files: dict[str, Packed]


@lru_cache(maxsize=8)
def bundled(web: Path) -> Bundle | None:
    """The bundle of the page in a folder, made once a process; None where `index.html` starts no `scripts/main.js`.

    Raises:
        ValueError: modules import each other in a circle, or in a form that is not bundled.
    """
    page = web / "index.html"
    html = page.read_text(encoding="utf-8") if page.is_file() else ""
    if _ENTRY not in html:
        return None
    sheets = re.findall(r'<link rel="stylesheet" href="([^"]+)">', html)
    files = {
        SCRIPT: Packed(join_modules(web / "scripts", "main.js"), JAVASCRIPT),
        STYLE: Packed("".join(_read(web / sheet) for sheet in sheets), "text/css; charset=utf-8"),
        **{name: Packed(join_modules(web / "scripts", name), JAVASCRIPT) for name in _EARLY.findall(html)},
    }
    html = _EARLY.sub(r'src="\1"', html)
    html = _STYLES.sub(f'  <link rel="stylesheet" href="{STYLE}">\n', html, count=1)
    html = html.replace(_ENTRY, f'src="{SCRIPT}"')
    for name, file in files.items():
        html = html.replace(f'="{name}"', f'="{name}?v={file.tag}"')
    page_file = Packed(html, "text/html; charset=utf-8")
    shell = ["./", *(f"{name}?v={file.tag}" for name, file in files.items())]
    worker = Packed(_read(web / WORKER).replace(_SHELL, f"const SHELL = {json.dumps(shell)};"), JAVASCRIPT)
    return Bundle({".": page_file, "index.html": page_file, WORKER: worker, **files})


def join_modules(folder: Path, entry: str) -> str:
    """One module that does what `entry` does, with all that it imports inside.

    Each module but the entry becomes a function's scope, so names may be used twice. Only what the page's modules are
    written in is taken: named imports of neighbours at the beginning, and exported functions, classes and constants.
    """
    parts: dict[str, str] = {}
    _add(folder, entry, parts, ())
    return "\n".join(parts.values())


def _add(folder: Path, name: str, parts: dict[str, str], below: tuple[str, ...]) -> None:
    """Put a module into `parts`, behind those it imports; `below` are those on the way that import it."""
    if name in below:
        raise ValueError(f"modules import each other: {' → '.join([*below, name])}")
    if name in parts:
        return
    source = _read(folder / name)
    for found in _IMPORT.finditer(source):
        _add(folder, found["file"], parts, (*below, name))
    body = _IMPORT.sub(
        lambda found: f"const {{{_renamed(found['names'])}}} = {_scope(found['file'])};\n", source
    )
    exported = [found["name"] for found in _EXPORT.finditer(body)]
    body = _EXPORT.sub("", body)
    if other := _OTHER.search(body):
        raise ValueError(f"{name} has a form that is not bundled: {other[0]}")
    if below:
        opens, ends = ("await (async () => {", "})()") if _AWAITS.search(body) else ("(() => {", "})()")
        body = f"const {_scope(name)} = {opens}\n{body}return {{ {', '.join(exported)} }};\n{ends};\n"
    parts[name] = f"// scripts/{name}\n{body}"


def _renamed(names: str) -> str:
    return re.sub(r"\bas\b", ":", names)


def _scope(file: str) -> str:
    return f"${re.sub(r'[^a-z0-9]', '_', file.removesuffix('.js'))}"


def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8")
