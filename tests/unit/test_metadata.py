"""What other programs wrote about a picture is read from EXIF, IPTC and XMP, in the file and beside it."""

from __future__ import annotations

import io
import json
import shutil
import struct
import subprocess
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import fsspec
import numpy as np
import pytest
from PIL import Image

from tests.data.metadata.corpus import ARCHIVE, XMP, Case, cases
from tests.grey import GreyLibrary
from vasari.indexer.job import index
from vasari.indexer.sources.detect import choose_source
from vasari.indexer.sources.folder import FolderWithTexts
from vasari.indexer.sources.source import Candidate
from vasari.retrieval.domain import Modality
from vasari.retrieval.images.decode import decode
from vasari.retrieval.images.iptc import read_iptc
from vasari.retrieval.images.limits import ImageLimits
from vasari.retrieval.images.xmp import LARGEST, XmpError, read_xmp
from vasari.retrieval.images.xmp_writer import Words, with_words

CASES = cases()
_RDF = 'xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns:dc="http://purl.org/dc/elements/1.1/"'


@pytest.fixture(scope="module")
def corpus() -> zipfile.ZipFile:
    return zipfile.ZipFile(ARCHIVE)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_corpus_is_read_as_its_table_says(corpus: zipfile.ZipFile, case: Case) -> None:
    """Each field, in each carrier and spelling, is what was written; what is broken is a note, not a failure."""
    data = corpus.read(case.name)
    if case.name.endswith(".xmp"):
        if case.expected is None:
            with pytest.raises(XmpError):
                read_xmp(data)
        else:
            assert read_xmp(data) == case.expected
        return
    facts = decode(data, ImageLimits()).info.exif
    if case.expected is None:
        assert facts.keys() == {"metadata_note"}
    else:
        assert facts == case.expected


def test_the_corpus_is_as_large_as_it_should_be() -> None:
    """150 cases at least, all in the archive."""
    assert len({case.name for case in CASES}) == len(CASES) >= 150
    assert set(zipfile.ZipFile(ARCHIVE).namelist()) == {case.name for case in CASES}


def _packet(subject: str) -> bytes:
    bag = f"<dc:subject><rdf:Bag><rdf:li>{subject}</rdf:li></rdf:Bag></dc:subject>"
    return f'<rdf:RDF {_RDF}><rdf:Description rdf:about="">{bag}</rdf:Description></rdf:RDF>'.encode()


def _jpeg(*segments: bytes) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (8, 8)).save(buffer, "JPEG")
    parts = [b"\xff\xe1" + struct.pack(">H", len(body) + 2) + body for body in segments]
    return buffer.getvalue()[:2] + b"".join(parts) + buffer.getvalue()[2:]


def _extended(packet: bytes, *pieces: tuple[int, int]) -> list[bytes]:
    start = b"http://ns.adobe.com/xmp/extension/\0" + b"0" * 32
    return [start + struct.pack(">LL", len(packet), low) + packet[low:high] for low, high in pieces]


def test_a_packet_in_several_segments_is_put_together() -> None:
    """Extended XMP counts in any order of its parts; where one is missing, the rest is read with a note."""
    main = b"http://ns.adobe.com/xap/1.0/\0" + _packet("").replace(b"dc:subject", b"dc:creator")
    packet = _packet("in the extension")
    whole = _jpeg(main, *_extended(packet, (100, 999), (0, 100)))
    assert decode(whole, ImageLimits()).info.exif == {"keywords": ["in the extension"]}
    half = decode(_jpeg(main, *_extended(packet, (0, 100))), ImageLimits()).info.exif
    assert half == {"metadata_note": "its extended XMP is incomplete"}


@pytest.mark.parametrize("packet", [b"<a>" * 100_000, _packet("x" * LARGEST), b"\xff\xfe" + b"<" * 99])
def test_hostile_packets_are_refused(packet: bytes) -> None:
    """Nesting without end, absurd sizes and half letters are errors of XMP and of nothing else."""
    with pytest.raises(XmpError):
        read_xmp(packet)


def test_no_bytes_make_the_readers_fail() -> None:
    """Whatever is broken in a block, the picture is read."""
    rng = np.random.default_rng(7)
    good = zipfile.ZipFile(ARCHIVE)
    iptc, packet = b"\x1c\x02\x19\x00\x05Hafen" * 20, good.read("shorthand.xmp")
    for _ in range(300):
        for block in (iptc, packet):
            broken = bytearray(block)
            for place in rng.integers(0, len(block), 3):
                broken[place] = rng.integers(256)
            read_iptc(bytes(broken))
            try:
                read_xmp(bytes(broken))
            except XmpError:
                continue


def _described(folder: Path) -> dict[str, Candidate]:
    found = FolderWithTexts([folder]).candidates()
    return {Path(one.uri).name: one.completed(1) for one in found if isinstance(one, Candidate)}


def test_sidecars_belong_to_their_pictures(tmp_path: Path) -> None:
    """`a.xmp` is of all pictures of that name, `a.jpg.xmp` of one; a broken one is told of; a change is a change."""
    for name in ("a.jpg", "a.png", "b.jpg", "c.jpg"):
        (tmp_path / name).write_bytes(b"x")
    (tmp_path / "a.xmp").write_bytes(_packet("both"))
    (tmp_path / "a.jpg.xmp").write_bytes(_packet("one"))
    (tmp_path / "b.xmp").write_bytes(b"<broken")
    (tmp_path / "b.json").write_text('{"camera": "of another program"}')
    before = _described(tmp_path)
    assert before["a.jpg"].attributes == {"keywords": ["one"]}
    assert before["a.png"].attributes == {"keywords": ["both"]}
    assert before["c.jpg"].attributes == {}
    assert before["c.jpg"].teller == ""
    assert before["b.jpg"].attributes == {}
    assert "damaged" in before["b.jpg"].troubles[0].reason
    single = next(iter(FolderWithTexts([tmp_path / "a.jpg"]).candidates()))
    assert isinstance(single, Candidate)
    assert single.completed(1).attributes == {"keywords": ["one"]}
    (tmp_path / "a.jpg.xmp").write_bytes(_packet("changed"))
    after = _described(tmp_path)
    assert after["a.jpg"].stamp != before["a.jpg"].stamp
    assert after["a.png"].stamp == before["a.png"].stamp


def _in_zip(folder: Path, target: Path) -> str:
    with zipfile.ZipFile(target / "photos.zip", "w") as archive:
        for file in sorted(folder.iterdir()):
            archive.write(file, file.name)
    return str(target / "photos.zip")


def _in_bucket(folder: Path, target: Path) -> str:
    memory = fsspec.filesystem("memory")
    for file in folder.iterdir():
        memory.pipe_file(f"{target}/{file.name}", file.read_bytes())
    return f"memory:/{target}"


@pytest.mark.parametrize("pack", [_in_zip, _in_bucket])
def test_sidecars_are_read_in_archives_and_buckets(pack: Callable[[Path, Path], str], tmp_path: Path) -> None:
    """As in a folder; where a sidecar changes, what it says does, and the picture is not embedded again."""
    folder = tmp_path / "folder"
    folder.mkdir()
    for shade, name in enumerate(("a.jpg", "a.png", "c.png")):
        Image.new("RGB", (8, 8), (shade * 40,) * 3).save(folder / name)
    (folder / "a.xmp").write_bytes(_packet("both"))
    (folder / "a.jpg.xmp").write_bytes(_packet("one"))
    with GreyLibrary.open(tmp_path / "library", create=True) as library:
        index(library, choose_source([pack(folder, tmp_path)])[0])
        for keyword, name in (("one", "a.jpg"), ("both", "a.png")):
            (item,) = library.catalog.filters.matching(f"tag:{keyword}", Modality.IMAGE).tolist()
            assert library.items([item])[item].uri.endswith(name)
        (folder / "a.jpg.xmp").write_bytes(_packet("changed"))
        report = index(library, choose_source([pack(folder, tmp_path)])[0])
        assert (report.added, report.updated, report.failed) == (0, 0, 0)
        assert len(library.catalog.filters.matching("tag:changed", Modality.IMAGE)) == 1
        assert len(library.catalog.filters.matching("tag:one", Modality.IMAGE)) == 0


def test_words_that_xml_cannot_hold_are_written_as_they_are_read() -> None:
    """Control characters and line breaks of a tag: the sidecar stays well-formed, and says it already the next time."""
    words = Words(["a\x01b", "two\nlines", "\x02"], {"x-default": "one\x0b two\nthree\ufffe"}, 3)
    written = with_words(None, words)
    assert written is not None
    assert read_xmp(written) == {
        "keywords": ["a b", "two lines"],
        "description": "one two three",
        "rating": 3,
    }
    assert b"one  two\nthree" in written
    assert with_words(written, words) is None


def _sidecar(bag: str = "", more: str = "") -> bytes:
    subject = f"<dc:subject><rdf:Bag>{bag}</rdf:Bag></dc:subject>" if bag else ""
    spaces = f'{_RDF} xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmlns:my="http://example.org/my/"'
    inner = (
        f'<rdf:Description rdf:about="" xmp:Rating="2" my:tone="a&#10;b">{subject}{more}</rdf:Description>'
    )
    return f"<?xpacket begin=''?><!-- mine --><rdf:RDF {spaces}>{inner}</rdf:RDF><?xpacket end='w'?>".encode()


def test_words_are_put_beside_what_a_sidecar_has() -> None:
    """Keywords are added, the description and rating replaced, languages and unknown properties stay; twice is once."""
    german = (
        '<dc:description><rdf:Alt><rdf:li xml:lang="de">ein &lt;Boot></rdf:li></rdf:Alt></dc:description>'
    )
    before = _sidecar("<rdf:li>sea</rdf:li>", german + "<my:list>\n <my:x/>\n</my:list>")
    words = Words(["sea", "été & co"], {"x-default": "a boat"}, 5)
    after = with_words(before, words)
    assert after is not None
    assert read_xmp(after) == {"keywords": ["sea", "été & co"], "description": "a boat", "rating": 5}
    for kept in (
        'xml:lang="de">ein &lt;Boot',
        "<!-- mine -->",
        'my:tone="a&#10;b"',
        "<my:list>\n <my:x/>\n</my:list>",
    ):
        assert kept in after.decode()
    assert with_words(after, words) is None
    assert with_words(before, Words()) is None
    fresh = with_words(None, words)
    assert fresh is not None
    assert read_xmp(fresh) == read_xmp(after)
    with pytest.raises(XmpError):
        with_words(b"<html/>", words)


def test_no_sidecar_of_the_corpus_loses_anything(corpus: zipfile.ZipFile) -> None:
    """What is read of a sidecar is read of it after words were added, and with them."""
    for case in CASES:
        if case.name.endswith(".xmp") and case.expected is not None:
            after = with_words(corpus.read(case.name), Words(["new"], None, 1))
            assert after is not None
            keywords = [*case.expected.get("keywords", []), "new"]
            assert read_xmp(after) == {**case.expected, "keywords": keywords, "rating": 1}, case.name


@pytest.mark.skipif(shutil.which("exiftool") is None, reason="exiftool is not installed")
def test_exiftool_reads_what_was_written_and_back(tmp_path: Path) -> None:
    """A sidecar of exiftool keeps every tag that exiftool sees in it; what exiftool rewrites is read here as before."""
    sidecar = tmp_path / "a.xmp"
    told = [one for told, _ in XMP.values() for one in told]
    _exiftool("-q", *told, str(sidecar))
    before = _seen(sidecar)
    after = with_words(sidecar.read_bytes(), Words(["new", "日落"], {"x-default": "said « here »"}, 3))
    assert after is not None
    sidecar.write_bytes(after)
    seen = _seen(sidecar)
    changed = {"XMP:Subject": [*_listed(before["XMP:Subject"]), "new", "日落"], "XMP:Rating": 3}
    assert seen == {**before, **changed, "XMP:Description": "said « here »"}
    ours = read_xmp(after)
    _exiftool("-q", "-overwrite_original", "-XMP-xmp:Label=Blue", str(sidecar))
    assert read_xmp(sidecar.read_bytes()) == {**ours, "label": "Blue"}


def _exiftool(*words: str) -> bytes:
    return subprocess.run(["exiftool", *words], check=True, capture_output=True).stdout


def _seen(file: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(_exiftool("-j", "-G", "-struct", "-n", "-XMP:all", str(file)))[0]
    return {name: value for name, value in found.items() if name not in ("SourceFile", "XMP:XMPToolkit")}


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
