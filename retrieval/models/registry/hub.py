"""Model files from a Hugging Face hub: found in its local cache, or fetched, or refused within seconds.

An unreachable hub is found out by one probe with a hard time limit: the hub's own client retries for minutes,
and name resolution alone may block longer than any timeout given to it.
"""

from __future__ import annotations

import fnmatch
import queue
import re
import threading
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import httpx
from huggingface_hub import (
    _CACHED_NO_EXIST,
    HfApi,
    constants,
    try_to_load_from_cache,
)
from huggingface_hub.errors import (
    EntryNotFoundError,
    GatedRepoError,
    HfHubHTTPError,
    HFValidationError,
    LocalEntryNotFoundError,
    RepositoryNotFoundError,
)

from vasari.retrieval.errors import ModelUnavailableError, NotFoundError, UsageError
from vasari.retrieval.models.registry.download import fetch, is_intact, trusted

OPEN_CLIP_WEIGHTS = (
    "open_clip_model.safetensors",
    "open_clip_pytorch_model.safetensors",
    "open_clip_pytorch_model.bin",
)
TRANSFORMERS_WEIGHTS = (
    "model.safetensors",
    "model.safetensors.index.json",
    "pytorch_model.bin",
    "pytorch_model.bin.index.json",
)
PROCESSOR_FILES = ("preprocessor_config.json", "processor_config.json")  # the latter by transformers 5
TEXT_FILES = ("*.json", "*.txt", "*.model", "*.jinja")  # configuration, tokenizer, template, never code
# Fetched when all others are here, so that its presence tells that they are.
LAST_TEXT_FILE = "tokenizer.json"
_VOCABULARIES = ("vocab.txt", "vocab.json", "tokenizer.model", "spiece.model", "sentencepiece.bpe.model")

# A download that breaks off raises errors of huggingface_hub's own HTTP client, which differs between its versions.
_BROKEN: tuple[type[Exception], ...] = (httpx.HTTPError, *HfHubHTTPError.__bases__, OSError)


@dataclass(frozen=True, slots=True)
class HubAccess:
    """Whether, and how patiently, the hub may be asked."""

    offline: bool = False
    timeout: float = 8.0  # seconds until an unreachable hub is given up
    verify: bool = False  # compare what is here with its checksum, and fetch again what is damaged
    anew: bool = False  # fetch again what is here


def cached(repository: str, names: Sequence[str]) -> Path | None:
    """The first of `names` that the local cache holds for `repository`."""
    for name in names:
        try:
            found = try_to_load_from_cache(repository, name)
        except HFValidationError as error:
            raise UsageError(f"{repository!r} is no hub repository: write owner/name") from error
        if isinstance(found, str) and Path(found).is_file():
            return Path(found)
    return None


def known_absent(repository: str, name: str) -> bool:
    """Whether the hub said, when it was asked, that the repository has no such file."""
    return try_to_load_from_cache(repository, name) is _CACHED_NO_EXIST


def obtain(repository: str, names: Sequence[str], access: HubAccess) -> Path:
    """The first of `names` that `repository` has: from the cache, else downloaded.

    Raises ModelUnavailableError where the hub may not or cannot be asked, NotFoundError where it has no such file.
    """
    here = cached(repository, names)
    if here is not None and not access.anew and not (access.verify and not is_intact(here)):
        return here
    require_hub(access)
    for name in names:
        try:
            return fetch(repository, name, access.timeout, anew=access.anew)
        except (LocalEntryNotFoundError, GatedRepoError, RepositoryNotFoundError) as error:
            raise _refusal(repository, error) from error
        except EntryNotFoundError:
            continue
        except _BROKEN as error:
            raise _refusal(repository, error, name) from error
    raise NotFoundError(f"the hub repository {repository} has none of: {', '.join(names)}")


def obtain_text_files(repository: str, access: HubAccess) -> Path:
    """The folder with the tokenizer and configuration files of `repository`; code is never downloaded.

    A folder that a download left unfinished is no tokenizer: `LAST_TEXT_FILE` is there, or the hub was asked for it.
    """
    if not (access.verify or access.anew) and (folder := _whole_text_folder(repository)) is not None:
        return folder
    if access.offline and (found := cached(repository, _VOCABULARIES)) is not None:
        return found.parent  # another program fetched it, and cannot be asked whether to the end
    require_hub(access)
    try:
        listed = HfApi(endpoint=constants.ENDPOINT).model_info(repository, timeout=access.timeout).siblings
        names = [file.rfilename for file in listed or [] if _is_text_file(file.rfilename)]
    except _BROKEN as error:
        raise _refusal(repository, error) from error
    if not names:
        raise NotFoundError(f"the hub repository {repository} has no tokenizer")
    *_, folder = [
        obtain(repository, [name], access).parent
        for name in sorted(names, key=lambda name: (name == LAST_TEXT_FILE, name))
    ]
    if LAST_TEXT_FILE not in names:
        with suppress(NotFoundError):  # which is noted
            obtain(repository, [LAST_TEXT_FILE], access)
    return folder


def _whole_text_folder(repository: str) -> Path | None:
    """Where the text files of a repository lie, if its last one is here, or is known not to exist."""
    if (last := cached(repository, [LAST_TEXT_FILE])) is not None:
        return last.parent
    if not known_absent(repository, LAST_TEXT_FILE):
        return None
    found = cached(repository, (*_VOCABULARIES, "config.json"))
    return found.parent if found else None


def _is_text_file(name: str) -> bool:
    return "/" not in name and any(fnmatch.fnmatch(name, pattern) for pattern in TEXT_FILES)


def require_hub(access: HubAccess) -> None:
    """Raise ModelUnavailableError at once when offline, and after `access.timeout` when the hub is silent."""
    if access.offline or constants.HF_HUB_OFFLINE:
        raise ModelUnavailableError("Vasari is set to stay offline")
    if (problem := _probe(constants.ENDPOINT, access.timeout)) is not None:
        host = urlsplit(constants.ENDPOINT).hostname
        raise ModelUnavailableError(f"the model hub {host} can't be reached ({problem})")


def _probe(url: str, timeout: float) -> str | None:
    """None if anything answers at `url` within `timeout` seconds, else what went wrong in a few words."""
    answers: queue.SimpleQueue[str | None] = queue.SimpleQueue()

    def ask() -> None:
        try:
            httpx.head(url, timeout=timeout, verify=trusted())
        except httpx.TimeoutException:
            answers.put("no answer")
        except (httpx.HTTPError, OSError) as error:
            answers.put(plain_words(error))
        else:
            answers.put(None)

    # A daemon thread: name resolution cannot be cancelled, and must not hold up the end of the process.
    threading.Thread(target=ask, name="hub-probe", daemon=True).start()
    try:
        return answers.get(timeout=timeout)
    except queue.Empty:
        return f"no answer in {timeout:g} s"


def plain_words(error: Exception) -> str:
    """What went wrong, without the number that the operating system has for it ("[Errno -2] …")."""
    return re.sub(r"\[Errno -?\d+\] ", "", str(error)).strip() or type(error).__name__


def _refusal(repository: str, error: Exception, name: str = "") -> ModelUnavailableError | NotFoundError:
    """What a failed download means to a person."""
    page = f"{constants.ENDPOINT}/{repository}"
    if isinstance(error, GatedRepoError):
        return ModelUnavailableError(
            f"the hub gives {repository} only to accounts that accepted its licence: accept it on {page}, then run"
            " `hf auth login`"
        )
    if isinstance(error, RepositoryNotFoundError):
        return NotFoundError(f"the hub has no repository {repository}, or it is private (`hf auth login`)")
    line = (plain_words(_cause(error)).splitlines() or [type(error).__name__])[0]
    return ModelUnavailableError(
        f"the download of {name or 'files'} of {repository} broke off ({line}): run it again to go on with it"
    )


def _cause(error: Exception) -> Exception:
    """What went wrong before the hub's client looked in the cache instead, which it says in three lines."""
    cause = error.__cause__
    return cause if isinstance(error, LocalEntryNotFoundError) and isinstance(cause, Exception) else error
