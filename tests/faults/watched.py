"""A catalog of which one method is called by somebody else, who may die or fail before or after it."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from vasari.retrieval.catalog.catalog import Catalog


class _Watched:
    """A part of a catalog."""

    def __init__(self, part: object, method: str, call: Callable[..., Any]) -> None:
        self._part, self._method, self._call = part, method, call

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._part, name)
        return partial(self._call, found) if name == self._method else found


def watch(catalog: Catalog, method: str, call: Callable[..., Any]) -> None:
    """Have `call` called with the method, such as `segments.commit`, and what is given to it."""
    part, _, name = method.partition(".")
    setattr(catalog, part, _Watched(getattr(catalog, part), name, call))
