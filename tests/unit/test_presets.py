"""Which model serves which use: what is set, else what knows the same pictures."""

from __future__ import annotations

import pytest

from vasari.retrieval.domain import USUAL_WEIGHT
from vasari.retrieval.errors import UnsupportedError
from vasari.retrieval.library.loading import chosen_model
from vasari.retrieval.library.picture_models import load_answerer
from vasari.retrieval.models.ports import ModelKind
from vasari.retrieval.models.registry.presets import PRESETS, rerank_weight
from vasari.retrieval.settings import Settings


def test_a_reranker_is_the_settings_or_suits_the_encoder() -> None:
    """One choice for searches, abilities and `vasari eval`: what is set, else what knows the same pictures."""
    assert chosen_model(ModelKind.DUAL_ENCODER, "scenes", Settings()) == "scenes"
    assert chosen_model(ModelKind.RERANKER, "scenes", Settings()) == "scenes-itm"
    assert chosen_model(ModelKind.RERANKER, "scenes", Settings(reranker="mine")) == "mine"
    assert chosen_model(ModelKind.CAPTIONER, "scenes", Settings(captioner="other")) == "other"


def test_a_reranker_weighs_what_was_measured_for_it() -> None:
    """A preset's own weight where nobody says, else the usual one: for other presets, repositories and folders."""
    assert rerank_weight("scenes-itm") == PRESETS["scenes-itm"].rerank_weight != USUAL_WEIGHT
    for other in ("blip-itm-base-coco", "owner/name", "/mine/scenes-itm"):
        assert rerank_weight(other) == USUAL_WEIGHT


def test_questions_are_answered_by_a_model_that_was_taught_to() -> None:
    """Florence-2 as released was not, whatever it is named by; a captioner that somebody tuned for it answers."""

    def chosen(encoder: str, **settings: str) -> str:
        return chosen_model(ModelKind.ANSWERER, encoder, Settings(**settings))  # type: ignore[arg-type]

    assert chosen("scenes") == "scenes-florence"
    assert chosen("fast") == "blip-vqa-base"
    assert chosen("fast", captioner="florence-2-base") == "blip-vqa-base"
    assert chosen("fast", captioner="hf-hub:florence-community/Florence-2-large-ft") == "blip-vqa-base"
    assert chosen("fast", captioner="/mine/florence-vqa") == "/mine/florence-vqa"
    assert chosen("fast", captioner="/mine/florence-vqa", answerer="blip-vqa-base") == "blip-vqa-base"
    with pytest.raises(UnsupportedError, match="models pull blip-vqa-base"):
        load_answerer("fast", Settings(answerer="hf-hub:florence-community/Florence-2-base"))


def test_photos_are_not_captioned_or_reranked_by_what_knows_drawings() -> None:
    """Beside the built-in photo model stand the public ones, which have to be pulled first."""
    for use in (ModelKind.RERANKER, ModelKind.CAPTIONER, ModelKind.ANSWERER):
        assert not PRESETS[chosen_model(use, "starter", Settings())].builtin
