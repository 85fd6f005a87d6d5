"""The model hub as its real clients meet it: a stand-in that breaks off, lies, falls silent or refuses."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner
from huggingface_hub import constants
from PIL import Image
from transformers import BlipForImageTextRetrieval

from tests.hub import Hub, hub, take_for_the_hub
from tests.models import write_model
from tests.transformers_models import write_blip
from vasari.api.cli.pulling import pull
from vasari.retrieval.errors import ModelUnavailableError, NotFoundError
from vasari.retrieval.library.loading import load_reranker
from vasari.retrieval.models.registry.files import locate
from vasari.retrieval.models.registry.hub import HubAccess, obtain, obtain_text_files
from vasari.retrieval.models.registry.resolve import resolve
from vasari.retrieval.settings import Settings

MODEL, GATED = "somebody/model", "somebody/gated"
WEIGHTS = "open_clip_model.safetensors"
CONTENT = bytes(range(256)) * 2000
ASKED = HubAccess(timeout=60)
# Waits for a hub that has fallen silent, and long enough for one that has not.
HURRIED = HubAccess(timeout=1.5)


@pytest.fixture
def served(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """A hub with two repositories, which this process takes for the hub, and an empty cache."""
    files = {WEIGHTS: CONTENT, "config.json": b"{}", "vocab.txt": b"a\nb\n", "tokenizer.json": b"[]"}
    with hub({MODEL: files, GATED: files}) as running:
        take_for_the_hub(monkeypatch, running, tmp_path / "cache")
        running.gated.add(GATED)
        yield running


def refusal(names: list[str], repository: str = MODEL, access: HubAccess = ASKED) -> str:
    """The one line in which a file is not given."""
    with pytest.raises((ModelUnavailableError, NotFoundError)) as caught:
        obtain(repository, names, access)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_what_was_pulled_works_without_the_hub(served: Hub) -> None:
    """A mirror named by HF_ENDPOINT is asked like the hub; what is here is not asked for again."""
    path = obtain(MODEL, [WEIGHTS], ASKED)
    assert path.read_bytes() == CONTENT
    assert obtain(MODEL, [WEIGHTS], HubAccess(offline=True)) == path
    assert served.asked[WEIGHTS] == 1


def test_a_broken_connection_is_taken_up_where_it_broke(served: Hub) -> None:
    """No byte is sent twice."""
    served.cut[WEIGHTS] = 100_000
    assert obtain(MODEL, [WEIGHTS], ASKED).read_bytes() == CONTENT
    assert served.sent[WEIGHTS] == len(CONTENT)


def test_a_download_that_was_given_up_is_gone_on_with_later(served: Hub) -> None:
    """The part that came lies in the cache, for the next command."""
    served.cut[WEIGHTS] = 100_000
    served.silent_after_cut = True
    said = refusal([WEIGHTS], access=HURRIED)
    assert "run it again" in said
    served.silent.clear()
    assert obtain(MODEL, [WEIGHTS], ASKED).read_bytes() == CONTENT
    assert served.sent[WEIGHTS] == len(CONTENT)


def test_a_hub_that_never_sends_is_given_up_within_a_few_timeouts(served: Hub) -> None:
    """It is asked twice, not for minutes."""
    served.silent.add(WEIGHTS)
    for seconds in (0.2, 2.0, 20.0):  # what a busy machine does not do within the first
        served.asked.clear()
        assert "run it again" in refusal([WEIGHTS], access=HubAccess(timeout=seconds))
        if served.asked[WEIGHTS] == 2:
            return
    raise AssertionError(served.asked)


def test_content_of_another_checksum_is_refused_and_not_kept(served: Hub) -> None:
    """The right length is not enough; when the hub is well again, so is the file."""
    served.spoiled[WEIGHTS] = bytes(len(CONTENT))
    assert "another checksum" in refusal([WEIGHTS])
    served.spoiled.clear()
    assert obtain(MODEL, [WEIGHTS], ASKED).read_bytes() == CONTENT


def test_a_file_that_ends_early_is_refused(served: Hub) -> None:
    """A hub that announces more than it has."""
    served.spoiled[WEIGHTS] = CONTENT[:1000]
    assert "ends after 1,000 of 512,000 bytes" in refusal([WEIGHTS])


def test_a_damaged_partial_file_costs_a_second_download_only(served: Hub) -> None:
    """Its checksum tells that what lay there was wrong."""
    served.cut[WEIGHTS] = 100_000
    served.silent_after_cut = True
    refusal([WEIGHTS], access=HURRIED)
    served.silent.clear()
    (partial,) = Path(constants.HF_HUB_CACHE).glob("*/blobs/*.incomplete")
    partial.write_bytes(bytes(50_000))
    assert obtain(MODEL, [WEIGHTS], ASKED).read_bytes() == CONTENT


def test_damaged_weights_are_mended_by_a_pull(served: Hub) -> None:
    """A pull compares what is here with its checksum; --force fetches it in any case."""
    path = obtain(MODEL, [WEIGHTS], ASKED)
    path.resolve().write_bytes(bytes(len(CONTENT)))
    mending = HubAccess(timeout=60, verify=True)
    for _ in range(2):
        assert obtain(MODEL, [WEIGHTS], mending).read_bytes() == CONTENT
    assert served.asked[WEIGHTS] == 2
    assert obtain(MODEL, [WEIGHTS], HubAccess(timeout=60, anew=True)).read_bytes() == CONTENT
    assert served.asked[WEIGHTS] == 3


def test_a_gated_repository_names_the_page_to_visit(served: Hub) -> None:
    """And how to log in."""
    said = refusal([WEIGHTS], GATED)
    assert f"{served.url}/{GATED}" in said
    assert "hf auth login" in said


def test_what_the_hub_does_not_have_is_said(served: Hub) -> None:
    """A repository, a file; an error of the hub's own is no missing file."""
    assert "no repository somebody/else" in refusal([WEIGHTS], "somebody/else")
    assert "has none of: other.bin" in refusal(["other.bin"])
    served.lost.add(WEIGHTS)
    assert "500" in refusal([WEIGHTS])


def test_a_tokenizer_that_came_by_half_is_not_taken_for_one(served: Hub) -> None:
    """Its last file tells that all are here; offline, half of one is missing, not a tokenizer without words."""
    served.lost.add("tokenizer.json")
    with pytest.raises(ModelUnavailableError):
        obtain_text_files(MODEL, ASKED)
    served.lost.clear()
    folder = obtain_text_files(MODEL, ASKED)
    assert {path.name for path in folder.iterdir()} == {"config.json", "tokenizer.json", "vocab.txt"}
    assert obtain_text_files(MODEL, HubAccess(offline=True)) == folder


def test_a_tokenizer_without_its_words_is_not_had_offline(served: Hub) -> None:
    """A configuration alone, as a killed download leaves it."""
    served.repositories[MODEL] = {"tokenizer_config.json": b"{}", "tokenizer.json": b"[]"}
    served.lost.add("tokenizer.json")
    with pytest.raises(ModelUnavailableError):
        obtain_text_files(MODEL, ASKED)
    with pytest.raises(ModelUnavailableError, match="offline"):
        obtain_text_files(MODEL, HubAccess(offline=True))


def test_a_tokenizer_of_words_alone_is_whole_once_the_hub_was_asked(served: Hub) -> None:
    """There are repositories without a tokenizer.json."""
    served.repositories[MODEL] = {"vocab.txt": b"a\n", "tokenizer_config.json": b"{}"}
    folder = obtain_text_files(MODEL, ASKED)
    before = served.asked.total()
    assert obtain_text_files(MODEL, ASKED) == folder
    assert served.asked.total() == before


def test_a_model_is_pulled_and_then_loads_offline(served: Hub, tmp_path: Path) -> None:
    """The command says where it is; interrupted before, it goes on."""
    written = write_model(tmp_path / "model", "siglip", text_cfg={"hf_tokenizer_name": MODEL})
    served.repositories[MODEL] = {path.name: path.read_bytes() for path in written.iterdir()}
    served.cut[WEIGHTS] = 5000
    done = CliRunner().invoke(pull, [f"hf-hub:{MODEL}"])
    assert done.exit_code == 0, done.output
    files = locate(resolve(f"hf-hub:{MODEL}"), HubAccess(offline=True))
    assert files.weights.read_bytes() == (written / WEIGHTS).read_bytes()
    assert str(files.weights.parent) in done.output


def test_a_reranker_that_is_no_preset_is_pulled_and_then_loads_offline(
    served: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a repository is for is told by its configuration; templates of prompts come along, code does not."""
    folder = write_blip(tmp_path / "blip", BlipForImageTextRetrieval)
    files = {file.name: file.read_bytes() for file in folder.iterdir()}
    served.repositories[MODEL] = files | {"chat_template.jinja": b"{{ 1 }}", "modeling.py": b"1 / 0"}
    pulled = CliRunner().invoke(pull, [f"hf-hub:{MODEL}"])
    assert pulled.exit_code == 0, pulled.output
    kept = Path(pulled.output.rpartition(": ")[2].strip())
    assert {file.name for file in kept.iterdir()} == {*files, "chat_template.jinja"}
    asked = sum(served.asked.values())
    reranker = load_reranker("fast", Settings(reranker=f"hf-hub:{MODEL}", offline=True, device="cpu"))
    picture = [reranker.prepare(Image.new("RGB", (40, 30), "red"))]
    assert 0 <= float(reranker.score(["a red thing"], reranker.encode_images(picture))[0]) <= 1
    assert sum(served.asked.values()) == asked
