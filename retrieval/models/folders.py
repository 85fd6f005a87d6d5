"""Where a reranker or captioner lies, in transformers' format: a preset, a hub repository, or a local folder."""

from __future__ import annotations

from pathlib import Path

from retrieval.errors import ModelUnavailableError, NotFoundError
from retrieval.models import hub
from retrieval.models.presets import (
    PRESETS,
    ModelKind,
    alternatives,
    builtin_models_directory,
    find_preset,
    location,
)

_FILES = ("config.json", "preprocessor_config.json")


def find_folder(reference: str, kind: ModelKind, access: hub.HubAccess) -> Path:
    """The folder of the model that `reference` names: a preset, `hf-hub:owner/name`, or a directory.

    Raises NotFoundError for a reference that names nothing, and ModelUnavailableError, within `access.timeout`
    seconds and naming what works without a network, for weights that cannot be fetched.
    """
    directory = Path(reference).expanduser()
    if (directory / "config.json").is_file():
        return directory
    if reference.startswith("hf-hub:"):
        return _fetch(reference.removeprefix("hf-hub:"), kind, access)
    preset = find_preset(reference)
    if preset.kind is not kind:
        names = ", ".join(name for name, other in PRESETS.items() if other.kind is kind)
        raise NotFoundError(f"{reference!r} is a {preset.kind}, not a {kind}: there are {names}")
    if preset.hub is not None:
        return _fetch(preset.hub, kind, access)
    found = location(preset)
    if found is None:
        raise ModelUnavailableError(f"the built-in model {preset.name!r} is not installed: run `make models`")
    return found


def knows_drawings_only(encoder: str) -> bool:
    """Whether a dual encoder's reference names the built-in one."""
    return (
        encoder == "scenes" or Path(encoder).expanduser().resolve() == builtin_models_directory() / "scenes"
    )


def companion(encoder: str, kind: ModelKind) -> str:
    """The preset that goes with a dual encoder: drawings are read by the built-in models, photos by the public ones."""
    drawn = knows_drawings_only(encoder)
    fitting = (preset.name for preset in PRESETS.values() if preset.kind is kind and preset.builtin is drawn)
    return next(fitting)


def _fetch(repository: str, kind: ModelKind, access: hub.HubAccess) -> Path:
    try:
        weights = hub.obtain(repository, hub.TRANSFORMERS_WEIGHTS, access)
        hub.obtain_text_files(repository, access)
        for name in _FILES:
            hub.obtain(repository, [name], access)
    except ModelUnavailableError as error:
        local = ", ".join(alternatives(kind)) or "none is installed"
        raise ModelUnavailableError(
            f"the weights of {repository} are not on this machine: {error}. Works without a network: {local}, or a"
            " directory with the model's files"
        ) from error
    return weights.parent
