"""Settings."""

from __future__ import annotations

import pickle  # noqa: TID251 (as multiprocessing does)
from dataclasses import fields
from pathlib import Path

import pytest

from vasari.api.service.settings import ServiceSettings
from vasari.retrieval.errors import UsageError
from vasari.retrieval.settings import Settings, default_of


def test_the_environment_is_read_where_no_argument_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each kind of value is read from its text."""
    for name, value in {
        "LIBRARY": "/pictures",
        "THREADS": "3",
        "OFFLINE": "Yes",
        "HUB_TIMEOUT": "0.5",
        "PRECISION": "bfloat16",
    }.items():
        monkeypatch.setenv(f"VASARI_{name}", value)
    settings = Settings()
    assert settings.library == Path("/pictures")
    assert (settings.threads, settings.offline, settings.hub_timeout) == (3, True, 0.5)
    assert settings.precision == "bfloat16"


def test_an_argument_comes_before_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Even where it equals the default, or says that there is to be none."""
    monkeypatch.setenv("VASARI_DEVICE", "cuda")
    monkeypatch.setenv("VASARI_THREADS", "3")
    settings = Settings(device="auto", threads=None)
    assert (settings.device, settings.threads) == ("auto", None)


def test_set_but_empty_is_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    """A container's `VASARI_DATABASE_URL=` means none."""
    monkeypatch.setenv("VASARI_DATABASE_URL", "")
    monkeypatch.setenv("VASARI_THREADS", "")
    assert Settings().database_url is None
    assert Settings().threads is None


def test_every_mistake_is_named_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """One run tells all that has to be mended."""
    monkeypatch.setenv("VASARI_THREADS", "many")
    monkeypatch.setenv("VASARI_MAX_IMAGE_PIXELS", "0")
    monkeypatch.setenv("VASARI_OFFLINE", "perhaps")
    monkeypatch.setenv("VASARI_PRECISION", "float8")
    with pytest.raises(UsageError) as caught:
        Settings()
    message = str(caught.value)
    for part in (
        "VASARI_THREADS is 'many', which is no whole number",
        "VASARI_MAX_IMAGE_PIXELS is '0', which is less than 1",
        "VASARI_OFFLINE is 'perhaps'",
        "VASARI_PRECISION is 'float8', which is none of auto, float32",
    ):
        assert part in message


@pytest.mark.parametrize("written", ["1_3", "\u0663", "\uff13", "0x3", "3.0"])
def test_a_number_is_read_as_a_person_means_it(monkeypatch: pytest.MonkeyPatch, written: str) -> None:
    """Python's own reading takes other digits, and underscores between them."""
    monkeypatch.setenv("VASARI_THREADS", written)
    with pytest.raises(UsageError, match="is no whole number"):
        Settings()


def test_an_argument_of_the_wrong_kind_is_refused() -> None:
    """Options of the command line end up here too."""
    with pytest.raises(UsageError, match="VASARI_PRECISION"):
        Settings(precision="half")  # type: ignore[arg-type]


def test_the_service_reads_its_settings_in_the_same_way(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lists are JSON, numbers have bounds, and the settings of the library are among them."""
    monkeypatch.setenv("VASARI_ROOTS", '["/a", "/b"]')
    monkeypatch.setenv("VASARI_PORT", "7700")
    monkeypatch.setenv("VASARI_DEVICE", "cuda")
    settings = ServiceSettings(fetch_hosts=["a.example"])
    assert settings.roots == (Path("/a"), Path("/b"))
    assert (settings.port, settings.device, settings.fetch_hosts) == (7700, "cuda", ("a.example",))
    monkeypatch.setenv("VASARI_PORT", "70000")
    monkeypatch.setenv("VASARI_ROOTS", "/a")
    monkeypatch.setenv("VASARI_PRELOAD", "some")
    monkeypatch.setenv("VASARI_DEADLINE_MS", "nan")
    monkeypatch.setenv("VASARI_STOP_TIMEOUT", "1e30")
    monkeypatch.setenv("VASARI_THREADS", "99999999999")
    with pytest.raises(UsageError) as caught:
        ServiceSettings()
    for part in (
        "more than 65535",
        "ROOTS is '/a', which is no list",
        "none, text, all",
        "DEADLINE_MS is 'nan'",
        "STOP_TIMEOUT is '1e30', which is more than 86400",
        "THREADS is '99999999999', which is more than 1024",
    ):
        assert part in str(caught.value)


def test_settings_go_to_another_process_as_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    """Workers are sent them, whatever their environment says."""
    sent = pickle.dumps(ServiceSettings(port=1, library=Path("/pictures"), roots=[Path("/a")]))
    monkeypatch.setenv("VASARI_PORT", "2")
    monkeypatch.setenv("VASARI_LIBRARY", "/others")
    came = pickle.loads(sent)
    assert (came.port, came.library, came.roots) == (1, Path("/pictures"), (Path("/a"),))


def test_no_setting_has_two_defaults() -> None:
    """What the service has of the library's settings it has as it is."""
    own, service = fields(Settings), {one.name: one for one in fields(ServiceSettings)}
    assert all(default_of(one) == default_of(service[one.name]) for one in own)
