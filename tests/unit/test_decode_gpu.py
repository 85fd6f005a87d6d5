"""JPEG decoding on a device: the same outcomes as in threads, whatever the device fails on.

There is no GPU here: torchvision's decoder on the CPU, which has the same signature, stands in for nvJPEG.
"""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor
from torchvision.io import decode_jpeg

from tests.grey import GreyEncoder, write_picture
from vasari.indexer.decode import Loader
from vasari.indexer.decode_gpu import check_drift, on_gpu
from vasari.indexer.pipeline import Decoding, in_threads
from vasari.indexer.plan import Task
from vasari.indexer.slabs import Group, Slabs
from vasari.indexer.sources.folder import FolderSource
from vasari.indexer.sources.source import Candidate
from vasari.retrieval.domain import Skipped
from vasari.retrieval.errors import UnsupportedError
from vasari.retrieval.images.limits import ImageLimits
from vasari.retrieval.models.clip.nvjpeg import GpuJpegs, jpegs_on
from vasari.retrieval.models.clip.pixels import TorchPreparer
from vasari.retrieval.models.preprocessing import ImagePreprocessing

pytestmark = pytest.mark.filterwarnings("ignore:The image decoding and encoding:DeprecationWarning")
LIMITS = ImageLimits()


class Device:
    """torchvision's decoder, which remembers how many files it made pictures of; broken ones fail all of a call."""

    def __init__(self, *, broken: bool = False, inverted: bool = False) -> None:
        self.decoded = 0
        self._broken, self._inverted = broken, inverted

    def __call__(self, input: list[Tensor], *, mode: str, device: str) -> list[Tensor]:  # noqa: A002
        if self._broken:
            raise RuntimeError("out of memory")
        found = decode_jpeg(input, mode=mode, device=device)
        self.decoded += len(found)
        return [255 - picture for picture in found] if self._inverted else found


@pytest.fixture
def tasks(tmp_path: Path) -> list[Task]:
    """JPEGs that a device decodes (a to d), and files that it has to leave to the CPU."""
    coarse = Image.fromarray(np.random.default_rng(0).integers(0, 256, (6, 8, 3), dtype=np.uint8))
    photo = coarse.resize((120, 90), Image.Resampling.BICUBIC)
    turned = Image.Exif()
    turned[274] = 6
    photo.save(tmp_path / "a.jpg", quality=95)
    photo.convert("L").save(tmp_path / "b.jpg", quality=95)
    photo.save(tmp_path / "c.jpg", quality=95, exif=turned)
    photo.transpose(Image.Transpose.TRANSPOSE).save(tmp_path / "d.jpg", quality=95)
    photo.save(tmp_path / "e-progressive.jpg", progressive=True)
    photo.convert("CMYK").save(tmp_path / "f-cmyk.jpg")
    photo.save(tmp_path / "g-rgb.jpg", keep_rgb=True)
    write_picture(tmp_path / "h.png", 3)
    whole = io.BytesIO()
    photo.save(whole, "JPEG")
    (tmp_path / "i-cut.jpg").write_bytes(whole.getvalue()[:700])
    (tmp_path / "j-none.jpg").write_bytes(b"no picture")
    return [Task(entry) for entry in FolderSource([tmp_path]).candidates() if isinstance(entry, Candidate)]


def loader() -> Loader:
    preparer = TorchPreparer(ImagePreprocessing(32, 32))
    return Loader(lambda seen: Path(seen.uri).read_bytes(), lambda: preparer, LIMITS)


def loaded(decoding: Decoding, tasks: list[Task]) -> Group:
    group = Group(tasks, Slabs(len(tasks)))
    group.put(0, decoding.loaders[0](tasks, group, 0))
    return group


@pytest.mark.parametrize("broken", [False, True])
def test_a_device_comes_to_what_threads_come_to(tasks: list[Task], *, broken: bool) -> None:
    """Facts and failures are equal, pixels nearly; a file that the device does not take or fails on is the CPU's."""
    device = Device(broken=broken)
    here = loaded(in_threads(loader(), 1), tasks)
    there = loaded(on_gpu(loader(), GpuJpegs(device, "cpu"), LIMITS, 1), tasks)
    assert device.decoded == (0 if broken else 4)
    for place, (mine, theirs) in enumerate(zip(here.outcomes, there.outcomes, strict=True)):
        if isinstance(mine, Skipped):
            assert theirs == mine
            continue
        (_, ours), (_, other) = mine, theirs  # type: ignore[misc]
        bits = (ours.fingerprint ^ other.fingerprint) & (2**64 - 1)  # type: ignore[operator]
        assert bits.bit_count() <= 2
        assert replace(ours, content="", fingerprint=0) == replace(other, content="", fingerprint=0)
        apart = np.abs(here.rows((32, 32, 3))[place].astype(int) - there.rows((32, 32, 3))[place])
        assert apart.max() <= (2 if place < 4 and not broken else 0)
    assert sum(isinstance(outcome, Skipped) for outcome in here.outcomes) == 2


def test_other_vectors_are_refused(tasks: list[Task]) -> None:
    """A decoder of which the pixels come to other vectors fills no library."""
    check_drift(loader(), GpuJpegs(Device(), "cpu"), LIMITS, GreyEncoder(), tasks)
    with pytest.raises(UnsupportedError, match="come to other vectors than here"):
        check_drift(loader(), GpuJpegs(Device(inverted=True), "cpu"), LIMITS, GreyEncoder(), tasks)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_without_a_gpu_it_is_refused_in_a_line() -> None:
    """It says what is missing and what to do."""
    with pytest.raises(UnsupportedError, match=r"^--decode gpu needs an NVIDIA GPU, .* leave it out$"):
        jpegs_on("cuda")
