"""Instant start: a new library begins with the built-in model, and changes to the default one when that is fetched."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from huggingface_hub import constants

from tests.cli.conftest import Run
from tests.hub import Hub, hub, take_for_the_hub
from tests.models import write_model
from vasari import Library
from vasari.retrieval.builtin_data import builtin_data
from vasari.retrieval.library import instant_start
from vasari.retrieval.library.instant_start import STARTER
from vasari.retrieval.storage.layout import UPGRADE

REPOSITORY = "somebody/model"
MODEL = f"hf-hub:{REPOSITORY}"
WEIGHTS = "open_clip_model.safetensors"
PHOTOS = sorted(builtin_data("photos").glob("*.jpg"))[:4]


@pytest.fixture
def served(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """A hub that has the default model, of which nothing is on this machine."""
    written = write_model(tmp_path / "model", "clip")
    monkeypatch.setattr(instant_start, "NEW_MODEL", MODEL)
    monkeypatch.setenv("VASARI_MODEL", MODEL)
    with hub({REPOSITORY: {path.name: path.read_bytes() for path in written.iterdir()}}) as running:
        take_for_the_hub(monkeypatch, running, tmp_path / "cache")
        yield running


def models(root: Path) -> dict[str, int]:
    """The models of a library's spaces, with how many vectors each has; the one that is searched comes first."""
    with Library.open(root) as library:
        states = sorted(library.spaces(), key=lambda state: not state.default)
        return {state.space.model: sum(state.vectors.values()) for state in states}


def test_a_new_library_begins_with_the_built_in_model(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, served: Hub
) -> None:
    """Offline it is said how to go on; later the model is fetched beside the job, and the next run changes to it."""
    root, photos = tmp_path / "library", list(map(str, PHOTOS))
    monkeypatch.delenv("VASARI_OFFLINE")
    code, out, err = run("index", *photos, "-L", str(root), "--offline")
    assert code == 0, err
    assert "Searching starts with `starter`" in err
    assert f"`vasari upgrade-model` fetches {MODEL}" in err
    assert models(root) == {STARTER: 4}
    assert served.asked.total() == 0
    code, out, err = run("status", "-L", str(root))
    assert f"{MODEL} takes over" in out

    for _ in range(10):  # the download may take longer than a job with nothing to do
        code, out, err = run("index", *photos, "-L", str(root))
        assert code == 0, err
        if "which is here now" in err:
            break
    assert models(root) == {MODEL: 4, STARTER: 4}
    assert "takes over" not in run("status", "-L", str(root))[1]
    assert served.asked[WEIGHTS] >= 1


def test_upgrade_model_goes_on_where_a_download_broke(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, served: Hub
) -> None:
    """A hub that is lost leaves the library with what it has; the command fetches the rest, embeds all and switches."""
    root = tmp_path / "library"
    monkeypatch.setenv("VASARI_OFFLINE", "1")
    assert run("index", *map(str, PHOTOS), "-L", str(root))[0] == 0
    monkeypatch.delenv("VASARI_OFFLINE")
    served.lost.add(WEIGHTS)
    code, _, err = run("upgrade-model", "-L", str(root))
    assert code == 1
    assert err.splitlines()[-1].startswith("vasari: ")
    assert models(root) == {STARTER: 4}

    served.lost.clear()
    code, out, err = run("upgrade-model", "-L", str(root))
    assert code == 0, err
    assert models(root) == {MODEL: 4, STARTER: 4}
    assert "vasari spaces drop starter" in err
    code, out, err = run("upgrade-model", "-L", str(root))  # nothing is left to do
    assert code == 0
    assert out.startswith("0 added")


def test_a_model_that_is_named_is_not_replaced(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, served: Hub
) -> None:
    """`--model fast` without it is an error, and a library of `starter` by choice stays with it."""
    monkeypatch.setenv("VASARI_OFFLINE", "1")
    root = tmp_path / "library"
    assert run("index", str(PHOTOS[0]), "--model", MODEL, "-L", str(root))[0] == 1
    assert not root.exists()
    assert run("index", str(PHOTOS[0]), "--model", STARTER, "-L", str(root))[0] == 0
    assert not (root / UPGRADE).exists()
    monkeypatch.delenv("VASARI_OFFLINE")
    code, _, err = run("index", str(PHOTOS[0]), "-L", str(root))
    assert code == 0
    assert "upgrade" not in err
    assert models(root) == {STARTER: 1}
    assert not list(Path(constants.HF_HUB_CACHE).rglob(WEIGHTS))


def test_a_new_library_is_told_that_its_model_knows_english(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Once, when it begins, and not where a model was named."""
    monkeypatch.setattr("vasari.retrieval.models.registry.files.is_here", lambda *asked: False)
    told = "fast knows English: `vasari models recommend --language CODE`"
    root = str(tmp_path / "library")
    assert told in run("index", str(PHOTOS[0]), "-L", root)[2]
    assert told not in run("index", str(PHOTOS[1]), "-L", root)[2]
    assert told not in run("index", str(PHOTOS[0]), "-m", "starter", "-L", str(tmp_path / "other"))[2]
