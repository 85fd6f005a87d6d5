"""Memory of decoding: a budget for all threads, strips instead of copies, and what is foreseen by headers."""

from __future__ import annotations

import io
import struct
import threading
import zlib
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.patience import until
from vasari.retrieval import cancellation
from vasari.retrieval.errors import AbandonedError, ImageError
from vasari.retrieval.images.colour import in_srgb
from vasari.retrieval.images.decode import decode, probe, weigh
from vasari.retrieval.images.headers import png_picture
from vasari.retrieval.images.limits import Budget, ImageLimits, check_together


def encoded(mode: str, size: tuple[int, int], kind: str, **options: Any) -> bytes:
    """A picture of one colour."""
    buffer = io.BytesIO()
    Image.new(mode, size).save(buffer, kind, **options)
    return buffer.getvalue()


def test_no_more_is_held_than_the_budget() -> None:
    """Twelve threads with 40 bytes each share 100: two at a time."""
    budget, most, lock, pair = Budget(), [0], threading.Lock(), threading.Barrier(2)

    def decode() -> None:
        with budget.hold(40, 100):
            with lock:
                most.append(budget.held)
            pair.wait()

    threads = [threading.Thread(target=decode) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert max(most) == 80
    assert budget.held == 0


def test_what_exceeds_the_budget_is_decoded_alone() -> None:
    """One picture larger than all that is allowed waits until nothing else is held, and those behind wait for it."""
    budget, order = Budget(), []

    def take(size: int) -> None:
        with budget.hold(size, 100):
            order.append((size, budget.held))

    with budget.hold(10, 100):
        large = threading.Thread(target=take, args=(500,))
        large.start()
        until(lambda: budget.waiting == 1)
        small = threading.Thread(target=take, args=(20,))
        small.start()
        until(lambda: budget.waiting == 2)
        assert order == []
    large.join()
    small.join()
    assert order == [(500, 500), (20, 20)]


def test_who_leaves_does_not_wait_for_memory() -> None:
    """A caller that has left gives its place in the line up."""
    budget, flag = Budget(), threading.Event()
    flag.set()
    with (
        budget.hold(100, 100),
        cancellation.watching(flag),
        pytest.raises(AbandonedError),
        budget.hold(1, 100),
    ):
        pass
    with budget.hold(100, 100):
        assert budget.held == 100


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "LA", "P", "CMYK", "I;16", "I", "F", "1"])
def test_strips_give_the_same_picture(mode: str) -> None:
    """A picture converted some rows at a time is the picture converted at once."""
    noise = np.random.default_rng(1).integers(0, 256, (37, 20, 4), dtype=np.uint8)
    if mode in ("I;16", "I", "F"):
        numbers = noise[..., 0].astype({"I;16": np.uint16, "I": np.int32, "F": np.float32}[mode])
        image = Image.fromarray(numbers * 100)
    else:
        image = Image.fromarray(noise, "RGBA").convert(mode)
    whole = in_srgb(image, b"", 16, None)
    strips = in_srgb(image, b"", 16, None, at_once=100)
    assert np.array_equal(np.asarray(strips), np.asarray(whole))


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_large_pictures_of_any_format_are_reduced(kind: str) -> None:
    """What has far more pixels than its reader wants comes smaller, but with about two targets; facts stay."""
    data = encoded("L", (5000, 4000), kind)
    found = decode(data, ImageLimits(), target=400)
    assert found.picture.size == (1000, 800)
    assert (found.info.width, found.info.height) == (5000, 4000)
    assert decode(data, ImageLimits(), target=1200).picture.size == (5000, 4000)


def test_headers_tell_the_memory() -> None:
    """By format and size, before anything is decoded; a JPEG that is read at an eighth takes little."""
    limits, mebi = ImageLimits(), 2**20
    png = weigh(encoded("RGBA", (2000, 2000), "PNG"), limits)
    webp = weigh(encoded("RGB", (2000, 2000), "WEBP", lossless=True), limits)
    jpeg = encoded("RGB", (2000, 2000), "JPEG")
    assert 16 * mebi * 0.9 < png < 64 * mebi
    assert webp > png
    assert weigh(jpeg, limits, target=100) < 1 * mebi < 30 * mebi < weigh(jpeg, limits)
    progressive = encoded("RGB", (2000, 2000), "JPEG", progressive=True)
    assert weigh(progressive, limits, target=100) > 20 * mebi


def test_pictures_of_one_request_are_weighed_together() -> None:
    """Many that are fine alone are too much together, in one plain line."""
    limits = ImageLimits(decode_bytes=2**20)
    check_together(8 * 2**20, limits)
    with pytest.raises(ImageError, match=r"the pictures of one request take 0.0.* GiB of memory") as refused:
        check_together(9 * 2**20, limits)
    assert refused.value.stage == "limit"


def test_a_jpeg_of_endless_scans_is_refused() -> None:
    """A few bytes make a scan of a progressive JPEG, and each takes as long as a whole picture."""
    data = encoded("RGB", (2000, 2000), "JPEG", progressive=True)
    scan = data[data.rfind(b"\xff\xda") : -2]
    with pytest.raises(ImageError, match=r"goes over its 2000 × 2000 pixels \d+ times") as refused:
        probe(data[:-2] + scan * 200 + b"\xff\xd9", ImageLimits())
    assert refused.value.stage == "limit"
    assert probe(data, ImageLimits()).width == 2000


def test_text_and_profile_bombs_of_a_png_do_no_harm() -> None:
    """Chunks that unpack to 20 MB: text never reaches the decoder, a profile of that size is none."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    data, zeros = encoded("RGB", (8, 8), "PNG"), zlib.compress(bytes(20_000_000))
    bomb = data[:33] + chunk(b"iCCP", b"x\0\0" + zeros) + chunk(b"zTXt", b"x\0\0" + zeros) + data[33:]
    assert decode(bomb, ImageLimits()).picture.tobytes() == bytes(8 * 8 * 3)
    clean, header = png_picture(bomb)
    assert (clean, header.profile) == (data, b"")
