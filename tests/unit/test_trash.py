"""Files go to the system's trash only where a setting and the removal say so, and what cannot go stays."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest

from tests.cli.conftest import Run, run
from tests.service.colours import make_library
from tests.service.conftest import Serve, coloured, serve
from vasari.api.service.security.auth import create_key
from vasari.retrieval.domain import Modality

plat_other: Any = pytest.importorskip("send2trash.plat_other", exc_type=ImportError)

__all__ = ["coloured", "run", "serve"]  # fixtures


@pytest.fixture
def bin_(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A trash for this test alone; the home folder's would be on another disk, perhaps."""
    where = tmp_path / "share" / "Trash"
    monkeypatch.setattr("send2trash.send2trash", plat_other.send2trash)
    monkeypatch.setattr(plat_other, "HOMETRASH_B", bytes(where))
    monkeypatch.setattr(plat_other, "get_dev", lambda _path: 0)
    return where


def test_without_the_setting_nothing_moves(run: Run, tmp_path: Path) -> None:
    """One line says what to set, and the library keeps all."""
    ids = make_library(tmp_path / "library", tmp_path / "pictures")
    code, _, err = run("remove", "--trash", "--yes", "item:1", "--library", str(tmp_path / "library"))
    assert (code, "VASARI_TRASH=1" in err, err.count("\n")) == (2, True, 1)
    assert len(list((tmp_path / "pictures").iterdir())) == len(ids)


def test_files_go_to_the_trash_after_a_second_question(
    run: Run, bin_: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where nobody can answer it, --yes does; the trash notes where the file was. One that has changed stays."""
    make_library(tmp_path / "library", tmp_path / "pictures")
    library = ("--library", str(tmp_path / "library"))
    red, blue = (tmp_path / "pictures" / name for name in ("red.png", "blue.png"))
    blue.write_bytes(blue.read_bytes() + b"edited")
    monkeypatch.setenv("VASARI_TRASH", "1")
    code, _, err = run("remove", "--trash", str(red), str(blue), *library)
    assert (code, "--yes" in err, red.exists()) == (2, True, True)
    code, out, err = run("remove", "--trash", "--yes", str(red), str(blue), *library)
    assert (code, out) == (1, "1 removed from the library; their files are in the trash\n")
    assert "blue.png stays: its file is not what was indexed" in err
    assert (red.exists(), blue.exists()) == (False, True)
    assert (bin_ / "files" / "red.png").is_file()
    assert str(red) in unquote((bin_ / "info" / "red.png.trashinfo").read_text())


def test_over_http_setting_field_and_key_must_agree(serve: Serve, bin_: Path) -> None:
    """403 says what to set; a key that only searches never may; what cannot go is named with the reason."""
    served = serve(trash=True)
    ids = served.ids
    (served.pictures / "green.png").rename(served.pictures / "away.png")
    try:
        body = {"ids": [ids["white"], ids["green"], 999], "trash": True}
        assert served.client.get("/v1/session").json()["trash"] is True
        kept_file = (served.pictures / "white.png").read_bytes()
        answer = served.client.post("/v1/remove", json=body).json()
        assert (answer["removed"], answer["not_found"]) == (1, [999])
        assert [kept["item"] for kept in answer["kept"]] == [ids["green"]]
        assert not (served.pictures / "white.png").exists()
        (served.pictures / "white.png").write_bytes((bin_ / "files" / "white.png").read_bytes())
        assert (served.pictures / "white.png").read_bytes() == kept_file
    finally:
        (served.pictures / "away.png").rename(served.pictures / "green.png")
    assert ids["green"] in served.library.catalog.items.live_ids(Modality.IMAGE)
    _, key = create_key(served.library.catalog, "reader", ["search"])
    served.service.doorkeeper.forget()
    header = {"Authorization": f"Bearer {key}"}
    assert served.client.get("/v1/session", headers=header).json()["trash"] is False
    assert served.client.post("/v1/remove", json=body, headers=header).status_code == 403


def test_a_service_without_the_setting_refuses(serve: Serve) -> None:
    """And removes nothing."""
    served = serve()
    refused = served.client.post("/v1/remove", json={"ids": [served.ids["red"]], "trash": True})
    assert (refused.status_code, "VASARI_TRASH=1" in refused.json()["detail"]) == (403, True)
    assert served.client.get(f"/v1/items/{served.ids['red']}").status_code == 200
    many = {"ids": list(range(1, 502)), "trash": True}
    assert served.client.post("/v1/remove", json=many).status_code == 422
