"""Settings from the environment (prefix VASARI_); nothing else reads the environment.

A dataclass and not pydantic-settings: a one-shot search has 0.4 s, and that import alone takes 0.35 s of it.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Literal, get_args

from retrieval.errors import UsageError

Precision = Literal["auto", "float32", "bfloat16", "float16"]

PREFIX = "VASARI_"
NEW_MODEL = "fast"  # a new library's, unless one is asked for
_TRUE, _FALSE = ("1", "true", "yes", "on", "t", "y"), ("0", "false", "no", "off", "f", "n")


@dataclass(frozen=True, slots=True)
class _NotGiven:
    """Stands for an argument that was left out."""

    default: Any


def _setting(default: Any, read: Callable[[Any], Any]) -> Any:
    """A field with a default, and what turns the environment's word (or an argument) into its value."""
    return field(default=_NotGiven(default), metadata={"read": read})


def _words(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError("is no text")  # noqa: TRY004 (told to the user with the others)
    return value


def _path(value: Any) -> Path:
    if not isinstance(value, (str, Path)):
        raise ValueError("is no path")  # noqa: TRY004 (told to the user with the others)
    return Path(value)


def _number(kind: type[int] | type[float], least: float) -> Callable[[Any], Any]:
    def read(value: Any) -> Any:
        try:
            number = kind(
                value.replace("_", "?") if isinstance(value, str) else value
            )  # Python reads 1_3 as 13
        except (TypeError, ValueError):
            raise ValueError("is no whole number" if kind is int else "is no number") from None
        if number == float("inf"):
            raise ValueError("is endless")
        if not number >= least:
            raise ValueError(f"is less than {least:g}")
        return number

    return read


def _yes_or_no(value: Any) -> bool:
    word = str(value).strip().lower()
    if word not in _TRUE + _FALSE:
        raise ValueError("is neither yes nor no")
    return word in _TRUE


def _precision(value: Any) -> str:
    if value not in get_args(Precision):
        raise ValueError(f"is none of {', '.join(get_args(Precision))}")
    return str(value)


def _default_library() -> Path:
    import platformdirs  # not needed where a library is named

    try:
        return Path(platformdirs.user_data_dir("vasari")) / "default"
    except RuntimeError:
        raise ValueError(
            "this user has no home directory: name the library by --library or VASARI_LIBRARY, or set HOME"
        ) from None


@dataclass(frozen=True, kw_only=True)
class Settings:
    """All settings: what is not given as an argument is read from the environment, else has its default.

    Raises UsageError that names every value that cannot be used.
    """

    library: Path = _setting(_default_library, _path)  # noqa: RUF009 (returns a field)
    database_url: str | None = _setting(None, _words)  # default: catalog.sqlite3 in the library
    vectors: str | None = _setting(None, _words)  # default: files in the library; milvus+http://… for Milvus
    read_only: bool = _setting(False, _yes_or_no)  # a replica: nothing of the library is written here
    model: str = _setting(NEW_MODEL, _words)  # preset or model reference for a new library
    device: str = _setting("auto", _words)  # auto, cpu, cuda, cuda:1, mps
    precision: Precision = _setting("auto", _precision)  # noqa: RUF009
    reranker: str | None = _setting(None, _words)  # preset or directory; default: to suit the library's model
    captioner: str | None = _setting(None, _words)  # the same
    reranker_cache_bytes: int = _setting(
        512 * 1024 * 1024, _number(int, 0)
    )  # picture features kept for queries
    threads: int | None = _setting(None, _number(int, 1))  # CPU threads of the encoder; default: all cores
    max_image_bytes: int = _setting(256 * 1024 * 1024, _number(int, 1))
    max_image_pixels: int = _setting(200_000_000, _number(int, 1))
    decode_bytes: int | None = _setting(None, _number(int, 1))  # of all decoding threads; see `image_limits`
    remote_originals: bool = _setting(True, _yes_or_no)  # may originals be read from URLs? (service: no)
    private_addresses: bool = _setting(False, _yes_or_no)  # may tables' rows name hosts of this network?
    offline: bool = _setting(False, _yes_or_no)  # never ask a model hub
    hub_timeout: float = _setting(8.0, _number(float, 0))  # seconds until an unreachable hub is given up

    def __post_init__(self) -> None:
        mistakes: list[str] = []
        for setting in fields(self):
            try:
                value = _chosen(
                    PREFIX + setting.name.upper(), getattr(self, setting.name), setting.metadata["read"]
                )
                object.__setattr__(self, setting.name, value)
            except ValueError as error:
                mistakes.append(str(error))
        if mistakes:
            raise UsageError("; ".join(mistakes))


def _chosen(name: str, given: Any, read: Callable[[Any], Any]) -> Any:
    """The argument, else the environment's value, else the default; ValueError for one that cannot be used."""
    value = given
    if isinstance(given, _NotGiven):
        value = os.environ.get(name)
        if not value:  # set but empty is not set
            return given.default() if callable(given.default) else given.default
    elif given is None:
        return None
    try:
        return read(value)
    except ValueError as error:
        raise ValueError(f"{name} is {value!r}, which {error}") from None


def physical_memory() -> int:
    """Bytes of memory that this machine has; 0 where it does not tell."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):  # Windows
        return 0
