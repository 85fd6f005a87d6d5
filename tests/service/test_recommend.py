"""Which model is recommended over HTTP: what the command line says, of the service's machine."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.service.conftest import Served
from tests.speed import a_speed, pretend
from vasari.api.contract.recommendations import recommendation_fields
from vasari.api.service.schemas.models import CandidateAnswer, RecommendationAnswer
from vasari.retrieval.models.recommend import recommend


def test_the_answer_is_the_commands(served: Served, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Field for field, for a language, a memory and a collection; the machine is not measured twice."""
    device = served.library.settings.device
    pretend(monkeypatch, tmp_path, f"{device}/auto")
    asked = {"language": "bn", "memory": "6GB", "images": "50000"}
    answer = served.client.get("/v1/models/recommend", params=asked)
    assert answer.status_code == 200
    found = recommend(a_speed(), language="bn", memory=6 * 10**9, images=50_000)
    expected = json.loads(json.dumps(recommendation_fields(found)))
    assert answer.json() == expected
    assert RecommendationAnswer.model_validate(expected).choice == "nllb-siglip-base"
    assert set(RecommendationAnswer.model_fields) == set(expected)
    assert set(CandidateAnswer.model_fields) == set(expected["models"][0])


@pytest.mark.parametrize(
    ("asked", "status", "detail"),
    [
        ({"language": "klingon"}, 400, "nobody published how well models find in 'klingon'"),
        ({"memory": "lots"}, 400, "'lots' is no size"),
        ({"images": "0"}, 422, "images"),
    ],
)
def test_what_cannot_be_answered_is_a_problem(
    served: Served,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    asked: dict[str, str],
    status: int,
    detail: str,
) -> None:
    """In the form of all others, without the part for OpenAI's clients."""
    pretend(monkeypatch, tmp_path, f"{served.library.settings.device}/auto")
    answer = served.client.get("/v1/models/recommend", params=asked)
    assert answer.status_code == status
    assert detail in answer.json()["detail"]
    assert "error" not in answer.json()
