"""Model files from a Hugging Face hub: found in its local cache, or fetched, or refused within seconds.

An unreachable hub is found out by one probe with a hard time limit: the hub's own client retries for minutes,
and name resolution alone may block longer than any timeout given to it.
"""

from __future__ import annotations

import queue
import re
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import httpx
from huggingface_hub import constants, hf_hub_download, snapshot_download, try_to_load_from_cache
from huggingface_hub.errors import (
    EntryNotFoundError,
    GatedRepoError,
    HfHubHTTPError,
    HFValidationError,
    LocalEntryNotFoundError,
    RepositoryNotFoundError,
)

from vasari.retrieval.errors import ModelUnavailableError, NotFoundError, UsageError

OPEN_CLIP_WEIGHTS = (
    "open_clip_model.safetensors",
    "open_clip_pytorch_model.safetensors",
    "open_clip_pytorch_model.bin",
)
TRANSFORMERS_WEIGHTS = ("model.safetensors", "pytorch_model.bin")
TEXT_FILES = ("*.json", "*.txt", "*.model")  # configuration and tokenizer, never code
TOKENIZER_FILES = (
    "tokenizer.json",
    "tokenizer_config.json",
    "tokenizer.model",
    "spiece.model",
    "sentencepiece.bpe.model",
    "vocab.txt",
    "vocab.json",
)

# A download that breaks off raises errors of huggingface_hub's own HTTP client, which differs between its versions.
_BROKEN: tuple[type[Exception], ...] = (httpx.HTTPError, *HfHubHTTPError.__bases__, OSError)


@dataclass(frozen=True, slots=True)
class HubAccess:
    """Whether, and how patiently, the hub may be asked."""

    offline: bool = False
    timeout: float = 8.0  # seconds until an unreachable hub is given up


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


def obtain(repository: str, names: Sequence[str], access: HubAccess) -> Path:
    """The first of `names` that `repository` has: from the cache, else downloaded.

    Raises ModelUnavailableError where the hub may not or cannot be asked, NotFoundError where it has no such file.
    """
    if (path := cached(repository, names)) is not None:
        return path
    require_hub(access)
    for name in names:
        try:
            return Path(hf_hub_download(repository, name, etag_timeout=access.timeout))
        except (LocalEntryNotFoundError, GatedRepoError, RepositoryNotFoundError) as error:
            raise _refusal(repository, error) from error
        except EntryNotFoundError:
            continue
        except _BROKEN as error:
            raise _refusal(repository, error) from error
    raise NotFoundError(f"the hub repository {repository} has none of: {', '.join(names)}")


def obtain_text_files(repository: str, access: HubAccess, needed: Sequence[str] = TOKENIZER_FILES) -> Path:
    """The folder with the tokenizer and configuration files of `repository`; code is never downloaded."""
    if (path := cached(repository, needed)) is not None:
        return path.parent
    require_hub(access)
    try:
        return Path(
            snapshot_download(repository, allow_patterns=list(TEXT_FILES), etag_timeout=access.timeout)
        )
    except _BROKEN as error:
        raise _refusal(repository, error) from error


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
            httpx.head(url, timeout=timeout)
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


def _refusal(repository: str, error: Exception) -> ModelUnavailableError | NotFoundError:
    """What a failed download means to a person."""
    if isinstance(error, GatedRepoError):
        return ModelUnavailableError(
            f"the hub gives {repository} only to accounts that accepted its licence: "
            "accept it on its page, then run `hf auth login`"
        )
    if isinstance(error, RepositoryNotFoundError):
        return NotFoundError(f"the hub has no repository {repository}, or it is private (`hf auth login`)")
    line = (plain_words(error).splitlines() or [type(error).__name__])[0]
    return ModelUnavailableError(f"the download of {repository} failed ({line})")
