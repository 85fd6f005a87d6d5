"""A model that refuses some pictures is measured on all of them."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from PIL import Image

from vasari.retrieval.domain import Picture
from vasari.retrieval.errors import UnsupportedError
from vasari.retrieval.evaluation.refusals import LenientAnswerer, LenientCaptioner
from vasari.retrieval.models.ports import Detail

WIDE, TALL = Image.new("RGB", (4, 2)), Image.new("RGB", (2, 4))


class WideOnly:
    """Describes wide pictures, and refuses a batch with another one in it."""

    def caption(self, images: Sequence[Picture], detail: Detail = "short") -> list[str]:
        """The width."""
        if any(image.width < image.height for image in images):
            raise UnsupportedError("wide pictures only")
        return [f"{detail} {image.width}" for image in images]

    def answer(self, image: Picture, question: str) -> str:
        """The question."""
        return self.answers([image], [question])[0]

    def answers(self, images: Sequence[Picture], questions: Sequence[str]) -> list[str]:
        """The questions."""
        self.caption(images)
        return list(questions)


def test_what_is_refused_counts_as_nothing_said() -> None:
    """The others of its batch are described, in order."""
    captioner = LenientCaptioner(WideOnly())
    assert captioner.caption([WIDE, TALL, WIDE], "detailed") == ["detailed 4", "", "detailed 4"]
    assert captioner.caption([TALL]) == [""]
    assert captioner.caption([]) == []
    refusals = captioner.refusals
    assert (refusals.said, refusals.refused, refusals.reason) == (2, 2, "wide pictures only")
    assert LenientAnswerer(WideOnly()).answers([TALL, WIDE], ["a", "b"]) == ["", "b"]


def test_a_model_that_refuses_everything_is_not_measured() -> None:
    """A figure of 0 would say that it was."""
    with pytest.raises(UnsupportedError, match="wide pictures only"):
        LenientCaptioner(WideOnly()).caption([TALL, TALL])
