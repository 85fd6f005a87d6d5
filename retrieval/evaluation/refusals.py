"""Refusals of a model that knows one kind of picture: what it says of these counts as nothing, and they are counted."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from vasari.retrieval.domain import Picture
from vasari.retrieval.errors import UnsupportedError
from vasari.retrieval.models.ports import Answerer, Captioner, Detail


@dataclass
class Refusals:
    """How often something was said, and how often refused, why at first."""

    said: int = 0
    refused: int = 0
    reason: str = ""

    def ask(self, ask: Callable[[slice], list[str]], count: int) -> list[str]:
        """What is said of `count` pictures: of all at once, or of each, and "" where it is refused.

        Raises UnsupportedError where the model refuses all of the first pictures: it would go on like that.
        """
        try:
            found = ask(slice(count))
        except UnsupportedError as error:
            return self._one_by_one(ask, count, error)
        self.said += count
        return found

    def _one_by_one(
        self, ask: Callable[[slice], list[str]], count: int, first: UnsupportedError
    ) -> list[str]:
        found: list[str] = []
        for place in range(count):
            try:
                found += ask(slice(place, place + 1))
                self.said += 1
            except UnsupportedError:
                found.append("")
                self.refused += 1
        if not self.said:
            raise first
        self.reason = self.reason or str(first)
        return found


class LenientCaptioner:
    """A captioner that says nothing of what it refuses."""

    def __init__(self, captioner: Captioner) -> None:
        self._captioner = captioner
        self.refusals = Refusals()

    def caption(self, images: Sequence[Picture], detail: Detail = "short") -> list[str]:
        """One description a picture."""
        return self.refusals.ask(lambda part: self._captioner.caption(images[part], detail), len(images))


class LenientAnswerer:
    """An answerer that says nothing of what it refuses."""

    def __init__(self, answerer: Answerer) -> None:
        self._answerer = answerer
        self.refusals = Refusals()

    def answers(self, images: Sequence[Picture], questions: Sequence[str]) -> list[str]:
        """One answer a pair."""
        return self.refusals.ask(
            lambda part: self._answerer.answers(images[part], questions[part]), len(images)
        )
