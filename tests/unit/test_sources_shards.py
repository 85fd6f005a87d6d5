"""Shards and archives: damage, changes, and what they say of their pictures."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import forms
from tests.grey import GreyLibrary
from vasari.indexer.job import IndexOptions, index
from vasari.indexer.sources.detect import choose_source
from vasari.indexer.sources.samples import described, key_of
from vasari.indexer.sources.source import Description
from vasari.retrieval.domain import Caption, Modality
from vasari.retrieval.errors import ImageError
from vasari.retrieval.images.limits import ImageLimits
from vasari.retrieval.storage.reader import open_original
from vasari.retrieval.storage.uris import Place, locate


@pytest.fixture
def library(tmp_path: Path) -> Iterator[GreyLibrary]:
    with GreyLibrary.open(tmp_path / "library", create=True) as opened:
        yield opened


def _uris(library: GreyLibrary) -> list[str]:
    return sorted(file.uri for file in library.catalog.items.known_files(Modality.IMAGE))


# Between members, in a header, in a picture: the size is 512 blocks.
@pytest.mark.parametrize("share", [0.5, 0.53, 0.6])
def test_a_shard_cut_off_gives_what_is_whole_and_removes_nothing(
    library: GreyLibrary, tmp_path: Path, share: float
) -> None:
    """A download that broke off is a failure; pictures of the whole shard stay until it is whole again."""
    samples = forms.write_folder(tmp_path / "photos", 8)
    shard = forms.write_shard(tmp_path / "shards" / "0.tar", samples)
    whole = shard.read_bytes()
    shard.write_bytes(whole[: int(len(whole) * share)])
    report = index(library, choose_source([shard])[0])
    assert 0 < report.added < 8
    assert [failure.uri for failure in library.catalog.failures.latest()] == [str(shard)]
    shard.write_bytes(whole)
    assert index(library, choose_source([shard])[0]).failed == 0
    assert len(_uris(library)) == 8
    shard.write_bytes(whole[: int(len(whole) * share)])
    assert index(library, choose_source([shard])[0]).removed == 0


def test_a_shard_that_vanishes_from_its_folder_takes_its_pictures_along(
    library: GreyLibrary, tmp_path: Path
) -> None:
    """The others stay; a sample that is in the shard no more goes too."""
    samples = forms.write_folder(tmp_path / "photos", 6)
    shards = tmp_path / "shards"
    forms.write_shard(shards / "0.tar", samples[:3])
    forms.write_shard(shards / "1.tar", samples[3:])
    index(library, choose_source([shards])[0])
    (shards / "0.tar").unlink()
    forms.write_shard(shards / "1.tar", samples[4:])
    assert index(library, choose_source([shards])[0], IndexOptions(allow_removal=4)).removed == 4
    assert _uris(library) == [f"{shards}/1.tar#{sample.name}" for sample in samples[4:]]


def test_pictures_of_an_archive_are_found_by_its_path(library: GreyLibrary, tmp_path: Path) -> None:
    """So that `vasari remove all.zip` works."""
    archive = forms.write_zip(tmp_path / "all.zip", forms.write_folder(tmp_path / "photos", 4))
    index(library, choose_source([archive])[0])
    assert len(list(library.catalog.items.known_files(Modality.IMAGE, [str(archive)]))) == 4


def test_an_archive_changed_since_gives_its_new_members_and_misses_old_ones(tmp_path: Path) -> None:
    """What was remembered of the old file is forgotten."""
    samples = forms.write_folder(tmp_path / "photos", 2)
    shard = forms.write_shard(tmp_path / "0.tar", samples[:1])
    limits = ImageLimits()
    assert open_original(f"{shard}#00000.png", limits) == samples[0].data
    forms.write_shard(shard, [*samples[1:], *samples[1:]])
    assert open_original(f"{shard}#00001.png", limits) == samples[1].data
    with pytest.raises(ImageError, match="any more"):
        open_original(f"{shard}#00000.png", limits)


def test_members_beyond_the_limit_are_not_unpacked(tmp_path: Path) -> None:
    """A small zip can hold a huge member."""
    with zipfile.ZipFile(tmp_path / "bomb.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.png", bytes(10**6))
    with pytest.raises(ImageError) as caught:
        open_original(f"{tmp_path / 'bomb.zip'}#a.png", ImageLimits(max_bytes=1000))
    assert caught.value.stage == "limit"


def test_originals_at_urls_can_be_forbidden() -> None:
    """For services that must not reach out."""
    with pytest.raises(ImageError, match="may not read"):
        open_original("https://photos.example/a.jpg", ImageLimits(), remote=False)


@pytest.mark.parametrize(
    ("uri", "place"),
    [
        ("/a/b.jpg", Place("/a/b.jpg")),
        ("/a/b#1.jpg", Place("/a/b#1.jpg")),
        ("/a/b.TAR#x/y#1.jpg", Place("/a/b.TAR", "x/y#1.jpg")),
        ("s3://bucket/b.zip#y.jpg", Place("s3://bucket/b.zip", "y.jpg")),
        ("https://host/page.html#part", Place("https://host/page.html#part")),
    ],
)
def test_a_uri_says_which_file_to_open(uri: str, place: Place) -> None:
    """Only archives and tables have members."""
    assert locate(uri) == place


def test_a_file_named_like_a_member_is_that_file(tmp_path: Path) -> None:
    """Names may hold any character."""
    odd = tmp_path / "a.tar#b.png"
    odd.write_bytes(b"itself")
    assert open_original(str(odd), ImageLimits()) == b"itself"


def test_the_parts_of_a_sample_share_all_before_the_first_dot() -> None:
    """webdataset's rule."""
    assert key_of("a.b/c.seg.PNG") == ("a.b/c", ".seg.png")
    assert key_of(".hidden.txt") == (".hidden", ".txt")


def test_each_line_of_a_text_is_a_caption_and_json_gives_attributes() -> None:
    """What img2dataset notes about its own work is left out; broken JSON is a trouble, and leaves the rest."""

    def read(parts: dict[str, bytes]) -> Description:
        return described({suffix: suffix for suffix in parts}, parts.__getitem__)

    facts = {"caption": "unused", "url": "https://host/a.jpg", "status": "success", "width": 3, "empty": None}
    found = read({".txt": b"a boat\n\nein Boot\n", ".json": json.dumps(facts).encode()})
    assert found.captions == (Caption("a boat"), Caption("ein Boot"))
    assert found.attributes == {"url": "https://host/a.jpg"}
    assert read({".json": b'{"caption": "a boat"}'}).captions == (Caption("a boat"),)
    for wrong, reason in (
        (b"{", "not valid JSON"),
        (b"[1]", "not a JSON object"),
        (b"[" * 9000, "too deeply"),
    ):
        broken = read({".txt": b"a boat", ".json": wrong})
        assert broken.captions == (Caption("a boat"),)
        assert [(trouble.uri, reason in trouble.reason) for trouble in broken.troubles] == [(".json", True)]
