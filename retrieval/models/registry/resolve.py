"""The locator of models of every kind: reading a model reference, and finding or fetching what it names.

| reference | what it is |
|---|---|
| `fast` | a preset (`vasari models list`) |
| `hf-hub:owner/name` | a hub repository |
| `owner/name` | the same, unless `owner` is an architecture |
| `./my-model`, `/models/clip` | a folder with configuration and weights, as the hub keeps them |
| `ViT-B-32/laion2b_s34b_b79k` | an open_clip architecture with the tag of its pretrained weights |
| `ViT-B-32:/runs/best.safetensors` | a checkpoint file (.safetensors, .pt, .bin) of a named architecture |

Dual encoders are in open_clip's layout (`open_clip_config.json`) or, where that is not there, in transformers'
(`config.json`), as rerankers and captioners are; the last two notations are for dual encoders of open_clip only.

Light: no torch. Only an architecture with a tag that is no preset's has to ask open_clip which repository it means.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from enum import StrEnum
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from vasari.retrieval.errors import (
    ModelUnavailableError,
    NotFoundError,
    UnsupportedError,
    UsageError,
    VasariError,
)
from vasari.retrieval.models.registry import hub
from vasari.retrieval.models.registry.presets import (
    PRESETS,
    ModelKind,
    Preset,
    alternatives,
    builtin_models_directory,
    earlier_weights,
    is_local,
)

HUB_PREFIX = "hf-hub:"
LOCAL_PREFIX = "local-dir:"
CONFIGURATION = "open_clip_config.json"
CLASSES = {
    "AltCLIPModel": ModelKind.DUAL_ENCODER,
    "ChineseCLIPModel": ModelKind.DUAL_ENCODER,
    "CLIPModel": ModelKind.DUAL_ENCODER,
    "MetaClip2Model": ModelKind.DUAL_ENCODER,
    "SiglipModel": ModelKind.DUAL_ENCODER,
    "Siglip2Model": ModelKind.DUAL_ENCODER,
    "BlipForImageTextRetrieval": ModelKind.RERANKER,
    "BlipForQuestionAnswering": ModelKind.ANSWERER,
    "Florence2ForConditionalGeneration": ModelKind.CAPTIONER,
}
"""The classes of transformers that are loaded here, and what each is used for."""
_REPOSITORY = re.compile(r"[\w-][\w.-]*/[\w.-]+")
INDEX_SUFFIX = ".index.json"  # of weights in several files


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


@dataclass(frozen=True, slots=True)
class ModelFiles:
    """All files of a model, on this machine.

    `model` and `image` are open_clip's `model_cfg` and `preprocess_cfg`, or what the two files of transformers hold.
    """

    source: ModelSource
    weights: Path
    model: Mapping[str, Any]
    image: Mapping[str, Any] | None  # None: as open_clip knows the architecture
    tokenizer: Path | None  # folder of a Hugging Face tokenizer; None: CLIP's own byte pairs
    text_model: Path | None  # folder with the config.json of a Hugging Face text tower
    transformers: str | None = None  # the class, for a model in that layout, all of which is in `tokenizer`

    @property
    def text_settings(self) -> Mapping[str, Any]:
        """What open_clip is told about texts."""
        found: Mapping[str, Any] = self.model.get("text_cfg", {}) if self.transformers is None else {}
        return found


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


def use_of_repository(repository: str, access: hub.HubAccess) -> ModelKind:
    """What the model in a hub repository is for, by its configuration; UnsupportedError for one of another kind."""
    try:
        found = _configuration_of(repository, access)
    except ModelUnavailableError as error:
        reference = f"{HUB_PREFIX}{repository}"
        raise _unavailable(ModelSource(reference, ReferenceKind.HUB, repository=repository), error) from error
    if found.name == CONFIGURATION:
        return ModelKind.DUAL_ENCODER
    content = _read_object(found)
    if (name := _class_of(content)) is None:
        raise _no_class(repository, content)
    return CLASSES[name]


def _class_of(content: Mapping[str, Any]) -> str | None:
    """The class among those that are loaded here which a config.json names."""
    return next((str(name) for name in content.get("architectures") or () if name in CLASSES), None)


def _no_class(where: str | Path, content: Mapping[str, Any]) -> UnsupportedError:
    names = ", ".join(map(str, content.get("architectures") or ["unknown"]))
    return UnsupportedError(
        f"{where} is a model of transformers ({names}): Vasari takes dual encoders of open_clip, and"
        f" {', '.join(CLASSES)}"
    )


def shards_of(index: Path) -> list[Path]:
    """The files that an index of weights names, in order."""
    names = dict(_read_object(index).get("weight_map") or {}).values()
    return [index.parent / name for name in sorted({Path(str(name)).name for name in names})]


def locate(source: ModelSource, access: hub.HubAccess, *, accept_licence: bool = False) -> ModelFiles:
    """Find a dual encoder's files on this machine, downloading what is missing.

    Raises ModelUnavailableError, in one line that names the alternatives, when they are not here and cannot be had.
    """
    try:
        _ask_about_licence(source, accept_licence)
        if source.path is not None and source.kind is ReferenceKind.DIRECTORY:
            return _files_of_directory(source, source.path)
        if source.kind is ReferenceKind.CHECKPOINT:
            return _files_of_checkpoint(source, access)
        if source.kind is ReferenceKind.TAG:
            return _files_of_tag(source, access)
        return _files_of_repository(source, access)
    except ModelUnavailableError as error:
        raise _unavailable(source, error) from error


def locate_folder(source: ModelSource, access: hub.HubAccess, *, accept_licence: bool = False) -> Path:
    """Find the folder of a reranker or captioner on this machine, downloading what is missing; raises as `locate`."""
    if source.path is not None:
        return source.path
    repository = source.repository or ""
    try:
        _ask_about_licence(source, accept_licence)
        return _folder_of_transformers(repository, access)
    except ModelUnavailableError as error:
        raise _unavailable(source, error) from error


def is_here(reference: str, use: ModelKind) -> bool:
    """Whether the files of a model are on this machine; the hub is not asked."""
    try:
        source = resolve(reference, use)
        if source.kind is ReferenceKind.TAG and source.repository is None:
            return True  # only open_clip knows, whose import takes seconds
        nowhere = hub.HubAccess(offline=True)
        if use is ModelKind.DUAL_ENCODER:
            locate(source, nowhere)
        else:
            locate_folder(source, nowhere)
    except VasariError:
        return False
    return True


@cache
def architectures() -> frozenset[str]:
    """Names of the architectures that the installed open_clip knows."""
    return frozenset(path.stem for path in _architecture_directory().glob("*.json"))


def _architecture_directory() -> Path:
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
        _refuse_code(path, _read_object(path / "config.json"))
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
    content = _read_object(path / "config.json")
    _refuse_code(path, content)
    if (name := _class_of(content)) is None:
        raise _no_class(path, content)
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


def _files_of_directory(source: ModelSource, directory: Path) -> ModelFiles:
    configuration = directory / CONFIGURATION
    if not configuration.is_file():
        return _files_of_transformers(source, directory)
    model, image = _read_configuration(configuration)
    text = model["text_cfg"]
    weights = next((path for name in hub.OPEN_CLIP_WEIGHTS if (path := directory / name).is_file()), None)
    weights = weights or next(iter(sorted(directory.glob("*.safetensors"))), None)
    if weights is None:
        raise ModelUnavailableError(f"{directory} holds no weights ({hub.OPEN_CLIP_WEIGHTS[0]})")
    return _checked(
        ModelFiles(
            source=source,
            weights=weights,
            model=model,
            image=image,
            tokenizer=directory if text.get("hf_tokenizer_name") else None,
            text_model=directory if text.get("hf_model_name") else None,
        )
    )


def _files_of_repository(source: ModelSource, access: hub.HubAccess) -> ModelFiles:
    repository = source.repository or ""
    configuration = _configuration_of(repository, access)
    if configuration.name != CONFIGURATION:
        return _files_of_transformers(source, _folder_of_transformers(repository, access))
    model, image = _read_configuration(configuration)
    weights = hub.obtain(repository, hub.OPEN_CLIP_WEIGHTS, access)
    return _with_text_files(source, weights, model, image, access)


def _configuration_of(repository: str, access: hub.HubAccess) -> Path:
    """open_clip's configuration where the repository has one; it is asked for before transformers' is believed."""
    here = hub.cached(repository, ("config.json",))
    if here is not None and not access.verify and hub.known_absent(repository, CONFIGURATION):
        return here
    try:
        return hub.obtain(repository, (CONFIGURATION,), access)
    except NotFoundError:
        return hub.obtain(repository, ("config.json",), access)
    except ModelUnavailableError:
        if here is None:
            raise
        return here


def class_of_folder(folder: Path) -> str | None:
    """The class of transformers that loads the model in a folder; None for one that is not loaded here."""
    return _class_of(_read_object(folder / "config.json"))


def _refuse_code(where: str | Path, content: Mapping[str, Any]) -> None:
    """UnsupportedError for a model of transformers that would run code of its own."""
    if "auto_map" not in content:
        return
    if content.get("model_type") == "florence2":
        raise UnsupportedError(
            f"{where} is Florence-2 as Microsoft wrote it, with program code of its own, which Vasari never runs: take"
            " the conversion florence-community/Florence-2-base (or -large) of the hub, such as"
            " `vasari models pull florence-2-base`"
        )
    raise UnsupportedError(
        f"{where} brings program code of its own, which Vasari never runs: choose another model"
    )


def _folder_of_transformers(repository: str, access: hub.HubAccess) -> Path:
    """The folder with all files of a model of transformers."""
    configuration = hub.obtain(repository, ("config.json",), access)
    _refuse_code(repository, _read_object(configuration))  # before gigabytes come
    weights = hub.obtain(repository, hub.TRANSFORMERS_WEIGHTS, access)
    hub.obtain_text_files(repository, access)
    hub.obtain(repository, hub.PROCESSOR_FILES, access)
    if weights.name.endswith(INDEX_SUFFIX):
        for shard in shards_of(weights):
            hub.obtain(repository, (shard.name,), access)
    return weights.parent


def _files_of_transformers(source: ModelSource, directory: Path) -> ModelFiles:
    """The files of a dual encoder in transformers' layout."""
    if not (directory / "config.json").is_file():
        raise ModelUnavailableError(f"{directory / CONFIGURATION} is missing")
    content = _read_object(directory / "config.json")
    name = _class_of(content)
    if name is None or CLASSES[name] is not ModelKind.DUAL_ENCODER:
        raise _no_class(directory, content)
    weights = next((path for file in hub.TRANSFORMERS_WEIGHTS if (path := directory / file).is_file()), None)
    processor = next((path for file in hub.PROCESSOR_FILES if (path := directory / file).is_file()), None)
    if weights is None:
        raise ModelUnavailableError(f"{directory} holds no weights ({hub.TRANSFORMERS_WEIGHTS[0]})")
    if weights.name.endswith(INDEX_SUFFIX):
        for shard in shards_of(weights):
            if not shard.is_file():
                raise ModelUnavailableError(f"{shard} is missing, a part of the weights")
    if processor is None:
        raise ModelUnavailableError(
            f"{directory} says not how pictures are prepared: no {hub.PROCESSOR_FILES[0]}"
        )
    return _checked(
        ModelFiles(
            source=source,
            weights=weights,
            model=content,
            image=_read_object(processor),
            tokenizer=directory,
            text_model=directory,
            transformers=name,
        )
    )


def _ask_about_licence(source: ModelSource, accepted: bool) -> None:
    preset = source.preset
    if preset and preset.ask_before_download and not accepted and not is_local(preset):
        raise ModelUnavailableError(
            f"its licence is {preset.licence} ({preset.licence_url}): "
            f"if you agree, run `vasari models pull {preset.name} --accept-licence`",
            command=f"vasari models pull {preset.name} --accept-licence",
        )


def _files_of_tag(source: ModelSource, access: hub.HubAccess) -> ModelFiles:
    known = source.repository
    repository, names = (known, hub.OPEN_CLIP_WEIGHTS) if known else _repository_of_tag(source)
    weights = hub.obtain(repository, names, access)
    return _with_text_files(source, weights, _architecture(source), None, access)


def _files_of_checkpoint(source: ModelSource, access: hub.HubAccess) -> ModelFiles:
    if source.path is None:
        raise UsageError(f"{source.reference!r} names no checkpoint file")
    return _with_text_files(source, source.path, _architecture(source), None, access)


def _with_text_files(
    source: ModelSource,
    weights: Path,
    model: Mapping[str, Any],
    image: Mapping[str, Any] | None,
    access: hub.HubAccess,
) -> ModelFiles:
    """Add the tokenizer and text tower configuration that `model` names by hub repositories of their own."""
    text = model["text_cfg"]
    tokenizer, text_model = text.get("hf_tokenizer_name"), text.get("hf_model_name")
    return _checked(
        ModelFiles(
            source=source,
            weights=weights,
            model=model,
            image=image,
            tokenizer=hub.obtain_text_files(tokenizer, access) if tokenizer else None,
            text_model=hub.obtain(text_model, ("config.json",), access).parent if text_model else None,
        )
    )


def _repository_of_tag(source: ModelSource) -> tuple[str, tuple[str, ...]]:
    """Hub repository and file names of an open_clip tag; NotFoundError names the tags there are."""
    import open_clip  # and torch, for its table of tags

    architecture, tag = source.architecture or "", source.tag or ""
    tags = open_clip.list_pretrained_tags_by_model(architecture)
    if (settings := open_clip.get_pretrained_cfg(architecture, tag)) is None or not settings.get("hf_hub"):
        raise NotFoundError(f"{architecture} has no weights {tag!r}, but: {', '.join(tags) or 'none'}")
    repository, _, name = str(settings["hf_hub"]).rpartition("/")
    names = (f"{name.rsplit('.', 1)[0]}.safetensors", name) if name else hub.OPEN_CLIP_WEIGHTS
    return repository, names


def _architecture(source: ModelSource) -> Mapping[str, Any]:
    path = _architecture_directory() / f"{source.architecture}.json"
    model: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return model


def _read_configuration(path: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """`model_cfg` and `preprocess_cfg` of an open_clip_config.json."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        model, image = dict(content["model_cfg"]), dict(content.get("preprocess_cfg") or {})
        model |= {part: dict(model[part]) for part in ("vision_cfg", "text_cfg")}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ModelUnavailableError(f"{path} is no open_clip configuration ({error})") from error
    return model, image


def _checked(files: ModelFiles) -> ModelFiles:
    """Refuse models that would run code of their own."""
    asks = dict(files.text_settings.get("tokenizer_kwargs") or {}).get("trust_remote_code")
    for folder, name in ((files.tokenizer, "tokenizer_config.json"), (files.text_model, "config.json")):
        if folder is not None and (folder / name).is_file():
            asks = asks or "auto_map" in _read_object(folder / name)
    if asks:
        raise UnsupportedError(
            f"{files.source.reference} brings program code of its own, which Vasari never runs: choose another model"
        )
    return files


def _read_object(path: Path) -> dict[str, Any]:
    """The object in a JSON file."""
    try:
        return dict(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError) as error:
        raise ModelUnavailableError(f"{path} is damaged ({error})") from error


def _unavailable(source: ModelSource, error: ModelUnavailableError) -> ModelUnavailableError:
    """One line: what is missing, why, and what works instead."""
    if source.path is not None and source.preset is None:  # what was given is here, and is wrong
        return error
    command = "" if source.path is not None else f"vasari models pull {source.reference}"
    names = ", ".join(alternatives(source.use)) or "none"
    folder = "a model folder" + (" (--model DIR)" if source.use is ModelKind.DUAL_ENCODER else "")
    get = f"`{command}` gets them where there is a network. " if command and not error.command else ""
    return ModelUnavailableError(
        f"the weights of {source.reference!r} are not on this machine: {error}. {get}"
        f"Available without a network: {names}; or give {folder}; `vasari models list` shows all",
        f"the {'model' if source.use is ModelKind.DUAL_ENCODER else source.use} {source.reference!r}",
        error.command or command,
    )
