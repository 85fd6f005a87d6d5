"""Exported forms of a model: checksums of their files, and sessions of ONNX Runtime over their graphs.

`checksums.json` lies beside the files in the folder of a space. Opening a form compares lengths, which costs nothing;
`vasari doctor` compares the content too. Files that are not named, as in libraries of earlier versions, are taken as
they are. Neither torch nor the package `onnx` is imported here.
"""

from __future__ import annotations

import json
import os
import sys
import threading
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from vasari.retrieval.errors import LibraryCorruptError
from vasari.retrieval.storage.atomic import checksum_of, write_bytes
from vasari.retrieval.storage.file_names import as_utf8
from vasari.retrieval.storage.os_errors import cannot_read

CHECKSUMS_FILE = "checksums.json"
_importing = threading.Lock()


class Noted(NamedTuple):
    """What a file was when it was written."""

    bytes: int
    checksum: str  # BLAKE2b-64


def note_files(directory: Path, names: Iterable[str]) -> None:
    """Note these files of a folder as they are now, and forget those that are not there."""
    noted = dict(read_checksums(directory))
    for name in names:
        path = directory / name
        noted.pop(name, None)
        if path.is_file():
            noted[name] = Noted(path.stat().st_size, checksum_of(path))
    content = json.dumps({name: file._asdict() for name, file in sorted(noted.items())}, indent=1)
    write_bytes(directory / CHECKSUMS_FILE, content.encode())


def read_checksums(directory: Path) -> Mapping[str, Noted]:
    """What was noted; LibraryCorruptError for a file that is none of ours."""
    path = directory / CHECKSUMS_FILE
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        return {
            Path(name).name: Noted(int(file["bytes"]), str(file["checksum"]))
            for name, file in content.items()
        }
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise cannot_read(path, error) from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise LibraryCorruptError(f"{path} is damaged: run `vasari doctor --repair`") from error


def check_lengths(directory: Path, names: Iterable[str]) -> None:
    """Raise LibraryCorruptError unless these files, as far as they were noted, have the length they had."""
    noted = read_checksums(directory)
    for name in names:
        if name in noted:
            path = directory / name
            try:
                length = path.stat().st_size
            except FileNotFoundError:
                raise LibraryCorruptError(f"{path} is missing") from None
            except OSError as error:
                raise cannot_read(path, error) from error
            if length != noted[name].bytes:
                raise LibraryCorruptError(f"{path} has {length:,} bytes instead of {noted[name].bytes:,}")


def check_content(directory: Path, names: Iterable[str]) -> None:
    """Raise LibraryCorruptError unless these files, as far as they were noted, are what they were."""
    names = list(names)
    check_lengths(directory, names)
    noted = read_checksums(directory)
    for name in names:
        if name in noted:
            path = directory / name
            try:
                found = checksum_of(path)
            except OSError as error:
                raise cannot_read(path, error) from error
            if found != noted[name].checksum:
                raise LibraryCorruptError(f"{path} has another checksum than when it was written")


def onnx_runtime() -> Any:
    """The module `onnxruntime`, imported once, with its telemetry off.

    While it is imported it wants to keep a device id below HOME, and where that cannot be written it says so on
    stderr, before anybody could turn that off (1.25): descriptor 2 leads nowhere meanwhile.
    """
    with _importing:
        if "onnxruntime" in sys.modules:
            return sys.modules["onnxruntime"]
        kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
        try:
            os.dup2(nowhere, 2)
            import onnxruntime
        finally:
            os.dup2(kept, 2)
            os.close(kept)
            os.close(nowhere)
        onnxruntime.disable_telemetry_events()
        return onnxruntime


def open_session(path: Path, threads: int | None, *, pack: bool = True) -> Any:
    """An inference session on the CPU over the graph in `path`.

    Without `pack` weights are used as they lie in the file. Packing them for the multiplication takes 0.1 to 0.3 s for
    a tower of ViT-B-32 and as much memory again, and is worth it from some inputs on: a text then takes 30 ms of
    processor time instead of 70.
    """
    runtime = onnx_runtime()
    options = runtime.SessionOptions()
    options.log_severity_level = 3
    options.add_session_config_entry("session.disable_prepacking", "0" if pack else "1")
    # Threads that spin while they wait take the processor from those that decode, and from whatever comes next.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.intra_op_num_threads = threads or 0
    with as_utf8(path) as name:
        return runtime.InferenceSession(str(name), options, providers=["CPUExecutionProvider"])
