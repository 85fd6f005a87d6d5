"""The files of a model whose reference was read: found on this machine, or fetched from the hub."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vasari.retrieval.errors import (
    ModelUnavailableError,
    NotFoundError,
    UnsupportedError,
    UsageError,
    VasariError,
)
from vasari.retrieval.models.ports import ModelKind
from vasari.retrieval.models.registry import hub
from vasari.retrieval.models.registry.configurations import (
    CLASSES,
    CONFIGURATION,
    INDEX_SUFFIX,
    class_named,
    no_class,
    read_configuration,
    read_object,
    refuse_code,
)
from vasari.retrieval.models.registry.presets import alternatives, is_local
from vasari.retrieval.models.registry.resolve import (
    HUB_PREFIX,
    ModelSource,
    ReferenceKind,
    architecture_directory,
    resolve,
)


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


def locate(source: ModelSource, access: hub.HubAccess, *, accept_licence: bool = False) -> ModelFiles:
    """Find a dual encoder's files on this machine, downloading what is missing.

    Raises ModelUnavailableError, in one line that names the alternatives, when they are not here and cannot be had.
    """
    try:
        _ask_about_licence(source, accept_licence)
        return _files_of(source, access)
    except ModelUnavailableError as error:
        raise _unavailable(source, error) from error


def _files_of(source: ModelSource, access: hub.HubAccess) -> ModelFiles:
    if source.path is not None and source.kind is ReferenceKind.DIRECTORY:
        return _files_of_directory(source, source.path)
    if source.kind is ReferenceKind.CHECKPOINT:
        return _files_of_checkpoint(source, access)
    if source.kind is ReferenceKind.TAG:
        return _files_of_tag(source, access)
    return _files_of_repository(source, access)


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
            _files_of(source, nowhere)
        elif source.path is None:
            _folder_of_transformers(source.repository or "", nowhere)
    except VasariError:
        return False
    return True


def use_of_repository(repository: str, access: hub.HubAccess) -> ModelKind:
    """What the model in a hub repository is for, by its configuration; UnsupportedError for one of another kind."""
    try:
        found = _configuration_of(repository, access)
    except ModelUnavailableError as error:
        reference = f"{HUB_PREFIX}{repository}"
        raise _unavailable(ModelSource(reference, ReferenceKind.HUB, repository=repository), error) from error
    if found.name == CONFIGURATION:
        return ModelKind.DUAL_ENCODER
    content = read_object(found)
    if (name := class_named(content)) is None:
        raise no_class(repository, content)
    # A reranker of Qwen3-VL is the captioner's architecture with other weights: only its name tells.
    return ModelKind.RERANKER if "-reranker" in repository.lower() else CLASSES[name]


def shards_of(index: Path) -> list[Path]:
    """The files that an index of weights names, in order."""
    names = dict(read_object(index).get("weight_map") or {}).values()
    return [index.parent / name for name in sorted({Path(str(name)).name for name in names})]


def _files_of_directory(source: ModelSource, directory: Path) -> ModelFiles:
    configuration = directory / CONFIGURATION
    if not configuration.is_file():
        return _files_of_transformers(source, directory)
    model, image = read_configuration(configuration)
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
    model, image = read_configuration(configuration)
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


def _folder_of_transformers(repository: str, access: hub.HubAccess) -> Path:
    """The folder with all files of a model of transformers."""
    configuration = hub.obtain(repository, ("config.json",), access)
    refuse_code(repository, read_object(configuration))  # before gigabytes come
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
    content = read_object(directory / "config.json")
    name = class_named(content)
    if name is None or CLASSES[name] is not ModelKind.DUAL_ENCODER:
        raise no_class(directory, content)
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
            image=read_object(processor),
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
    path = architecture_directory() / f"{source.architecture}.json"
    model: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return model


def _checked(files: ModelFiles) -> ModelFiles:
    """Refuse models that would run code of their own."""
    asks = dict(files.text_settings.get("tokenizer_kwargs") or {}).get("trust_remote_code")
    for folder, name in ((files.tokenizer, "tokenizer_config.json"), (files.text_model, "config.json")):
        if folder is not None and (folder / name).is_file():
            asks = asks or "auto_map" in read_object(folder / name)
    if asks:
        raise UnsupportedError(
            f"{files.source.reference} brings program code of its own, which Vasari never runs: choose another model"
        )
    return files


def _unavailable(source: ModelSource, error: ModelUnavailableError) -> ModelUnavailableError:
    """One line: what is missing, why, and what works instead."""
    if source.path is not None and source.preset is None:  # what was given is here, and is wrong
        return error
    command = "" if source.path is not None else f"vasari models pull {source.reference}"
    *names, last = [*alternatives(source.use), f"a model folder ({source.use.choosing('DIR')})"]
    others = f"{', '.join(names)} or {last}" if names else last
    get = f"`{command}` gets them. " if command and not error.command else ""
    return ModelUnavailableError(
        f"the weights of {source.reference!r} are not on this machine: {error}. {get}"
        f"Without a network: {others}. `vasari models list` shows all presets",
        f"the {'model' if source.use is ModelKind.DUAL_ENCODER else source.use} {source.reference!r}",
        error.command or command,
    )
