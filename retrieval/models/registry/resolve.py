"""Reading the reference of a model of any kind; `files` finds or fetches what it names.

| reference | what it is |
|---|---|
| `fast` | a preset (`vasari models list`) |
| `hf-hub:owner/name` | a hub repository |
| `owner/name` | the same, unless `owner` is an architecture |
| `https://huggingface.co/owner/name` | the same, as copied from a browser |
| `./my-model`, `/models/clip` | a folder with configuration and weights, as the hub keeps them |
| `ViT-B-32/laion2b_s34b_b79k` | an open_clip architecture with the tag of its pretrained weights |
| `ViT-B-32:/runs/best.safetensors` | a checkpoint file (.safetensors, .pt, .bin) of a named architecture |

Dual encoders are in open_clip's layout (`open_clip_config.json`) or, where that is not there, in transformers'
(`config.json`), as rerankers and captioners are; the last two notations are for dual encoders of open_clip only.
A checkpoint file does not say whether it was trained with QuickGELU: `ViT-B-32-quickgelu:FILE` for those of OpenAI, DFN
and MetaCLIP.

Light: no torch. Only an architecture with a tag that is no preset's has to ask open_clip which repository it means.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from difflib import get_close_matches
from enum import StrEnum
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from vasari.retrieval.errors import (
    ModelUnavailableError,
    NotFoundError,
    UnsupportedError,
    UsageError,
)
from vasari.retrieval.models.ports import ModelKind
from vasari.retrieval.models.registry.configurations import (
    CLASSES,
    CONFIGURATION,
    class_named,
    no_class,
    read_object,
    refuse_code,
)
from vasari.retrieval.models.registry.presets import (
    PRESETS,
    Preset,
    builtin_models_directory,
    earlier_weights,
)

HUB_PREFIX = "hf-hub:"
LOCAL_PREFIX = "local-dir:"
_PAGE = re.compile(r"https?://(?:huggingface\.co|hf\.co)/([^/?#]+/[^/?#]+)(?:/tree/main)?/?")
_REPOSITORY = re.compile(r"[\w-][\w.-]*/[\w.-]+")


class ReferenceKind(StrEnum):
    """How a model is found."""

    TAG = "tag"  # an architecture of open_clip, weights by tag
    HUB = "hub"
    DIRECTORY = "directory"
    CHECKPOINT = "checkpoint"  # an architecture of open_clip, weights in a file


@dataclass(frozen=True, slots=True)
class ModelSource:
    """A reference that has been read. Which fields are set follows from `kind`."""

    reference: str
    kind: ReferenceKind
    architecture: str | None = None  # TAG, CHECKPOINT
    tag: str | None = None  # TAG
    repository: str | None = None  # HUB, and TAG where it is known
    path: Path | None = None  # DIRECTORY: the folder; CHECKPOINT: the file
    preset: Preset | None = None
    use: ModelKind = ModelKind.DUAL_ENCODER


def resolve(reference: str, use: ModelKind = ModelKind.DUAL_ENCODER) -> ModelSource:
    """Read the reference of a model for some use; raises UsageError or NotFoundError with what could be meant.

    A folder or file is named by its absolute path from then on: the reference is remembered, and read elsewhere.
    """
    reference = reference.strip()
    if not reference:
        raise UsageError("the model reference is empty: `vasari models list` shows the presets")
    if (preset := PRESETS.get(reference)) is not None:
        return _of_preset(preset, use)
    if (earlier := earlier_weights(*reference.rsplit("@", 1))) is not None:
        return ModelSource(
            earlier.name, ReferenceKind.DIRECTORY, path=earlier, preset=PRESETS[earlier.name], use=use
        )
    if (page := _PAGE.fullmatch(reference)) is not None:
        reference = HUB_PREFIX + page[1]
    if reference.startswith(HUB_PREFIX):
        repository = reference.removeprefix(HUB_PREFIX)
        return ModelSource(reference, ReferenceKind.HUB, repository=repository, use=use)
    path = Path(reference.removeprefix(LOCAL_PREFIX)).expanduser()
    if reference.startswith(LOCAL_PREFIX) or path.is_dir():
        return _of_directory(path, use)
    if _names_repository(reference):
        return ModelSource(f"{HUB_PREFIX}{reference}", ReferenceKind.HUB, repository=reference, use=use)
    if use is not ModelKind.DUAL_ENCODER:
        raise _unknown(reference, use=use)
    architecture, colon, file = reference.partition(":")
    if colon:
        return _of_checkpoint(reference, architecture, Path(file).expanduser())
    architecture, slash, tag = reference.partition("/")
    if slash and architecture in architectures():
        return ModelSource(
            reference,
            ReferenceKind.TAG,
            architecture=architecture,
            tag=tag,
            repository=_preset_repository(reference),
        )
    raise _unknown(reference)


def _names_repository(reference: str) -> bool:
    """Whether it is `owner/name`, and no architecture with a tag, rightly spelled or not."""
    owner, _, _ = reference.partition("/")
    return bool(_REPOSITORY.fullmatch(reference)) and not get_close_matches(owner, architectures(), 1, 0.7)


def absolute_reference(reference: str) -> str:
    """The reference as it can be read from anywhere; one that names nothing here stays what it is."""
    try:
        return resolve(reference).reference
    except (NotFoundError, UsageError, ModelUnavailableError):
        return reference


@cache
def architectures() -> frozenset[str]:
    """Names of the architectures that the installed open_clip knows."""
    return frozenset(path.stem for path in architecture_directory().glob("*.json"))


def architecture_directory() -> Path:
    """Where open_clip keeps its model configurations (found without importing it, which costs seconds)."""
    spec = find_spec("open_clip")
    if spec is None or not spec.submodule_search_locations:
        raise ModelUnavailableError("open_clip is not installed: pip install open_clip_torch")
    return Path(spec.submodule_search_locations[0]) / "model_configs"


def _of_preset(preset: Preset, use: ModelKind) -> ModelSource:
    if not preset.serves(use):
        names = ", ".join(name for name, other in PRESETS.items() if other.serves(use))
        raise UsageError(
            f"{preset.name} is {_one(preset.kind)}, not {_one(use)}: there are {names} (`vasari models list`)"
        )
    if preset.builtin:
        directory = builtin_models_directory() / preset.reference
        return ModelSource(preset.name, ReferenceKind.DIRECTORY, path=directory, preset=preset, use=use)
    if use is not ModelKind.DUAL_ENCODER:
        return ModelSource(preset.name, ReferenceKind.HUB, repository=preset.hub, preset=preset, use=use)
    architecture, _, tag = preset.reference.partition("/")
    return ModelSource(
        preset.name,
        ReferenceKind.TAG,
        architecture=architecture,
        tag=tag,
        repository=preset.hub,
        preset=preset,
    )


def _one(use: ModelKind) -> str:
    return f"{'an' if use is ModelKind.ANSWERER else 'a'} {use}"


def _of_directory(path: Path, use: ModelKind) -> ModelSource:
    if use is ModelKind.DUAL_ENCODER:
        _require_dual_encoder(path)
    elif not (path / "config.json").is_file():
        raise NotFoundError(f"{path} holds no config.json: the folder of {_one(use)} has that and weights")
    else:
        refuse_code(path, read_object(path / "config.json"))
    return ModelSource(_absolute(path), ReferenceKind.DIRECTORY, path=path.resolve(), use=use)


def _absolute(path: Path) -> str:
    """The path from the root, without `..`, and with links as they are: one may be led to another model one day."""
    return os.path.abspath(path)  # noqa: PTH100


def _require_dual_encoder(path: Path) -> None:
    if (path / CONFIGURATION).is_file():
        return
    if not (path / "config.json").is_file():
        raise NotFoundError(
            f"{path} holds neither {CONFIGURATION} nor config.json: a model folder has that and a .safetensors file"
        )
    content = read_object(path / "config.json")
    refuse_code(path, content)
    if (name := class_named(content)) is None:
        raise no_class(path, content)
    if CLASSES[name] is not ModelKind.DUAL_ENCODER:
        raise UnsupportedError(
            f"{path} is {_one(CLASSES[name])} ({name}): --model wants a dual encoder; others are chosen by"
            " VASARI_RERANKER, VASARI_CAPTIONER and VASARI_ANSWERER"
        )


def _of_checkpoint(reference: str, architecture: str, file: Path) -> ModelSource:
    if architecture not in architectures():
        raise _unknown(reference, architecture)
    if not file.is_file():
        raise NotFoundError(f"there is no checkpoint file {file}")
    reference = f"{architecture}:{_absolute(file)}"
    return ModelSource(reference, ReferenceKind.CHECKPOINT, architecture=architecture, path=file.resolve())


def _unknown(
    reference: str, name: str | None = None, *, use: ModelKind = ModelKind.DUAL_ENCODER
) -> NotFoundError:
    encodes = use is ModelKind.DUAL_ENCODER
    known = [*(preset.name for preset in PRESETS.values() if preset.serves(use))]
    known += architectures() if encodes else ()
    close = get_close_matches(name or reference.partition("/")[0], known, n=1, cutoff=0.5)
    hint = f"did you mean {close[0]!r}? " if close else ""
    if encodes and reference in architectures():
        hint = f"an architecture needs its weights, as {reference}/TAG or {reference}:FILE. "
    forms = ("an open_clip ARCHITECTURE/TAG", "hf-hub:OWNER/NAME", "a model folder", "ARCHITECTURE:FILE")
    *most, last = forms if encodes else forms[1:3]
    return NotFoundError(
        f"{reference!r} is neither a preset, {', '.join(most)} nor {last}: {hint}`vasari models list` shows the presets"
    )


def _preset_repository(reference: str) -> str | None:
    return next((preset.hub for preset in PRESETS.values() if preset.reference == reference), None)
