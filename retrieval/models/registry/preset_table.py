"""The table of presets: models under short names, with the facts one chooses by. Published recall is in `published`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from vasari.retrieval.domain import USUAL_WEIGHT
from vasari.retrieval.models.ports import ModelKind, Task
from vasari.retrieval.models.registry.published import Published, published

# As SigLIP wants it.
_SQUASHED = {"mean": (0.5,) * 3, "std": (0.5,) * 3, "interpolation": "bicubic", "resize_mode": "squash"}
_SQUASHED_BILINEAR = _SQUASHED | {"interpolation": "bilinear"}  # PE-Core


@dataclass(frozen=True, slots=True)
class VisionTower:
    """The shape of a vision transformer, which decides what a picture costs.

    `tokens` are patches and, where there is one, the class token; `mlp` is the width of the hidden layer.
    """

    width: int
    mlp: int
    layers: int
    heads: int
    tokens: int

    @property
    def gflops(self) -> float:
        """10⁹ operations of the blocks for one picture; a multiplication and an addition are two."""
        linear = 2 * self.tokens * (4 * self.width**2 + 2 * self.width * self.mlp)
        attention = 4 * self.tokens**2 * self.width
        return self.layers * (linear + attention) / 1e9


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
    languages: str = "English"  # in words; `published.recall_in` has figures
    tower: VisionTower | None = None  # None: no vision transformer, or no dual encoder
    licence_url: str = ""
    ask_before_download: bool = False  # the licence is not a usual open-source one
    drawings_only: bool = False  # it knows what Vasari's painter draws, and no photos
    tasks: frozenset[Task] = frozenset()  # of one that writes about pictures
    rerank_weight: float = USUAL_WEIGHT  # of a reranker, beside the dual encoder's cosines
    # open_clip's `preprocess_cfg` of the weights' tag, for those that need not be asked of open_clip (and torch)
    preprocessing: Mapping[str, Any] | None = None
    words: int = 0  # of the parameters those of the words' table, of which a text needs a few rows

    def serves(self, use: ModelKind) -> bool:
        """Whether it can be used for this."""
        return self.kind is use or (use is ModelKind.ANSWERER and Task.ANSWER in self.tasks)

    @property
    def builtin(self) -> bool:
        """Whether the weights come with Vasari."""
        return self.hub is None

    @property
    def download_bytes(self) -> int:
        """What comes over the network, about: float32 weights, as the hub has them. 0 for a built-in model."""
        return 0 if self.builtin else 4 * self.parameters

    @property
    def published(self) -> Published:
        """Its published recall."""
        return published(self.reference)


FLORENCE_TASKS = frozenset(set(Task) - {Task.ANSWER})
"""Of Florence-2 as released: it has no visual question answering, its makers say; those that others tuned for it do."""

_SIX = "English, German, Spanish, French, Japanese, Chinese"
_MANY = "many languages"
_NON_COMMERCIAL = "CC-BY-NC-4.0 (not for commercial use)"
_NC_URL = "https://creativecommons.org/licenses/by-nc/4.0/"


def _dual_encoder(name: str, reference: str, hub: str, parameters: int, dim: int, **facts: Any) -> Preset:
    return Preset(
        name=name,
        kind=ModelKind.DUAL_ENCODER,
        reference=reference,
        hub=hub,
        parameters=parameters,
        dim=dim,
        **facts,
    )


_PHOTO_ENCODERS = (
    _dual_encoder(
        "fast",
        "ViT-B-32-256/datacomp_s34b_b86k",
        "laion/CLIP-ViT-B-32-256x256-DataComp-s34B-b86K",
        151_288_833,
        512,
        licence="MIT",
        use="photos on a laptop; the default",
        tower=VisionTower(width=768, mlp=3072, layers=12, heads=12, tokens=65),
        preprocessing={},
        words=49_408 * 512,
    ),
    _dual_encoder(
        "small",
        "MobileCLIP2-S0/dfndr2b",
        "timm/MobileCLIP2-S0-OpenCLIP",
        74_835_073,
        512,
        licence="Apple AMLR (research only)",
        use="the smallest download; its recall was not published",
        licence_url="https://huggingface.co/apple/MobileCLIP2-S0/blob/main/LICENSE",
        ask_before_download=True,
    ),
    _dual_encoder(
        "balanced",
        "ViT-B-16-SigLIP2-256/webli",
        "timm/ViT-B-16-SigLIP2-256",
        375_234_050,
        768,
        licence="Apache-2.0",
        use="servers; on a laptop a night's work",
        languages=_MANY,
        tower=VisionTower(width=768, mlp=3072, layers=12, heads=12, tokens=256),
        preprocessing=_SQUASHED,
        words=256_000 * 768,
    ),
    _dual_encoder(
        "best",
        "ViT-SO400M-16-SigLIP2-384/webli",
        "timm/ViT-SO400M-16-SigLIP2-384",
        1_136_039_602,
        1152,
        licence="Apache-2.0",
        use="GPUs",
        languages=_MANY,
        tower=VisionTower(width=1152, mlp=4304, layers=27, heads=16, tokens=576),
        preprocessing=_SQUASHED,
        words=256_000 * 1_152,
    ),
    _dual_encoder(
        "siglip2-b32",
        "ViT-B-32-SigLIP2-256/webli",
        "timm/ViT-B-32-SigLIP2-256",
        376_856_066,
        768,
        licence="Apache-2.0",
        use="as quick with pictures as fast, finds more, and in many languages; a larger download",
        languages=_MANY,
        tower=VisionTower(width=768, mlp=3072, layers=12, heads=12, tokens=64),
        preprocessing=_SQUASHED,
        words=256_000 * 768,
    ),
    _dual_encoder(
        "siglip2-b16",
        "ViT-B-16-SigLIP2/webli",
        "timm/ViT-B-16-SigLIP2",
        375_187_970,
        768,
        licence="Apache-2.0",
        use="balanced with smaller pictures: three quarters of its time",
        languages=_MANY,
        tower=VisionTower(width=768, mlp=3072, layers=12, heads=12, tokens=196),
        preprocessing=_SQUASHED,
        words=256_000 * 768,
    ),
    _dual_encoder(
        "siglip2-l16",
        "ViT-L-16-SigLIP2-256/webli",
        "timm/ViT-L-16-SigLIP2-256",
        881_526_786,
        1024,
        licence="Apache-2.0",
        use="between balanced and best",
        languages=_MANY,
        tower=VisionTower(width=1024, mlp=4096, layers=24, heads=16, tokens=256),
        preprocessing=_SQUASHED,
        words=256_000 * 1_024,
    ),
    _dual_encoder(
        "siglip2-g16",
        "ViT-gopt-16-SigLIP2-384/webli",
        "timm/ViT-gopt-16-SigLIP2-384",
        1_871_885_426,
        1536,
        licence="Apache-2.0",
        use="large GPUs; finds little more than best",
        languages=_MANY,
        tower=VisionTower(width=1536, mlp=6144, layers=40, heads=16, tokens=576),
        preprocessing=_SQUASHED,
        words=256_000 * 1_152,
    ),
    _dual_encoder(
        "pe-core-s16",
        "PE-Core-S-16-384/meta",
        "timm/PE-Core-S-16-384",
        87_188_225,
        512,
        licence="Apache-2.0",
        use="a small download; texts are cut after some 20 words",
        tower=VisionTower(width=384, mlp=1536, layers=12, heads=6, tokens=577),
        preprocessing=_SQUASHED_BILINEAR,
        words=49_408 * 512,
    ),
    _dual_encoder(
        "pe-core-b16",
        "PE-Core-B-16/meta",
        "timm/PE-Core-B-16",
        447_660_545,
        1024,
        licence="Apache-2.0",
        use="servers; texts are cut after some 20 words",
        tower=VisionTower(width=768, mlp=3072, layers=12, heads=12, tokens=197),
        preprocessing=_SQUASHED_BILINEAR,
        words=49_408 * 1_024,
    ),
    _dual_encoder(
        "pe-core-l14",
        "PE-Core-L-14-336/meta",
        "timm/PE-Core-L-14-336",
        671_138_817,
        1024,
        licence="Apache-2.0",
        use="GPUs; texts are cut after some 20 words",
        tower=VisionTower(width=1024, mlp=4096, layers=24, heads=16, tokens=577),
        preprocessing=_SQUASHED_BILINEAR,
        words=49_408 * 1_024,
    ),
    _dual_encoder(
        "pe-core-g14",
        "PE-Core-bigG-14-448/meta",
        "timm/PE-Core-bigG-14-448",
        2_419_267_841,
        1280,
        licence="Apache-2.0",
        use="large GPUs; the best of these",
        tower=VisionTower(width=1536, mlp=8960, layers=50, heads=16, tokens=1024),
        preprocessing=_SQUASHED_BILINEAR,
        words=49_408 * 1_280,
    ),
    _dual_encoder(
        "msiglip-b16",
        "ViT-B-16-SigLIP-i18n-256/webli",
        "timm/ViT-B-16-SigLIP-i18n-256",
        370_626_050,
        768,
        licence="Apache-2.0",
        use="languages that SigLIP 2 knows less well, in the time of balanced",
        languages=_MANY,
        tower=VisionTower(width=768, mlp=3072, layers=12, heads=12, tokens=256),
        preprocessing=_SQUASHED,
        words=250_000 * 768,
    ),
    _dual_encoder(
        "msiglip-so400m",
        "ViT-SO400M-16-SigLIP-i18n-256/webli",
        "timm/ViT-SO400M-16-SigLIP-i18n-256",
        1_127_430_706,
        1152,
        licence="Apache-2.0",
        use="GPUs; the best of an open licence in many languages",
        languages=_MANY,
        tower=VisionTower(width=1152, mlp=4304, layers=27, heads=16, tokens=256),
        preprocessing=_SQUASHED,
        words=250_000 * 1_152,
    ),
    _dual_encoder(
        "xlm-roberta-b32",
        "xlm-roberta-base-ViT-B-32/laion5b_s13b_b90k",
        "laion/CLIP-ViT-B-32-xlm-roberta-base-laion5B-s13B-b90k",
        366_120_000,
        512,
        licence="MIT",
        use="Chinese, Japanese and others on a laptop",
        languages=_MANY,
        tower=VisionTower(width=768, mlp=3072, layers=12, heads=12, tokens=50),
        preprocessing={},
        words=250_002 * 768,
    ),
    _dual_encoder(
        "xlm-roberta-h14",
        "xlm-roberta-large-ViT-H-14/frozen_laion5b_s13b_b90k",
        "laion/CLIP-ViT-H-14-frozen-xlm-roberta-large-laion5B-s13B-b90k",
        1_193_010_000,
        1024,
        licence="MIT",
        use="Japanese, Chinese and others on GPUs",
        languages=_MANY,
        tower=VisionTower(width=1280, mlp=5120, layers=32, heads=16, tokens=257),
        preprocessing={},
        words=250_002 * 1_024,
    ),
    _dual_encoder(
        "nllb-siglip-base",
        "nllb-clip-base-siglip/mrl",
        "visheratin/nllb-siglip-mrl-base",
        507_474_178,
        768,
        licence=_NON_COMMERCIAL,
        use="languages that others do not know: Bengali, Swahili, Telugu, Maori",
        languages=_MANY,
        tower=VisionTower(width=768, mlp=3072, layers=12, heads=12, tokens=576),
        licence_url=_NC_URL,
        ask_before_download=True,
    ),
    _dual_encoder(
        "nllb-siglip-large",
        "nllb-clip-large-siglip/mrl",
        "visheratin/nllb-siglip-mrl-large",
        1_195_496_514,
        1152,
        licence=_NON_COMMERCIAL,
        use="GPUs; the best of these in most languages",
        languages=_MANY,
        tower=VisionTower(width=1152, mlp=4304, layers=27, heads=16, tokens=729),
        licence_url=_NC_URL,
        ask_before_download=True,
    ),
)

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
            languages=_SIX,
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
            languages=_SIX,
            use="first photos without a network; about a thousand kinds of things",
        ),
        *_PHOTO_ENCODERS,
        Preset(
            name="scenes-itm",
            kind=ModelKind.RERANKER,
            reference="scenes-itm",
            hub=None,
            parameters=3_386_210,
            dim=None,
            licence="Apache-2.0",
            languages=_SIX,
            use="reranks drawings; demo and tests",
            drawings_only=True,
            rerank_weight=0.6,
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
            use="describes drawings, answers questions about them, locates things; demo and tests",
            drawings_only=True,
            tasks=frozenset({Task.CAPTION, Task.ANSWER, Task.LOCATE, Task.DETECT}),
        ),
        Preset(
            name="florence-2-base",
            kind=ModelKind.CAPTIONER,
            reference="hf-hub:florence-community/Florence-2-base",
            hub="florence-community/Florence-2-base",
            parameters=231_000_000,
            dim=None,
            licence="MIT",
            use="describes photos and locates things in them; as released it answers no questions",
            tasks=FLORENCE_TASKS,
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
            tasks=frozenset({Task.ANSWER}),
        ),
    )
}
