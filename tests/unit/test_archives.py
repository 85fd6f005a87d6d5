"""Archives of every kind, and what programs put into them: one bad member hides no other."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import random
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from vasari.indexer.sources.detect import choose_source
from vasari.indexer.sources.source import Candidate, SourceKind
from vasari.retrieval.domain import Caption, Skipped
from vasari.retrieval.errors import ImageError
from vasari.retrieval.images.limits import ImageLimits
from vasari.retrieval.storage.reader import open_original

LIMITS = ImageLimits()


def _tar(members: dict[str, bytes], how: Callable[[tarfile.TarInfo], None] = lambda _: None) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name, data in members.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            how(entry)
            tar.addfile(entry, io.BytesIO(data))
    return buffer.getvalue()


def _zip(members: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(zipfile.ZipInfo(name), data)
    return buffer.getvalue()


def _read(archive: Path) -> tuple[dict[str, bytes], list[str]]:
    """What each picture's uri leads to, by its name in the archive, and what is wrong with the others."""
    source, kinds = choose_source([archive])
    assert kinds == {SourceKind.WEBDATASET}
    found: dict[str, bytes] = {}
    wrong: list[str] = []
    for entry in source.candidates():
        name = entry.uri.removeprefix(f"{archive}#")
        if isinstance(entry, Skipped):
            wrong.append(f"{name}: {entry.reason}")
        else:
            found[name] = open_original(entry.uri, LIMITS)
    return found, wrong


TWO = {"IMG_1.jpg": b"one", "IMG_1.JPG": b"two"}
PACKED: dict[str, Callable[[bytes], bytes]] = {
    "t.tar": lambda data: data,
    "t.tar.gz": gzip.compress,
    "t.tgz": gzip.compress,
    "t.tar.bz2": bz2.compress,
    "t.tar.xz": lzma.compress,
}


@pytest.mark.parametrize("name", PACKED)
@pytest.mark.parametrize("packed", PACKED.values(), ids=PACKED.keys())
def test_a_tar_is_known_by_its_bytes_and_keeps_names_that_differ_in_case_only(
    tmp_path: Path, name: str, packed: Callable[[bytes], bytes]
) -> None:
    """Packed or not, whatever its name says; both pictures are items."""
    (tmp_path / name).write_bytes(packed(_tar(TWO)))
    assert _read(tmp_path / name) == (TWO, [])


@pytest.mark.parametrize("name", ["t.zip", "t.tar", "a#b?c%20d.tar#.zip"])
def test_a_zip_is_known_by_its_bytes_whatever_its_name(tmp_path: Path, name: str) -> None:
    """Signs that mean something in uris, in the archive's name too, lead back to the member."""
    members = {
        **TWO,
        "a#b.jpg": b"3",
        "100%25?.jpg": b"4",
        "x\ny.jpg": b"5",
        "a.tar#b.jpg": b"6",
        "tri\\p.jpg": b"7",
    }
    (tmp_path / name).write_bytes(_zip(members))
    assert _read(tmp_path / name) == (members, [])


def test_names_that_lead_elsewhere_are_only_names(tmp_path: Path) -> None:
    """Absolute, or with dots: read from the archive, never from the disk."""
    members = {"/etc/a.jpg": b"1", "../../b.jpg": b"2", "./c.jpg": b"3"}
    (tmp_path / "t.zip").write_bytes(_zip(members))
    (tmp_path / "t.tar").write_bytes(_tar(members))
    assert _read(tmp_path / "t.zip") == _read(tmp_path / "t.tar") == (members, [])


def test_of_two_members_of_one_name_the_last_is_taken(tmp_path: Path) -> None:
    """As unpacking would leave them."""
    with zipfile.ZipFile(tmp_path / "t.zip", "w") as archive:
        archive.writestr("a.jpg", b"old")
        with pytest.warns(UserWarning, match="Duplicate"):
            archive.writestr("a.jpg", b"new")
    assert _read(tmp_path / "t.zip") == ({"a.jpg": b"new"}, [])


def test_links_in_a_tar_are_what_they_lead_to(tmp_path: Path) -> None:
    """Hard and symbolic, before or after their target; one that leads out is a failure of its own."""

    def linked(entry: tarfile.TarInfo) -> None:
        kinds = {"hard.jpg": (tarfile.LNKTYPE, "in/a.jpg"), "in/soft.jpg": (tarfile.SYMTYPE, "a.jpg")}
        kinds["out.jpg"] = (tarfile.SYMTYPE, "/etc/passwd")
        if entry.name in kinds:
            entry.type, entry.linkname = kinds[entry.name]
            entry.size = 0

    members = {"in/soft.jpg": b"", "in/a.jpg": b"picture", "hard.jpg": b"", "out.jpg": b""}
    (tmp_path / "t.tar").write_bytes(_tar(members, linked))
    found, wrong = _read(tmp_path / "t.tar")
    assert found == dict.fromkeys(["in/a.jpg", "in/soft.jpg", "hard.jpg"], b"picture")
    assert wrong == ["out.jpg: it is a link to /etc/passwd, which is not in the archive"]


def test_members_that_cannot_be_unpacked_are_failures_of_their_own(tmp_path: Path) -> None:
    """Encrypted, and packed by a method that is not known; the one beside them is taken."""
    data = bytearray(_zip({"a.jpg": b"1", "b.jpg": b"2", "c.jpg": b"3"}))
    first = data.index(b"PK\x01\x02")
    second = data.index(b"PK\x01\x02", first + 1)
    data[first + 8] |= 1
    data[second + 10] = 98
    (tmp_path / "t.zip").write_bytes(bytes(data))
    found, wrong = _read(tmp_path / "t.zip")
    assert found == {"c.jpg": b"3"}
    assert ["encrypted" in wrong[0], "number 98" in wrong[1]] == [True, True]


def test_a_packed_tar_with_a_damaged_block_gives_what_is_before_it(tmp_path: Path) -> None:
    """As one that breaks off does."""
    noise = {f"{number}.jpg": random.Random(number).randbytes(40_000) for number in range(4)}
    data = bytearray(gzip.compress(_tar(noise), 1))
    data[len(data) * 6 // 10 :] = bytes(len(data) - len(data) * 6 // 10)
    (tmp_path / "t.tgz").write_bytes(data)
    *entries, trouble = choose_source([tmp_path / "t.tgz"])[0].candidates()
    assert [open_original(entry.uri, LIMITS) for entry in entries[:2]] == [noise["0.jpg"], noise["1.jpg"]]
    assert isinstance(trouble, Skipped)
    assert "damaged" in trouble.reason


def test_names_in_utf8_and_in_dos_letters_are_read(tmp_path: Path) -> None:
    """Many programs write UTF-8 without saying so."""
    data = _zip({"été.jpg": b"1"})
    flag = data.index(b"PK\x01\x02") + 9
    for place in (7, flag):
        data = data[:place] + bytes([data[place] & ~0x08]) + data[place + 1 :]
    (tmp_path / "t.zip").write_bytes(data)
    assert _read(tmp_path / "t.zip") == ({"été.jpg": b"1"}, [])
    (tmp_path / "dos.zip").write_bytes(data.replace("été".encode(), b"\x82t\x82ab"))
    assert _read(tmp_path / "dos.zip") == ({"étéab.jpg": b"1"}, [])


def test_times_of_members_hurt_nobody(tmp_path: Path) -> None:
    """Before 1970, beyond 2262, and those that zip cannot say."""

    def odd(entry: tarfile.TarInfo) -> None:
        entry.mtime = -(10**12) if entry.name == "a.jpg" else 10**15

    (tmp_path / "t.tar").write_bytes(_tar({"a.jpg": b"1", "b.jpg": b"2"}, odd))
    assert _read(tmp_path / "t.tar") == ({"a.jpg": b"1", "b.jpg": b"2"}, [])
    entry = zipfile.ZipInfo("a.jpg", (2107, 12, 31, 23, 59, 58))
    with zipfile.ZipFile(tmp_path / "t.zip", "w") as archive:
        archive.writestr(entry, b"1")
    assert _read(tmp_path / "t.zip") == ({"a.jpg": b"1"}, [])


@pytest.mark.parametrize("pack", [lambda data: data, gzip.compress], ids=["plain", "packed"])
def test_of_an_archive_that_breaks_off_what_is_whole_is_read(
    tmp_path: Path, pack: Callable[[bytes], bytes]
) -> None:
    """The rest is one failure, and nothing is taken for gone."""
    noise = {f"{number}.jpg": random.Random(number).randbytes(4000) for number in range(4)}
    whole = pack(_tar(noise))
    (tmp_path / "t.tar").write_bytes(whole[: len(whole) * 6 // 10])
    source = choose_source([tmp_path / "t.tar"])[0]
    entries = list(source.candidates())
    assert [entry.uri[-5:] for entry in entries[:2]] == ["0.jpg", "1.jpg"]
    assert isinstance(entries[-1], Skipped)
    assert "damaged" in entries[-1].reason
    assert not source.covers(f"{tmp_path}/t.tar#3.jpg")


@pytest.mark.parametrize("described", [False, True])
def test_of_a_zip_that_breaks_off_the_members_before_are_read(tmp_path: Path, described: bool) -> None:
    """Its directory is made anew, also where sizes stand behind the data, as streams are written."""

    class Stream(io.RawIOBase):
        def __init__(self) -> None:
            self.data = b""

        def writable(self) -> bool:
            return True

        def write(self, data: Any) -> int:
            self.data += bytes(data)
            return len(data)

    noise = {f"{number}.jpg": random.Random(number).randbytes(4000) for number in range(4)}
    stream = Stream()
    target: Any = stream if described else io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in noise.items():
            archive.writestr(name, data)
    whole = stream.data if described else target.getvalue()
    (tmp_path / "t.zip").write_bytes(whole[: len(whole) * 6 // 10])
    found, wrong = _read(tmp_path / "t.zip")
    assert found == {name: noise[name] for name in ("0.jpg", "1.jpg")}
    assert len(wrong) == 1
    assert "damaged" in wrong[0]


def test_a_bomb_costs_no_more_than_the_limit(tmp_path: Path) -> None:
    """A member is unpacked up to the limit, a packed tar up to a thousand times its size."""
    (tmp_path / "t.zip").write_bytes(_zip({"a.jpg": bytes(5_000_000)}))
    with pytest.raises(ImageError, match="the limit is 1,000") as caught:
        open_original(f"{tmp_path}/t.zip#a.jpg", ImageLimits(max_bytes=1000))
    assert caught.value.stage == "limit"


@pytest.mark.parametrize("content", [b"", b"no archive at all", b"PK\x05\x06", b"\x1f\x8bno"])
@pytest.mark.parametrize("name", ["t.tar", "t.zip"])
def test_what_is_no_archive_is_one_failure(tmp_path: Path, name: str, content: bytes) -> None:
    """In words, and nothing else is raised."""
    (tmp_path / name).write_bytes(content)
    (entry,) = choose_source([tmp_path / name])[0].candidates()
    assert isinstance(entry, Skipped)
    assert "damaged" in entry.reason


def test_texts_belong_to_the_picture_of_their_whole_name_or_of_its_key(tmp_path: Path) -> None:
    """`a.b.txt` is of `a.b.jpg`; `k.txt` of `k.mask.jpg`, too; a .cls is a class."""
    members = {
        "a.b.jpg": b"",
        "a.b.txt": b"dots",
        "k.jpg": b"",
        "k.mask.jpg": b"",
        "k.txt": b"key",
        "k.cls": b"7",
    }
    (tmp_path / "t.tar").write_bytes(_tar(members))
    said = {}
    for entry in choose_source([tmp_path / "t.tar"])[0].candidates():
        assert isinstance(entry, Candidate)
        told = entry.completed(1)
        said[entry.uri.rpartition("#")[2]] = (told.captions, dict(told.attributes))
    assert said == {
        "a.b.jpg": ((Caption("dots"),), {}),
        "k.jpg": ((Caption("key"),), {"cls": 7}),
        "k.mask.jpg": ((Caption("key"),), {"cls": 7}),
    }


def test_a_folder_called_like_an_archive_is_a_folder(tmp_path: Path) -> None:
    """And what is in it are files."""
    (tmp_path / "x.zip").mkdir()
    (tmp_path / "x.zip" / "a.jpg").write_bytes(b"1")
    (entry,) = choose_source([tmp_path / "x.zip"])[0].candidates()
    assert open_original(entry.uri, LIMITS) == b"1"


def test_behind_a_damaged_header_of_a_tar_the_members_are_read(tmp_path: Path) -> None:
    """tarfile takes it for the end; the archive is said to be damaged, so that nothing in it is taken for gone."""
    data = bytearray(_tar({f"{number}.jpg": b"x" * 700 for number in range(4)}))
    data[data.index(b"1.jpg")] ^= 1
    (tmp_path / "t.tar").write_bytes(data)
    found, wrong = _read(tmp_path / "t.tar")
    assert list(found) == ["0.jpg", "2.jpg", "3.jpg"]
    assert len(wrong) == 1
    assert "damaged" in wrong[0]
