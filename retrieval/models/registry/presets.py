"""The models that Vasari knows by a short name: finding one, and telling whether it is on this machine.

Light on purpose: `vasari models list` reads the table of presets without importing torch.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

from vasari.retrieval.builtin_data import builtin_data
from vasari.retrieval.domain import USUAL_WEIGHT, EmbeddingSpace
from vasari.retrieval.errors import NotFoundError
from vasari.retrieval.models.ports import ModelKind
from vasari.retrieval.models.registry.preset_table import PRESETS, Preset

__all__ = ["PRESETS", "Preset", "PresetStatus", "describe_presets", "find_preset", "is_local", "location"]


@dataclass(frozen=True, slots=True)
class PresetStatus:
    """A preset and whether its weights are on this machine (`location` says where)."""

    preset: Preset
    location: Path | None

    @property
    def local(self) -> bool:
        """Whether the model can be used without a network."""
        return self.location is not None


_CONFIGURATION = {
    ModelKind.DUAL_ENCODER: "open_clip_config.json",
    ModelKind.RERANKER: "config.json",
    ModelKind.CAPTIONER: "config.json",
    ModelKind.ANSWERER: "config.json",
}


def find_preset(name: str) -> Preset:
    """The preset called `name`; NotFoundError names close ones."""
    if (preset := PRESETS.get(name)) is not None:
        return preset
    close = get_close_matches(name, PRESETS, n=1, cutoff=0.5)
    hint = f"did you mean {close[0]!r}? " if close else ""
    raise NotFoundError(f"there is no model preset {name!r}: {hint}`vasari models list` shows all")


def builtin_models_directory() -> Path:
    """Where the built-in weights are: in an installed package, or in the source tree."""
    return builtin_data("models")


def reference_of(space: EmbeddingSpace) -> str:
    """The reference that gives a space's weights: `scenes@f099047a` where a built-in model has had others since."""
    pinned = space.weights_fingerprint[:8]
    return space.model if earlier_weights(space.model, pinned) is None else f"{space.model}@{pinned}"


def earlier_weights(name: str, fingerprint: str = "") -> Path | None:
    """The folder of a built-in model's earlier weights, by the beginning of their fingerprint."""
    directory = builtin_models_directory() / "earlier" / fingerprint / name
    return (
        directory if _FINGERPRINT.fullmatch(fingerprint) and name in PRESETS and directory.is_dir() else None
    )


_FINGERPRINT = re.compile(r"[0-9a-f]{8}")


def location(preset: Preset) -> Path | None:
    """The folder that holds the preset's weights on this machine, if they are here."""
    if preset.hub is None:
        directory = builtin_models_directory() / preset.name
        complete = (directory / _CONFIGURATION[preset.kind]).is_file() and any(
            directory.glob("*.safetensors")
        )
        return directory if complete else None

    # An HTTP client: 0.4 s that most questions need not spend.
    from vasari.retrieval.models.registry import hub

    encodes = preset.kind is ModelKind.DUAL_ENCODER
    weights = hub.cached(preset.hub, hub.OPEN_CLIP_WEIGHTS if encodes else hub.TRANSFORMERS_WEIGHTS)
    return None if weights is None else weights.parent


def is_local(preset: Preset) -> bool:
    """Whether the preset's weights are on this machine."""
    return location(preset) is not None


def describe_presets() -> list[PresetStatus]:
    """All presets in the order of the table, each with whether it is on this machine."""
    return [PresetStatus(preset, location(preset)) for preset in PRESETS.values()]


def alternatives(kind: ModelKind = ModelKind.DUAL_ENCODER) -> Iterator[str]:
    """Names of presets of `kind` that work without a network and know photos, the built-in ones last.

    Whoever misses a model has photos: of those that know drawings only, none is offered in its place.
    """
    local = [status.preset for status in describe_presets() if status.local and status.preset.serves(kind)]
    known = [preset for preset in local if not preset.drawings_only]
    yield from (preset.name for preset in sorted(known, key=lambda preset: preset.builtin))


def knows_drawings_only(encoder: str) -> bool:
    """Whether a dual encoder's reference names the built-in one."""
    return (
        encoder == "scenes" or Path(encoder).expanduser().resolve() == builtin_models_directory() / "scenes"
    )


def rerank_weight(reranker: str) -> float:
    """The weight of a reranker's reference where nobody says: as measured for the preset, else the usual one."""
    preset = PRESETS.get(reranker)
    return USUAL_WEIGHT if preset is None else preset.rerank_weight


def companion(encoder: str, kind: ModelKind) -> str:
    """The preset that goes with a dual encoder: drawings are read by the built-in models, photos by the public ones."""
    drawn = knows_drawings_only(encoder)
    fitting = (
        preset.name for preset in PRESETS.values() if preset.serves(kind) and preset.drawings_only is drawn
    )
    return next(fitting)
