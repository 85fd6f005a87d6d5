"""The reader itself: drawn text comes back, with where it stands."""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from PIL import Image

from tests.signs import sign
from vasari.retrieval.errors import MissingExtraError
from vasari.retrieval.images.decode import decode
from vasari.retrieval.images.limits import ImageLimits
from vasari.retrieval.models.text_reader import RapidOcrReader


def picture(text: str, turned: int = 0) -> Image.Image:
    return decode(sign(text, turned=turned), ImageLimits()).picture


@pytest.fixture(scope="module")
def reader() -> RapidOcrReader:
    pytest.importorskip("rapidocr")
    return RapidOcrReader()


def test_text_is_read_where_it_stands(reader: RapidOcrReader) -> None:
    """One line, its letters, and corners around the middle of the picture, clockwise from the beginning."""
    (line,) = reader.read(picture("RE16 TGK"))
    assert line.text.replace(" ", "") == "RE16TGK"
    assert line.confidence > 0.8
    (left, top), (right, _), (_, bottom), (last, _) = line.corners
    assert 100 < left < 250 < 390 < right < 540
    assert abs(left - last) < 10
    assert 180 < top < 240 < bottom < 300


@pytest.mark.parametrize("turned", [90, 180])
def test_turned_text_is_read(reader: RapidOcrReader, turned: int) -> None:
    """On its side and on its head."""
    assert [line.text for line in reader.read(picture("HARBOUR", turned))] == ["HARBOUR"]


@pytest.mark.parametrize("size", [(1, 1), (1, 900), (900, 1), (3, 2000), (40, 30)])
def test_pictures_without_room_for_text_have_none(reader: RapidOcrReader, size: tuple[int, int]) -> None:
    """However thin they are."""
    assert reader.read(Image.new("RGB", size, (9, 9, 9))) == []


def test_noise_is_no_text(reader: RapidOcrReader) -> None:
    """Nothing is read in pixels without order."""
    noise = np.random.default_rng(1).integers(0, 256, (300, 400, 3), np.uint8)
    assert reader.read(Image.fromarray(noise)) == []


def test_threads_may_share_a_reader(reader: RapidOcrReader) -> None:
    """Each gets the text of its own picture."""
    words = ["ANCHOR", "BRIDGE", "CASTLE", "DOLPHIN", "ENGINE", "FOREST"]
    with ThreadPoolExecutor(3) as threads:
        found = list(threads.map(reader.read, map(picture, words)))
    assert [line.text for lines in found for line in lines] == words


def test_the_reader_names_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the package one line says what to install."""
    monkeypatch.setitem(sys.modules, "rapidocr", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'vasari\[ocr\]'"):
        RapidOcrReader()
