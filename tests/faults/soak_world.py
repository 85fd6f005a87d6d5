"""A library that goes through much: folders that change, operations that are cut off anywhere, and what must hold then.

Everything happens in forked copies of a process that has imported what is needed and has no threads
(`tests.faults.forked`), so that an operation can be killed at any step of its work.
"""

from __future__ import annotations

import json
import random
import shutil
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from sqlalchemy import select

from tests.grey import GreyEncoder, GreyLibrary, write_picture
from vasari.indexer import reading
from vasari.indexer.backups.backup import back_up
from vasari.indexer.backups.restore import restore, verify
from vasari.indexer.backups.store import Store
from vasari.indexer.build import rebuild
from vasari.indexer.captions import caption_library
from vasari.indexer.doctor import examine
from vasari.indexer.exchange.importing import import_
from vasari.indexer.job import IndexOptions, index
from vasari.indexer.reading import read_library
from vasari.indexer.sources.folder import FolderSource
from vasari.indexer.watch import watch
from vasari.retrieval.catalog.tables import tags
from vasari.retrieval.domain import CaptionSource, Modality, Picture, TextLine
from vasari.retrieval.errors import VasariError
from vasari.retrieval.images.decode import decoding
from vasari.retrieval.library import compaction
from vasari.retrieval.settings import Settings

REFUSED = 3  # exit code of an operation that ended with an error of ours: one line, for a person
_ROWS = 12  # of an import
_PICTURES = 60  # in the folder, more or less
_OPTIONS = IndexOptions(batch_size=4, decode_threads=2, commit_every=8)


class Describer:
    """A captioner and reader whose words follow from a picture's brightness, after a moment."""

    name = "brightness 1"

    def caption(self, images: Sequence[Picture], detail: str = "short") -> list[str]:
        """A sentence for each."""
        time.sleep(0.002)
        return [f"brightness {_brightness(image)}" for image in images]

    def read(self, picture: Picture) -> list[TextLine]:
        """One line."""
        time.sleep(0.001)
        return [TextLine(f"SIGN{_brightness(picture)}", 1.0, ((0, 0), (1, 0), (1, 1), (0, 1)))]


def _brightness(picture: Picture) -> int:
    return int(np.asarray(picture).mean())


class SoakLibrary(GreyLibrary):
    """A library of grey vectors with a captioner."""

    def captioner(self, detail: str = "short") -> Describer:
        return Describer()


@dataclass(frozen=True)
class World:
    """A library with its backups, and beside it the pictures and notes of what people wrote."""

    folder: Path  # on a disk that may be full
    beside: Path  # on one that is not
    database_url: str | None = None

    @property
    def photos(self) -> Path:
        return self.beside / "photos"

    @property
    def store(self) -> Store:
        return Store(self.folder / "backups")

    def opened(self) -> SoakLibrary:
        """The library."""
        root = self.folder / "library"
        settings = Settings(library=root, database_url=self.database_url, threads=2)
        return SoakLibrary.open(root, settings, create=True)

    def note(self, name: str, value: object) -> None:
        """Write down what has to be true from now on."""
        path = self.beside / f"{name}.json"
        path.with_suffix(".new").write_text(json.dumps(value))
        path.with_suffix(".new").replace(path)

    def noted(self, name: str) -> list[str]:
        """What was written down."""
        path = self.beside / f"{name}.json"
        return list(json.loads(path.read_text())) if path.exists() else []


Operation = Callable[[World, int], None]  # the number is that of the step


def _index(world: World, _: int) -> None:
    with world.opened() as library:
        began(world)
        index(library, FolderSource([world.photos]), _OPTIONS)


def _watch(world: World, _: int) -> None:
    """Ends by itself once the folder was taken in and nothing changes any more."""
    stop = threading.Event()
    with world.opened() as library:
        began(world)
        seen = 0

        def report(_report: object) -> None:
            nonlocal seen
            seen += 1
            if seen == 1:
                edit(world.photos, random.randrange(1 << 30))
            else:
                stop.set()

        watch(library, lambda: FolderSource([world.photos]), report, stop, settle=0.05, options=_OPTIONS)


def _rebuild(world: World, _: int) -> None:
    with world.opened() as library:
        began(world)
        rebuild(library, kind="flat")


def _compact(world: World, number: int) -> None:
    """As many small segments as make it due, then one."""
    compaction.DUE = 8  # an upload takes a tenth of a second
    with world.opened() as library:
        for place in range(compaction.DUE):
            library.add(_picture(world, f"small-{number}-{place}", 7_000_000 + 1000 * number + place))
        began(world)
        with library.catalog.lease.acquire("soak"):
            directory = library.segments_directory(library.space(), Modality.IMAGE)
            compaction.compact_if_due(library.catalog, directory, library.space(), Modality.IMAGE)


def _caption(world: World, _: int) -> None:
    with world.opened() as library:
        began(world)
        caption_library(library)


def _read(world: World, _: int) -> None:
    reading.COMMIT_SECONDS = 0.02
    with world.opened() as library:
        began(world)
        read_library(library, Describer())


def _import(world: World, number: int) -> None:
    """Twelve rows, which come all or not at all."""
    rows = [
        {
            "uri": f"/imported/{number}-{row}.png",
            "embedding": [1.0 + row] * GreyEncoder().dim,
            "tags": ["imported"],
        }
        for row in range(_ROWS)
    ]
    file = world.beside / "rows.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    with world.opened() as library:
        began(world)
        import_(library, file, model="grey", page=3)


def _backup(world: World, _: int) -> None:
    with world.opened() as library:
        began(world)
        back_up(library, world.store, keep=3)


def _restore(world: World, number: int) -> None:
    target = world.folder / "restored"
    shutil.rmtree(target, ignore_errors=True)
    if not world.store.moments():
        with world.opened() as library:
            back_up(library, world.store, keep=3)
    began(world)
    report = restore(world.store, target)
    with SoakLibrary.open(target, Settings(library=target)) as library:
        found = verify(library, report)
        assert not found, found
    shutil.rmtree(target)


def _upload(world: World, number: int) -> None:
    pictures = [
        _picture(world, f"upload-{number}-{place}", 5_000_000 + 1000 * number + place) for place in range(4)
    ]
    with world.opened() as library:
        began(world)
        for path in pictures:
            (item,) = library.add(path.read_bytes())
            library.catalog.annotations.set_tags(item, [path.stem])
            world.note("written", [*world.noted("written"), path.stem])


def _picture(world: World, name: str, seed: int) -> Path:
    path = world.beside / "sent" / f"{name}.png"
    if not path.exists():
        write_picture(path, seed)
    return path


OPERATIONS: dict[str, Operation] = {
    "index": _index,
    "watch": _watch,
    "rebuild": _rebuild,
    "compact": _compact,
    "caption": _caption,
    "read": _read,
    "import": _import,
    "backup": _backup,
    "restore": _restore,
    "upload": _upload,
}


def began(world: World) -> None:
    """Tell whoever waits that the operation has begun."""
    (world.beside / "began").touch()


def run(name: str, number: int, world: World, jump: float = 0.0) -> None:
    """An operation as a process of its own runs it: an error of ours is a line and an exit code.

    With `jump` the clock of the process is set by so many seconds, there and back, every few looks at it.
    """
    if jump:
        _jumping_clock(jump)
    try:
        OPERATIONS[name](world, number)
    except VasariError as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr, flush=True)
        sys.exit(REFUSED)


def _jumping_clock(jump: float) -> None:
    true, looks = time.time, 0

    def jumping() -> float:
        nonlocal looks
        looks += 1
        return true() + (jump if looks // 5 % 2 else 0.0)

    time.time = jumping


def edit(photos: Path, seed: int) -> None:
    """Some of everything that people do to their folders."""
    chance = random.Random(seed)
    files = [path for path in sorted(photos.rglob("*.png")) if not path.name.startswith("bad-")]
    chance.shuffle(files)
    more = max(0, len(files) - _PICTURES)
    for path in files[:4]:
        path.rename(path.with_name(f"moved-{chance.randrange(1 << 30)}.png"))
    for path in files[4:8]:
        write_picture(path, chance.randrange(1 << 30))
    for path in files[8 : 12 + more]:
        path.unlink()
    for path in files[12 + more : 14 + more]:
        path.touch()
    for number in range(5):
        write_picture(photos / f"folder-{number}" / f"new-{seed}.png", chance.randrange(1 << 30))
    (photos / f"bad-{seed % 5}.png").write_bytes(b"no picture")


def change(world: World, seed: int) -> None:
    """What people do to their folders, and write of a picture, between two operations."""
    edit(world.photos, seed)
    with world.opened() as library:
        ids = library.catalog.items.live_ids(Modality.IMAGE).tolist()
        if ids:
            item = random.Random(seed).choice(ids)
            word = f"said-{seed}"
            now = library.items([item])[item].tags
            library.catalog.annotations.set_tags(item, [*now, word])
            world.note("written", [*world.noted("written"), word])


def check_cut(world: World, name: str) -> None:
    """What holds right after an operation was cut off: the library opens, and what was written is there."""
    with world.opened() as library:
        _words_are_there(world, library)
        for imported in _imports(library).values():
            assert imported == _ROWS, f"{imported} rows of an import"
        ids = library.catalog.items.live_ids(Modality.IMAGE).tolist()
        library.vectors_of(ids, library.space())
    for moment in world.store.moments()[-1:] if name in ("backup", "restore") else ():
        target = world.folder / "checked"
        shutil.rmtree(target, ignore_errors=True)
        report = restore(world.store, target, moment)
        with SoakLibrary.open(target, Settings(library=target)) as library:
            found = verify(library, report)
            assert not found, found
        shutil.rmtree(target)


def finish(world: World, name: str, number: int) -> None:
    """Look at what an operation left that was cut off, do it again, and look at the whole."""
    check_cut(world, name)
    OPERATIONS[name](world, number)
    check_whole(world)


def check_whole(world: World) -> None:
    """What holds once all was done again: exactly the pictures that are there, each with its own vector; no damage."""
    with world.opened() as library:
        # After some steps that were cut off, more than half of a folder may have gone.
        index(library, FolderSource([world.photos]), replace(_OPTIONS, allow_removal=1000))
        found = examine(library)
        # A job or backup that was killed is told of, rightly, and the file of an upload that was.
        if found and all(one.kind in {"job", "backup"} or "/uploads/" in one.message for one in found):
            examine(library, repair=True)
            found = examine(library)
        assert not found, [str(finding) for finding in found]
        _words_are_there(world, library)
        _vectors_are_right(world, library)
        ids = library.catalog.items.live_ids(Modality.IMAGE).tolist()
        in_gallery = library.gallery(Modality.IMAGE).ids().tolist()
        assert sorted(in_gallery) == ids, f"searches know {len(in_gallery)} of {len(ids)} items"
        described = library.items(ids)
        for item in described.values():
            for caption in item.captions:
                assert caption.source is not CaptionSource.MODEL or caption.text.startswith("brightness ")


def _words_are_there(world: World, library: SoakLibrary) -> None:
    with library.catalog.database.read() as connection:
        held = set(connection.execute(select(tags.c.tag)).scalars())
    lost = set(world.noted("written")) - held
    assert not lost, f"tags are lost: {sorted(lost)[:5]}"


def _imports(library: SoakLibrary) -> dict[str, int]:
    """Rows of each import that are live."""
    found: dict[str, int] = {}
    for known in library.catalog.items.known_files(Modality.IMAGE):
        if known.uri.startswith("/imported/"):
            number = known.uri.removeprefix("/imported/").partition("-")[0]
            found[number] = found.get(number, 0) + 1
    return found


def _vectors_are_right(world: World, library: SoakLibrary) -> None:
    """The items below the folder are its files, and each vector is that of its picture."""
    encoder = GreyEncoder()
    known = {
        file.uri: file
        for file in library.catalog.items.known_files(Modality.IMAGE)
        if file.uri.startswith(f"{world.photos}/")
    }
    files = {str(path) for path in world.photos.rglob("*.png") if not path.name.startswith("bad-")}
    assert set(known) == files, sorted(set(known) ^ files)[:5]
    vectors = library.vectors_of([file.id for file in known.values()], library.space())
    for uri, vector in zip(known, vectors, strict=True):
        with decoding(Path(uri).read_bytes(), library.image_limits, target=encoder.image_size) as decoded:
            wanted = encoder.embed_images(encoder.prepare(decoded.picture)[None])[0]
        assert np.allclose(vector, wanted, atol=2e-3), f"{uri} has another picture's vector"


def prepare(world: World) -> None:
    """A first library."""
    world.folder.mkdir(parents=True, exist_ok=True)
    for number in range(_PICTURES):
        write_picture(world.photos / f"folder-{number % 5}" / f"first-{number}.png", number)
    with world.opened() as library:
        library.use_model("grey")
        index(library, FolderSource([world.photos]), _OPTIONS)
        rebuild(library, kind="flat")


def fill_disk(folder: Path) -> Path:
    """Take up all that is free where `folder` lies, by a file that is returned."""
    ballast = folder / "ballast"
    with ballast.open("ab", buffering=0) as file:
        for size in (1 << 20, 1 << 12, 1):
            try:
                while True:
                    file.write(bytes(size))
            except OSError:
                continue
    return ballast
