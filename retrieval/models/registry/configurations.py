"""What the configuration files of models say: which class loads one, what it is for, and whether it would run code."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from vasari.retrieval.errors import ModelUnavailableError, UnsupportedError
from vasari.retrieval.models.ports import ModelKind

CONFIGURATION = "open_clip_config.json"
INDEX_SUFFIX = ".index.json"  # of weights in several files
CLASSES = {
    "AltCLIPModel": ModelKind.DUAL_ENCODER,
    "ChineseCLIPModel": ModelKind.DUAL_ENCODER,
    "CLIPModel": ModelKind.DUAL_ENCODER,
    "MetaClip2Model": ModelKind.DUAL_ENCODER,
    "SiglipModel": ModelKind.DUAL_ENCODER,
    "Siglip2Model": ModelKind.DUAL_ENCODER,
    "BlipForImageTextRetrieval": ModelKind.RERANKER,
    "Blip2ForImageTextRetrieval": ModelKind.RERANKER,
    "BlipForQuestionAnswering": ModelKind.ANSWERER,
    "Florence2ForConditionalGeneration": ModelKind.CAPTIONER,
    "Qwen3VLForConditionalGeneration": ModelKind.CAPTIONER,
}
"""The classes of transformers that are loaded here, and what each is used for."""


def class_named(content: Mapping[str, Any]) -> str | None:
    """The class among those that are loaded here which a config.json names."""
    return next((name for name in _named(content) if name in CLASSES), None)


def _named(content: Mapping[str, Any]) -> list[str]:
    named = content.get("architectures")
    return list(map(str, named)) if isinstance(named, list) else []


def class_of_folder(folder: Path) -> str | None:
    """The class of transformers that loads the model in a folder; None for one that is not loaded here."""
    return class_named(read_object(folder / "config.json"))


def no_class(where: str | Path, content: Mapping[str, Any]) -> UnsupportedError:
    """What to raise for a model of none of these classes."""
    names = ", ".join(_named(content) or ["unknown"])
    return UnsupportedError(
        f"{where} is a model of transformers ({names}): Vasari takes dual encoders of open_clip, and"
        f" {', '.join(CLASSES)}"
    )


def refuse_code(where: str | Path, content: Mapping[str, Any]) -> None:
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


def read_object(path: Path) -> dict[str, Any]:
    """The object in a JSON file."""
    try:
        return dict(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError) as error:
        raise ModelUnavailableError(f"{path} is damaged ({error})") from error


def read_configuration(path: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """`model_cfg` and `preprocess_cfg` of an open_clip_config.json."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        model, image = dict(content["model_cfg"]), dict(content.get("preprocess_cfg") or {})
        model |= {part: dict(model[part]) for part in ("vision_cfg", "text_cfg")}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ModelUnavailableError(f"{path} is no open_clip configuration ({error})") from error
    return model, image
