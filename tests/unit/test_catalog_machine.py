"""The catalog against a plain dictionary, under any sequence of changes."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from tests.unit.catalogs import OTHER, SPACE, commit, facts
from vasari.retrieval.catalog.catalog import Catalog
from vasari.retrieval.catalog.records import Sighting
from vasari.retrieval.domain import ItemId, Modality

IMAGE = Modality.IMAGE
uris = st.sampled_from([f"/{letter}" for letter in "abcdef"])
contents = st.sampled_from(["h1", "h2", "h3"])


@dataclass
class Expected:
    uri: str
    content: str
    vectors: dict[str, tuple[int, int]]


class CatalogMachine(RuleBasedStateMachine):
    """Add, update, embed, move, swap, lose, find again, purge, delete and restore; both always tell the same."""

    def __init__(self) -> None:
        super().__init__()
        memory = Path("/dev/shm")  # hundreds of commits, each of which would wait for the disk
        self.folder = tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None)
        self.catalog = Catalog.open(Path(self.folder.name) / "catalog.sqlite3")
        self.catalog.spaces.ensure(SPACE)
        self.catalog.spaces.ensure(OTHER)
        self.expected: dict[ItemId, Expected] = {}
        self.missing: dict[ItemId, Expected] = {}
        self.rows: dict[str, set[tuple[int, int]]] = {"clip": set(), "siglip": set()}
        self.revision = self.catalog.revision()

    def teardown(self) -> None:
        self.catalog.close()
        self.folder.cleanup()

    def pick(self, data: st.DataObject) -> ItemId:
        return data.draw(st.sampled_from(sorted(self.expected)))

    def holder(self, uri: str) -> ItemId | None:
        return next((item for item, expected in self.expected.items() if expected.uri == uri), None)

    def embed(self, item: ItemId, uri: str, content: str, space: str) -> None:
        number = commit(self.catalog, facts(item, uri, content), space=space)
        self.rows[space].add((number, 0))
        before = self.expected.get(item)
        kept = before.vectors if before and before.content == content else {}
        self.expected[item] = Expected(uri, content, {**kept, space: (number, 0)})

    @rule(uri=uris, content=contents)
    def add_or_take_the_place(self, uri: str, content: str) -> None:
        holder = self.holder(uri)
        if holder is not None:
            self.missing[holder] = self.expected.pop(holder)
        [item] = self.catalog.items.reserve(1)
        self.embed(item, uri, content, "clip")

    @precondition(lambda self: self.expected)
    @rule(data=st.data(), content=contents, space=st.sampled_from(["clip", "siglip"]))
    def update_or_embed_again(self, data: st.DataObject, content: str, space: str) -> None:
        item = self.pick(data)
        self.embed(item, self.expected[item].uri, content, space)

    @precondition(lambda self: self.expected)
    @rule(data=st.data(), uri=uris)
    def move(self, data: st.DataObject, uri: str) -> None:
        item, holder = self.pick(data), self.holder(uri)
        if holder is not None and holder != item:
            self.missing[holder] = self.expected.pop(holder)
        self.catalog.items.move([Sighting(item, uri, 10, 20)])
        self.expected[item].uri = uri

    @precondition(lambda self: self.expected)
    @rule(data=st.data())
    def lose(self, data: st.DataObject) -> None:
        item = self.pick(data)
        assert self.catalog.items.lose([item]) == 1
        self.missing[item] = self.expected.pop(item)

    @precondition(lambda self: self.missing)
    @rule(data=st.data(), uri=uris)
    def find_again(self, data: st.DataObject, uri: str) -> None:
        item, holder = data.draw(st.sampled_from(sorted(self.missing))), self.holder(uri)
        found = self.missing.pop(item)
        if holder is not None:
            self.missing[holder] = self.expected.pop(holder)
        self.catalog.items.move([Sighting(item, uri, 10, 20)])
        self.expected[item] = Expected(uri, found.content, found.vectors)

    @precondition(lambda self: self.missing)
    @rule(data=st.data(), uri=uris, content=contents)
    def find_again_and_embed(self, data: st.DataObject, uri: str, content: str) -> None:
        item, holder = data.draw(st.sampled_from(sorted(self.missing))), self.holder(uri)
        if holder is not None:
            self.missing[holder] = self.expected.pop(holder)
        self.expected[item] = self.missing.pop(item)
        self.embed(item, uri, content, "clip")

    @precondition(lambda self: self.missing)
    @rule(data=st.data())
    def purge(self, data: st.DataObject) -> None:
        item = data.draw(st.sampled_from(sorted(self.missing)))
        assert self.catalog.items.purge([item]) == 1
        del self.missing[item]

    @precondition(lambda self: len(self.expected) > 1)
    @rule(data=st.data())
    def rotate_names(self, data: st.DataObject) -> None:
        items = data.draw(st.permutations(sorted(self.expected)))
        names = [self.expected[item].uri for item in items]
        turned = [*names[1:], names[0]]
        self.catalog.items.move(
            [Sighting(item, uri, 10, 20) for item, uri in zip(items, turned, strict=True)]
        )
        for item, uri in zip(items, turned, strict=True):
            self.expected[item].uri = uri

    @precondition(lambda self: self.expected)
    @rule(data=st.data())
    def delete(self, data: st.DataObject) -> None:
        item = self.pick(data)
        assert self.catalog.items.delete([item]) == 1
        del self.expected[item]

    @precondition(lambda self: self.expected)
    @rule(data=st.data(), content=contents)
    def delete_and_restore(self, data: st.DataObject, content: str) -> None:
        item = self.pick(data)
        uri = self.expected.pop(item).uri
        self.catalog.items.delete([item])
        [new] = self.catalog.items.reserve(1)
        assert new > item
        self.embed(new, uri, content, "clip")

    @invariant()
    def both_list_the_same(self) -> None:
        known = {file.id: (file.uri, file.content_hash) for file in self.catalog.items.known_files(IMAGE)}
        assert known == {item: (e.uri, e.content) for item, e in self.expected.items()}
        assert self.catalog.items.live_ids(IMAGE).tolist() == sorted(self.expected)
        assert self.catalog.items.count(IMAGE) == len(self.expected)
        assert self.catalog.items.missing() == sorted(self.missing)

    @invariant()
    def each_row_is_alive_or_dead(self) -> None:
        for space, rows in self.rows.items():
            alive = {
                (row.segment, row.row): row.item for row in self.catalog.segments.live_rows(space, IMAGE)
            }
            dead = {(row.segment, row.row) for row in self.catalog.segments.dead_rows(space, IMAGE)}
            assert alive == {e.vectors[space]: i for i, e in self.expected.items() if space in e.vectors}
            assert dead == rows - alive.keys()
            missing = {item for item, e in self.expected.items() if space not in e.vectors}
            assert set(self.catalog.segments.missing_embeddings(space, IMAGE)) == missing

    @invariant()
    def the_revision_never_falls(self) -> None:
        revision = self.catalog.revision()
        assert revision >= self.revision
        self.revision = revision


TestCatalogMachine = CatalogMachine.TestCase
TestCatalogMachine.settings = settings(
    max_examples=15, stateful_step_count=20, deadline=None, suppress_health_check=list(HealthCheck)
)
