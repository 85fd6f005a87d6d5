"""What other programs wrote about a picture is read from EXIF, IPTC and XMP, in the file and beside it."""

from __future__ import annotations

import io
import struct
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.data.metadata.corpus import ARCHIVE, Case, cases
from vasari.indexer.sources.folder import FolderWithTexts
from vasari.indexer.sources.source import Candidate
from vasari.retrieval.images.decode import decode
from vasari.retrieval.images.iptc import read_iptc
from vasari.retrieval.images.limits import ImageLimits
from vasari.retrieval.images.xmp import LARGEST, XmpError, read_xmp

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
