"""Settings of the library and the service from the environment (prefix VASARI_); nothing else reads the environment.

A dataclass and not pydantic-settings: a one-shot search has 0.4 s, and that import alone takes 0.35 s of it. A setting
has one default; where commands and the service want different things, the default is that it is not set, and its words
say what that means. The settings of the service (`vasari.api.service.settings`) are these and more, read in the same
way; worker processes are sent the object.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence
from dataclasses import Field, dataclass, field, fields
from pathlib import Path
from typing import Any, Literal, TypeVar, get_args
from urllib.parse import urlsplit

from vasari.retrieval.domain import USUAL_TOP, USUAL_WEIGHT
from vasari.retrieval.errors import UsageError

Precision = Literal["auto", "float32", "bfloat16", "float16", "int8"]
LogLevel = Literal["debug", "info", "warning", "error"]
T = TypeVar("T")

PREFIX = "VASARI_"
NEW_MODEL = "fast"  # a new library's, unless one is asked for
MEBIBYTE = 1024 * 1024
DAY = 86_400  # seconds; the system's clocks overflow where somebody writes 1e30 for "for ever"
_TRUE, _FALSE = ("1", "true", "yes", "on", "t", "y"), ("0", "false", "no", "off", "f", "n")


@dataclass(frozen=True, slots=True)
class _NotGiven:
    """Stands for an argument that was left out."""

    default: Any


def setting(default: Any, read: Callable[[Any], Any], about: str, unset: str = "") -> Any:
    """A field with a default, and what turns the environment's word (or an argument) into its value.

    `about` says in the documentation what it is for, `unset` what holds while it has no value.
    """
    return field(default=_NotGiven(default), metadata={"read": read, "about": about, "unset": unset})


# Readers: a value from the environment's word, or from an argument; ValueError with the rest of "NAME is X, which …".


def text(value: Any) -> str:
    """Any text."""
    if not isinstance(value, str):
        raise ValueError("is no text")  # noqa: TRY004 (told to the user with the others)
    return value


def http_address(value: Any) -> str:
    """The address of an HTTP service."""
    try:
        parts = urlsplit(text(value))
        good = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:  # "http://[", a port that is none
        good = False
    if not good:
        raise ValueError("is no address such as http://127.0.0.1:4318")
    return str(value)


def path(value: Any) -> Path:
    """A path."""
    if not isinstance(value, (str, Path)):
        raise ValueError("is no path")  # noqa: TRY004 (told to the user with the others)
    return Path(value)


def number(
    kind: type[int] | type[float], least: float, most: float = float("inf")
) -> Callable[[Any], int | float]:
    """A number from `least` to `most`."""

    def read(value: Any) -> int | float:
        try:
            odd = isinstance(value, str) and ("_" in value or not value.isascii())
            found = kind("?" if odd else value)  # Python reads 1_3, and digits of other alphabets, as 13
        except (TypeError, ValueError):
            raise ValueError("is no whole number" if kind is int else "is no number") from None
        if found == float("inf"):
            raise ValueError("is endless")
        if not found >= least:
            raise ValueError(f"is less than {least:g}")
        if found > most:
            raise ValueError(f"is more than {most:g}")
        return found

    return read


def yes_or_no(value: Any) -> bool:
    """True or false, as people write them."""
    word = str(value).strip().lower()
    if word not in _TRUE + _FALSE:
        raise ValueError("is neither yes nor no")
    return word in _TRUE


def one_of(choices: Any) -> Callable[[Any], str]:
    """One of a Literal's words, in letters of any size."""
    words: tuple[str, ...] = get_args(choices)

    def read(value: Any) -> str:
        word = str(value).strip().lower()
        if word not in words:
            raise ValueError(f"is none of {', '.join(words)}")
        return word

    return read


def several(read: Callable[[Any], T]) -> Callable[[Any], tuple[T, ...]]:
    """A list: JSON in the environment."""

    def read_all(value: Any) -> tuple[T, ...]:
        try:
            found = json.loads(value) if isinstance(value, str) else value
        except ValueError:
            found = None
        if not isinstance(found, Sequence) or isinstance(found, str):
            raise ValueError('is no list: write ["one", "another"]')  # noqa: TRY004 (told to the user with the others)
        return tuple(read(one) for one in found)

    return read_all


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

    library: Path = setting(
        _default_library, path, "the library's folder", "`vasari/default` where this system keeps data"
    )
    database_url: str | None = setting(
        None, text, "the catalog, such as `postgresql+psycopg://…`", "`catalog.sqlite3` in the library"
    )
    vectors: str | None = setting(
        None, text, "where indexes are: `milvus+http://…` for Milvus", "files in the library"
    )
    read_only: bool = setting(False, yes_or_no, "a replica: nothing of the library is written here")
    trash: bool = setting(
        False,
        yes_or_no,
        "whether the files of pictures that are removed may be moved to the system's trash, where a removal asks for it"
        " (`vasari remove --trash`, a second question in the page; the extra `trash`); else no file is ever touched",
    )
    query_log: bool = setting(
        False,
        yes_or_no,
        "what is searched for is kept in the library's `queries.jsonl`: `vasari queries` shows and empties it",
    )
    model: str = setting(NEW_MODEL, text, "preset or model reference for a new library")
    device: str = setting(
        "auto", text, "auto, cpu, mps, cuda or cuda:1; jobs also use several (cuda:0,cuda:1), or all"
    )
    precision: Precision = setting(
        "auto", one_of(Precision), "of models: auto, float32, bfloat16, float16, or int8 (pictures on CPUs)"
    )
    reranker: str | None = setting(None, text, "preset or folder", "what suits the library's model")
    captioner: str | None = setting(None, text, "preset or folder", "what suits the library's model")
    answerer: str | None = setting(
        None,
        text,
        "preset or folder, for `ask`",
        "the captioner if it answers questions, else what suits the model",
    )
    rerank_top: int | None = setting(
        None,
        number(int, 1, 256),
        "how many candidates are reranked, where a search does not say",
        f"as `vasari tune ranking` measured, or {USUAL_TOP}",
    )
    rerank_weight: float | None = setting(
        None,
        number(float, 0, 1),
        "of the reranker in the blended score, where a search does not say",
        f"as `vasari tune ranking` measured, or {USUAL_WEIGHT} (scenes-itm: 0.6)",
    )
    reranker_precision: Precision | None = setting(
        None,
        one_of(Precision),
        "of the reranker: auto, float32, bfloat16, float16, or int8 (BLIP's pictures on CPUs)",
        "as `VASARI_PRECISION` (int8: auto)",
    )
    reranker_cache_bytes: int = setting(
        512 * MEBIBYTE, number(int, 0), "of features of pictures that are kept for the next query"
    )
    reranker_store_bytes: int = setting(
        8 * 1024 * MEBIBYTE,
        number(int, 0),
        "of the same on disk, where `vasari index --rerank` puts them: BLIP's of 18,000 pictures in 8 GiB",
    )
    threads: int | None = setting(None, number(int, 1, 1024), "CPU threads of models", "all cores")
    max_image_bytes: int = setting(256 * MEBIBYTE, number(int, 1), "of one picture's file")
    max_image_pixels: int = setting(200_000_000, number(int, 1), "of one picture")
    decode_bytes: int | None = setting(
        None,
        number(int, 1),
        "that all threads of a process may hold while they decode pictures: more of them wait. A picture that alone"
        " needs more is decoded alone",
        "service: 512 MiB; commands: a quarter of the memory",
    )
    remote_originals: bool | None = setting(
        None,
        yes_or_no,
        "whether originals are read that lie on the public web or in buckets",
        "service: no; commands: yes",
    )
    private_addresses: bool = setting(
        False, yes_or_no, "whether rows of tables may name hosts of this network"
    )
    offline: bool = setting(False, yes_or_no, "never ask a model hub")
    hub_timeout: float = setting(8.0, number(float, 0, DAY), "seconds until an unreachable hub is given up")
    log_level: LogLevel | None = setting(
        None,
        one_of(LogLevel),
        "debug, info, warning or error: what is told on stderr while it works (`vasari --debug`: debug)",
        "service: info; commands: nothing",
    )

    def __post_init__(self) -> None:
        mistakes: list[str] = []
        for one in fields(self):
            try:
                value = _chosen(PREFIX + one.name.upper(), getattr(self, one.name), one.metadata["read"])
                object.__setattr__(self, one.name, value)
            except ValueError as error:
                mistakes.append(str(error))
        if mistakes:
            raise UsageError("; ".join(mistakes))


def log_level() -> LogLevel | None:
    """The level of the environment alone, for who needs it before anything else is read."""
    (one,) = (one for one in fields(Settings) if one.name == "log_level")
    try:
        found: LogLevel | None = _chosen(f"{PREFIX}LOG_LEVEL", one.default, one.metadata["read"])
    except ValueError as error:
        raise UsageError(str(error)) from None
    return found


def default_of(one: Field[Any]) -> Any:
    """What a setting is where nobody sets it; what is found out when it is asked for counts as None."""
    given: Any = one.default
    return None if callable(given.default) else given.default


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
