"""Documents in a library: texts with ids and vectors of their own, as frameworks' vector stores keep them.

They are items like any other (`vasari search --for text` finds them, an export has them), whose uri holds the
document's id: `text:documents/COLLECTION/ID`.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, unquote

import numpy as np
from numpy.typing import ArrayLike

from vasari.api.python.library import Library
from vasari.retrieval.domain import (
    EmbeddingSpace,
    Hit,
    Item,
    ItemId,
    Modality,
    SearchRequest,
    Term,
    TermKind,
    UnitVectors,
    unit_vectors,
)
from vasari.retrieval.errors import UsageError
from vasari.retrieval.library import texts

Embed = Callable[[Sequence[str]], ArrayLike]  # texts to vectors (n, dim) of any length


@dataclass(frozen=True, slots=True)
class Document:
    """What is kept: `metadata` is any JSON."""

    id: str
    text: str
    metadata: Mapping[str, Any]


class Documents:
    """A collection of documents in a library.

    With `embed` their vectors are in a space of the collection's own, else the library's model makes them, and pictures
    and documents can be found by each other.
    """

    def __init__(self, library: Library, collection: str, embed: Embed | None = None) -> None:
        if not collection:
            raise UsageError("a collection of documents needs a name")
        self.library = library
        self._embed = embed
        self._collection = collection
        self._prefix = f"text:documents/{quote(collection, safe='')}/"

    def put(self, documents: Sequence[Document], vectors: ArrayLike | None = None) -> list[str]:
        """Add documents, or replace those of their ids; the ids, new ones for those that are empty."""
        if not documents:
            return []
        made = self.vectors([each.text for each in documents]) if vectors is None else _unit(vectors)
        space = self._space(made.shape[1])
        ids = [each.id or uuid.uuid4().hex for each in documents]
        new = [
            texts.NewText(self._uri(name), each.text, vector, each.metadata)
            for name, each, vector in zip(ids, documents, made, strict=True)
        ]
        texts.put(self.library, space, new)
        return ids

    def get(self, ids: Sequence[str]) -> list[Document]:
        """Those that are there, in the order of `ids`."""
        known = self._known(ids)
        items = self.library.items(list(known.values()))
        return [_document(name, items[item]) for name, item in known.items() if item in items]

    def delete(self, ids: Sequence[str]) -> int:
        """Take them out; says how many there were."""
        known = list(self._known(ids).values())
        return self.library.remove(*known) if known else 0

    def ids(self, where: str | None = None) -> list[str]:
        """The ids of those that a filter accepts."""
        return [self._name(item.uri) for item in self.library.items(self._only(where), Modality.TEXT)]

    def named(self, ids: Sequence[str]) -> str:
        """The filter that accepts the documents of these ids."""
        return " or ".join(f"uri = {quoted(self._uri(name))}" for name in ids)

    def clear(self) -> int:
        """Take all out; says how many there were."""
        return self.delete(self.ids())

    def search(
        self,
        query: str,
        limit: int,
        where: str | None = None,
        vector: ArrayLike | None = None,
        diversify: float | None = None,
    ) -> list[tuple[Document, float]]:
        """The nearest to a query, or to its `vector` (dim,), each with the cosine; none from an empty collection."""
        made = self.vectors([query]) if vector is None else _unit(vector)
        request = SearchRequest(
            (Term(TermKind.TEXT, text=query or " "),),
            modality=Modality.TEXT,
            filter=self._only(where),
            limit=limit,
            space=self._space(made.shape[1]).name,
            diversify=diversify,
            literally=True,
            hybrid=False,  # words are weighed by what the space's model says of others, which may not be here
        )
        found = self.library.search(request, made)
        return [(_document(self._name(hit.item.uri), hit.item), hit.score) for hit in found.hits]

    def vectors(self, said: Sequence[str]) -> UnitVectors:
        """Unit vectors (n, dim) of texts."""
        if self._embed is not None:
            return _unit(self._embed(said))
        return self.library.embed_texts(said, self._own_space())

    def _space(self, dim: int) -> EmbeddingSpace:
        """Where the vectors are: known by the collection's name alone, if the library's model did not make them."""
        if self._embed is None:
            return self._own_space()
        name = f"documents-{quote(self._collection, safe='').replace('%', '-').lower()[:40]}-{dim}"
        return self.library.catalog.spaces.ensure(EmbeddingSpace(name, name, "", "", dim))

    def _own_space(self) -> EmbeddingSpace:
        default = self.library.default_space()
        return default or self.library.use_model(self.library.settings.model)

    def _only(self, where: str | None) -> str:
        own = f'uri:"{_escaped(self._prefix)}*"'
        return own if where is None else f"{own} and ({where})"

    def _known(self, ids: Sequence[str]) -> dict[str, ItemId]:
        uris = {self._uri(name): name for name in ids}
        known = self.library.catalog.items.ids_by_uri(uris, Modality.TEXT)
        return {name: known[uri] for uri, name in uris.items() if uri in known}

    def _uri(self, name: str) -> str:
        return self._prefix + quote(name, safe="")

    def _name(self, uri: str) -> str:
        return unquote(uri.removeprefix(self._prefix))


def picture_metadata(hit: Hit) -> dict[str, Any]:
    """What frameworks keep beside a picture: where it lies, its number and score, and all that is known of it."""
    item = hit.item
    return {
        **item.attributes,
        "item": item.id,
        "uri": item.uri,
        "score": hit.score,
        "captions": [caption.text for caption in item.captions],
        "tags": list(item.tags),
        "width": item.width,
        "height": item.height,
    }


def said_of(item: Item) -> str:
    """What stands for an item where only words can: its text, its captions, or its name."""
    return item.text or "\n".join(caption.text for caption in item.captions) or item.uri.rpartition("/")[2]


def written(value: Any) -> str:
    """A value as the filter language writes it; raises UsageError for what it does not compare with."""
    match value:
        case bool():
            return str(value).lower()
        case int() | float():
            return repr(value)
        case str():
            return quoted(value)
    raise UsageError(
        f"a filter compares metadata with text, a number or a truth value, and not with {value!r}"
    )


def quoted(value: str) -> str:
    """A string as the filter language writes it, with nothing in it taken for a sign."""
    return f'"{_escaped(value)}"'


def _escaped(value: str) -> str:
    return "".join(f"\\{letter}" if letter in '\\"*?' else letter for letter in value)


def _document(name: str, item: Item) -> Document:
    return Document(name, item.text or "", dict(item.attributes))


def _unit(vectors: ArrayLike) -> UnitVectors:
    return unit_vectors(np.atleast_2d(np.asarray(vectors, dtype=np.float32)))
