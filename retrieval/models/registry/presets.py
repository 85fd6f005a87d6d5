"""The models that Vasari knows by a short name, with the facts one chooses by.

Light on purpose: `vasari models list` reads this table without importing torch.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from vasari.retrieval.domain import EmbeddingSpace
from vasari.retrieval.errors import NotFoundError
from vasari.retrieval.models.ports import ModelKind


@dataclass(frozen=True, slots=True)
class Recall:
    """Published zero-shot R@1 in percent: `image_to_text` finds the caption, `text_to_image` the picture."""

    image_to_text: float
    text_to_image: float


@dataclass(frozen=True, slots=True)
class Preset:
    """A model under a short name. `reference` is what the loader resolves; `hub` the repository of its weights."""

    name: str
    kind: ModelKind
    reference: str
    hub: str | None  # None: comes with Vasari
    parameters: int
    dim: int | None  # length of a vector; None for models that give none
    licence: str
    use: str
    coco: Recall | None = None
    flickr: Recall | None = None
    source: str = ""  # where the recall is published
    licence_url: str = ""
    ask_before_download: bool = False  # the licence is not a usual open-source one
    drawings_only: bool = False  # it knows what Vasari's painter draws, and no photos
    answers: bool = False  # a captioner that was taught to answer questions too
    # open_clip's `preprocess_cfg` of the weights' tag, for those that need not be asked of open_clip (and torch)
    preprocessing: Mapping[str, Any] | None = None

    def serves(self, use: ModelKind) -> bool:
        """Whether it can be used for this."""
        return self.kind is use or (use is ModelKind.ANSWERER and self.answers)

    @property
    def builtin(self) -> bool:
        """Whether the weights come with Vasari."""
        return self.hub is None


@dataclass(frozen=True, slots=True)
class PresetStatus:
    """A preset and whether its weights are on this machine (`location` says where)."""

    preset: Preset
    location: Path | None

    @property
    def local(self) -> bool:
        """Whether the model can be used without a network."""
        return self.location is not None


_OPEN_CLIP_TABLE = "open_clip, docs/openclip_retrieval_results.csv"
_SIGLIP2_TABLE = "SigLIP 2, Table 1 (arXiv 2502.14786)"

PRESETS: dict[str, Preset] = {
    preset.name: preset
    for preset in (
        Preset(
            name="scenes",
            kind=ModelKind.DUAL_ENCODER,
            reference="scenes",
            hub=None,
            parameters=3_388_993,
            dim=256,
            licence="Apache-2.0",
            use="demo, tests, first steps without a network; knows drawings, not photos",
            drawings_only=True,
        ),
        Preset(
            name="starter",
            kind=ModelKind.DUAL_ENCODER,
            reference="starter",
            hub=None,
            parameters=14_007_233,
            dim=512,
            licence="Apache-2.0",
            use="first photos without a network; about a thousand kinds of things, six languages",
        ),
        Preset(
            name="fast",
            kind=ModelKind.DUAL_ENCODER,
            reference="ViT-B-32-256/datacomp_s34b_b86k",
            hub="laion/CLIP-ViT-B-32-256x256-DataComp-s34B-b86K",
            parameters=151_290_000,
            dim=512,
            licence="MIT",
            use="photos on a laptop; the default",
            coco=Recall(57.9, 39.9),
            flickr=Recall(84.8, 64.9),
            source=_OPEN_CLIP_TABLE,
            preprocessing={},
        ),
        Preset(
            name="small",
            kind=ModelKind.DUAL_ENCODER,
            reference="MobileCLIP2-S0/dfndr2b",
            hub="timm/MobileCLIP2-S0-OpenCLIP",
            parameters=74_800_000,
            dim=512,
            licence="Apple AMLR (research)",
            use="phones and old laptops",
            licence_url="https://huggingface.co/apple/MobileCLIP2-S0/blob/main/LICENSE",
            ask_before_download=True,
        ),
        Preset(
            name="balanced",
            kind=ModelKind.DUAL_ENCODER,
            reference="ViT-B-16-SigLIP2-256/webli",
            hub="timm/ViT-B-16-SigLIP2-256",
            parameters=375_230_000,
            dim=768,
            licence="Apache-2.0",
            use="servers; many languages",
            coco=Recall(69.7, 53.2),
            flickr=Recall(94.4, 81.7),
            source=_SIGLIP2_TABLE,
        ),
        Preset(
            name="best",
            kind=ModelKind.DUAL_ENCODER,
            reference="ViT-SO400M-16-SigLIP2-384/webli",
            hub="timm/ViT-SO400M-16-SigLIP2-384",
            parameters=1_136_560_000,
            dim=1152,
            licence="Apache-2.0",
            use="GPUs; many languages",
            coco=Recall(71.2, 56.0),
            flickr=Recall(95.9, 85.3),
            source=_SIGLIP2_TABLE,
        ),
        Preset(
            name="scenes-itm",
            kind=ModelKind.RERANKER,
            reference="scenes-itm",
            hub=None,
            parameters=3_386_210,
            dim=None,
            licence="Apache-2.0",
            use="reranks drawings; demo and tests",
            drawings_only=True,
        ),
        Preset(
            name="blip-itm-base-coco",
            kind=ModelKind.RERANKER,
            reference="hf-hub:Salesforce/blip-itm-base-coco",
            hub="Salesforce/blip-itm-base-coco",
            parameters=223_744_258,
            dim=None,
            licence="BSD-3-Clause",
            use="reranks photos by image-text matching",
        ),
        Preset(
            name="scenes-florence",
            kind=ModelKind.CAPTIONER,
            reference="scenes-florence",
            hub=None,
            parameters=5_234_336,
            dim=None,
            licence="Apache-2.0",
            use="describes drawings and answers questions about them; demo and tests",
            answers=True,
            drawings_only=True,
        ),
        Preset(
            name="florence-2-base",
            kind=ModelKind.CAPTIONER,
            reference="hf-hub:florence-community/Florence-2-base",
            hub="florence-community/Florence-2-base",
            parameters=231_000_000,
            dim=None,
            licence="MIT",
            use="describes photos; as released it answers no questions",
        ),
        Preset(
            name="blip-vqa-base",
            kind=ModelKind.ANSWERER,
            reference="hf-hub:Salesforce/blip-vqa-base",
            hub="Salesforce/blip-vqa-base",
            parameters=361_230_140,
            dim=None,
            licence="BSD-3-Clause",
            use="answers questions about photos, in a few words",
        ),
    )
}

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
    package = Path(__file__).resolve().parents[2]
    installed = package / "data" / "models"
    return installed if installed.is_dir() else package.parent / "data" / "models"


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

    from vasari.retrieval.models.registry import (
        hub,  # an HTTP client: 0.4 s that most questions need not spend
    )

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


def companion(encoder: str, kind: ModelKind) -> str:
    """The preset that goes with a dual encoder: drawings are read by the built-in models, photos by the public ones."""
    drawn = knows_drawings_only(encoder)
    fitting = (
        preset.name for preset in PRESETS.values() if preset.serves(kind) and preset.drawings_only is drawn
    )
    return next(fitting)
