"""The command line as typed: counts, JSON, errors in one line, exit codes."""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from sqlalchemy import update

from tests.cli.conftest import Run
from tests.models import write_model
from vasari.api import drawings
from vasari.api.cli import reference
from vasari.api.cli.progress import Bar
from vasari.indexer.progress import ProgressEvent
from vasari.retrieval.catalog.catalog import Catalog
from vasari.retrieval.catalog.tables import spaces


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A CLIP with random weights, in the hub's format."""
    directory = tmp_path_factory.mktemp("model") / "tiny"
    write_model(directory, "clip")
    return directory


def picture(path: Path, seed: int) -> Path:
    """A small picture of coloured blocks, different for each seed."""
    blocks = np.random.default_rng(seed).integers(0, 255, (4, 4, 3), np.uint8)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(blocks).resize((64, 64), Image.Resampling.NEAREST).save(path)
    return path


KINDS = ("added", "updated", "moved", "restored", "removed", "unchanged", "failed")


def counts(report: str) -> dict[str, int]:
    fields: dict[str, Any] = json.loads(report)
    return {name: fields[name] for name in KINDS}


def expect(**some: int) -> dict[str, int]:
    return dict.fromkeys(KINDS, 0) | some


def test_every_change_of_a_folder_is_counted_as_what_it_is(
    run: Run, tmp_path: Path, tiny_model: Path
) -> None:
    """Renaming, editing, deleting, restoring and adding show up as exactly those counts."""
    photos = tmp_path / "photos"
    for number in range(6):
        picture(photos / f"{number}.png", number)
    (photos / "notes.jpg").write_text("no picture")
    code, report, _ = run("index", photos, "--model", tiny_model, "--json")
    assert (code, counts(report)) == (0, expect(added=6, failed=1))

    kept = tmp_path / "kept.png"
    shutil.copy2(photos / "3.png", kept)
    (photos / "0.png").rename(photos / "renamed.png")
    (photos / "sub").mkdir()
    (photos / "1.png").rename(photos / "sub" / "1.png")
    picture(photos / "2.png", 100)
    (photos / "3.png").unlink()
    picture(photos / "new.png", 101)
    assert counts(run("index", photos, "--json")[1]) == expect(
        added=1, updated=1, moved=2, removed=1, unchanged=2, failed=1
    )

    shutil.copy2(kept, photos / "3.png")
    assert counts(run("index", photos, "--json")[1]) == expect(restored=1, unchanged=6, failed=1)
    assert counts(run("index", photos, "--json")[1]) == expect(unchanged=7, failed=1)
    assert run("doctor")[0] == 0


def test_search_and_similar_answer_in_the_documented_json(run: Run, tmp_path: Path, tiny_model: Path) -> None:
    """Fields as documented; a copy finds its original first; an item is not similar to itself."""
    photos = tmp_path / "photos"
    for number in range(5):
        picture(photos / f"{number}.png", number)
    run("index", photos, "--model", tiny_model)
    code, printed, _ = run("search", "a red boat", "+", photos / "1.png", "-", "people", "-t", "3", "--json")
    answer = json.loads(printed)
    assert code == 0
    fields = {"hits", "total", "took_ms", "space", "reranked", "notes", "understood", "corrections", "said"}
    assert set(answer) == fields | {"explain"}
    assert (len(answer["hits"]), answer["total"]) == (3, 5)
    assert set(answer["hits"][0]) > {"id", "score", "uri", "modality", "text", "captions", "attributes"}

    with Image.open(photos / "2.png") as original:
        original.resize((32, 32)).convert("RGB").save(tmp_path / "copy.jpg", quality=80)
    hits = json.loads(run("similar", tmp_path / "copy.jpg", "--json")[1])["hits"]
    assert hits[0]["uri"] == str(photos / "2.png")
    again = json.loads(run("similar", hits[0]["id"], "--json")[1])["hits"]
    assert hits[0]["id"] not in [hit["id"] for hit in again]
    assert len(again) == 4


def test_paths_for_pipes_survive_any_name(run: Run, tmp_path: Path, tiny_model: Path) -> None:
    """-f -0 prints the very bytes of a name with a line break in it."""
    odd = picture(tmp_path / "photos" / "a\nb c.png", 1)
    run("index", odd.parent, "--model", tiny_model)
    assert run("search", "x", "-f", "-0")[1] == f"{odd}\0"


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["search", "cat"], 1, "no library"),
        (["search", "--", "--debug"], 1, "no library"),  # a word, as all behind --
        (["search", "cat", "-", "-"], 2, "an operator needs a term"),
        (["search", "./missing.jpg"], 2, "no such file"),
        (["search", "cat", "-t", "0"], 2, "--top"),
        (["similar", "nothing.jpg"], 1, "no such file: nothing.jpg"),
        (["search", "boat", "--deadline", "-5"], 2, "--deadline should be a number of 0 or more, not '-5'"),
        (["search", "boat", "--deadline", "nan"], 2, "--deadline should be a number"),
        (["search", "boat", "--deadline", "200"], 2, "say how to rerank: add --rerank"),
        (["search", "boat", "--rerank-top", "5"], 2, "say how to rerank: add --rerank"),
        (["search", "boat", "--diversify", "nan"], 2, "--diversify"),
        (["watch", ".", "--settle", "inf"], 2, "--settle should be a number"),
        (["train", "x", "-m", "fast", "-o", "y", "--lr", "nan"], 2, "--learning-rate should be a number"),
        (["search", "boat", "--server", "ftp://x"], 2, "'ftp://x' is no address of a service"),
        (["search", "boat", "--server", "localhost:9"], 1, "no service answers at http://localhost:9"),
        (["status", "--server", "localhost:9", "--key", "ä"], 2, "this is no key of a service"),
        (["serve", "--host", "203.0.113.7"], 2, "203.0.113.7 is no address of this machine"),
        (["keys", "revoke", "1_3"], 2, "1_3 is no key's number"),
        (["similar", "x" * 100_000], 1, "xxx…xxx"),
        (["scenes", "render", __file__], 2, "is a file: name a folder"),
        (["demo", f"{__file__}/demo"], 2, "cannot be made"),
        (["train", "pairs", "-m", "scenes", "-o", __file__], 2, "is a file: name a folder"),
        (["search", "boat", "-L", __file__], 2, "a library is a folder"),
        (["restore", "backups", "s3://bucket/library"], 2, "s3://bucket/library is a URL"),
        (["backup", "memory://backups"], 2, "memory://backups is gone when this command ends"),
        (["serve", "-L", "s3://bucket/library"], 2, "s3://bucket/library is a URL"),
        (["search", "boat", "-L", "file://elsewhere/library"], 2, "another machine, elsewhere"),
        (["search", "boat", "-L", Path(__file__).as_uri()], 2, "a library is a folder"),
        (["index", ".", "-L", ""], 2, "--library should be a path, and is empty"),
        (["watch", ""], 2, "PATH should be a path, and is empty"),
        (["eval", "/nowhere/at/all", "-m", "scenes"], 1, "no dataset at /nowhere/at/all"),
        (["failures", "--limit", "-1"], 2, "--limit should be a whole number of 1 or more"),
        (["similar", "item:1_3"], 2, "item:1_3 names no item"),
        (["why", "item:-1", "a boat"], 2, "item:-1 names no item"),
        (["ask", ".", "How many boats?"], 2, "is a folder"),
        (["match", "a.jpg"], 2, "misses TEXT"),
        (["locate", "a.jpg"], 2, "misses PHRASE"),
        (["locate", ".", " "], 2, "the text is empty"),
        (["detect", ".", "-o", "out.jpg"], 2, "out.jpg should end with .png"),
        (["caption"], 2, "misses ITEM|FILE"),
        (["train", "pairs"], 2, "misses --model"),
        (["search", "-people"], 2, "- people"),
        (["search", "boat", "-snow"], 2, "vasari search -- -snow"),
        (["serch", "boat"], 2, "did you mean `vasari search`"),
        (["red boat"], 2, "vasari search 'red boat'"),
        (["search", "boat", "--rernk"], 2, "--rerank"),
        (["match", "a.jpg", "a", "boat"], 2, "put quotes around"),
        (["status", "boat"], 2, "`vasari status` has no place for 'boat' (`vasari status -h`"),
        (["similar", "-red.png"], 2, "write ./-red.png for a file of that name"),
        (["keys", "create", " "], 2, "a key needs a name"),
        (["why", "item:1", "a boat", "-o", "out.xyz"], 2, "out.xyz should end with .png"),
        (["why", "item:1", "a boat", "-o", "/nowhere/out.png"], 2, "there is no folder /nowhere"),
        (["index", "/nowhere/at/all"], 1, "no such file or folder"),
        (["index", ".", "--model", "no-such-model"], 1, "no-such-model"),
        (["models", "info", "fastt"], 1, "did you mean 'fast'"),
        (["frobnicate"], 2, "frobnicate"),
        (["search", ""], 2, "empty query"),
        (["ask", "/nowhere/at.jpg", "How many boats?"], 1, "no such file: /nowhere/at.jpg"),
        (["match", ".", " "], 2, "the text is empty"),
    ],
)
def test_errors_are_one_line_and_the_exit_code_tells_whose_fault(
    run: Run, tmp_path: Path, words: list[str], code: int, message: str
) -> None:
    """2 for a wrong request, 1 for what failed; never a traceback, and no setting is left behind."""
    before, nowhere = dict(os.environ), str(tmp_path / "nowhere")
    ended, out, err = run(*(word.replace("/nowhere", nowhere) for word in words))
    assert ended == code
    assert dict(os.environ) == before
    assert message.replace("/nowhere", nowhere) in err
    assert err.startswith("vasari: ")
    assert len(err) < 1200
    assert "Traceback" not in err
    assert out == ""


def test_a_model_given_by_a_relative_path_is_found_from_any_folder(
    run: Run, tmp_path: Path, tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The library remembers where the model lies, also one that another version remembered as it was typed."""
    shot = picture(tmp_path / "photos" / "1.png", 1)
    monkeypatch.chdir(tiny_model.parent)
    assert run("index", shot.parent, "--model", f"./{tiny_model.name}")[0] == 0
    monkeypatch.chdir(tmp_path)
    assert run("search", shot, "-f") == (0, f"{shot}\n", "")
    assert run("index", shot.parent, "--json")[0] == 0
    [space] = json.loads(run("status", "--json")[1])["spaces"]
    assert space["model"] == str(tiny_model)
    with Catalog.open(tmp_path / "library" / "catalog.sqlite3") as catalog:
        with catalog.database.write() as connection:
            connection.execute(update(spaces).values(model=f"./{tiny_model.name}"))
        known = catalog.spaces.get(space["name"])
        assert catalog.spaces.ensure(replace(known, model=str(tiny_model))).model == str(tiny_model)
        assert catalog.spaces.get(space["name"]).model == str(tiny_model)
        assert catalog.spaces.ensure(replace(known, model="other")).model == str(tiny_model)


def test_a_job_that_came_to_nothing_leaves_no_library_behind(run: Run, tmp_path: Path) -> None:
    """Neither for a model nor for a path that is not there, nor for a picture that was only looked at."""
    shot = picture(tmp_path / "photos" / "1.png", 1)
    for words in (
        ("index", shot.parent, "--model", "no-such-model"),
        ("index", shot.parent, "--model", "best"),
        ("index", tmp_path / "nowhere"),
        ("watch", tmp_path / "nowhere"),
        ("import", tmp_path / "nowhere"),
        ("classify", shot, "boat", "car"),
    ):
        code, _, err = run(*words)
        assert (code, err.count("\n")) == (1, 1), words
        assert not (tmp_path / "library").exists(), words


def test_a_library_that_may_not_be_written_is_searched_all_the_same(
    run: Run, tmp_path: Path, tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another's folder, or a mount that takes nothing: a note says so, and what wants to write is told why not."""
    shot = picture(tmp_path / "photos" / "1.png", 1)
    run("index", shot.parent, "--model", tiny_model)
    before = {file: file.stat().st_mtime_ns for file in (tmp_path / "library").rglob("*")}
    allowed = os.access
    monkeypatch.setattr(os, "access", lambda path, mode: allowed(path, mode) and mode != os.W_OK)
    code, found, said = run("search", "a boat", "-f")
    assert (code, found) == (0, f"{shot}\n")
    assert "VASARI_READ_ONLY=1" in said
    assert run("status")[0] == 0
    code, _, said = run("remove", "item:1")
    assert code == 1
    assert "this user may not write its folder" in said
    after = {file: file.stat().st_mtime_ns for file in (tmp_path / "library").rglob("*")}
    assert after == before


def test_that_the_model_knows_no_photos_is_said_before_the_work(
    tmp_path: Path,
) -> None:
    """Once, and not of what Vasari drew itself."""
    drawn = tmp_path / "drawn"
    drawn.mkdir()
    (drawn / "render.json").touch()
    told: list[str] = []
    with Bar(at_work=lambda: told.append("now")) as bar:
        bar.update(ProgressEvent("listing", 1))
        assert told == []
        bar.update(ProgressEvent("indexing", 0, 2))
        bar.update(ProgressEvent("indexing", 1, 2))
    assert told == ["now"]
    assert not drawings.knows_no_photos("scenes", [str(drawn), str(drawn / "images" / "1.jpg")])
    assert not drawings.knows_no_photos("fast", [str(tmp_path)])
    assert drawings.knows_no_photos("scenes", [str(drawn), str(tmp_path)])


def test_a_missing_model_names_what_to_do(run: Run, tmp_path: Path) -> None:
    """Offline and without weights: one line with the alternatives."""
    picture(tmp_path / "photos" / "1.png", 1)
    code, _, err = run("index", tmp_path / "photos", "--model", "fast")
    assert code == 1
    assert err.count("\n") == 1
    assert "vasari models list" in err


def test_items_are_removed_but_files_are_not(run: Run, tmp_path: Path, tiny_model: Path) -> None:
    """remove takes paths, folders and items; the files stay."""
    photos = tmp_path / "photos"
    for name in ("a.png", "b.png", "old/c.png", "old/d.png"):
        picture(photos / name, hash(name) % 1000)
    run("index", photos, "--model", tiny_model)
    code, printed, said = run("remove", photos / "old", "item:4711", "--json")
    done = json.loads(printed)
    assert (code, said) == (1, "not in the library: item:4711\n")
    assert done == {"removed": 2, "not_found": ["item:4711"]}
    assert json.loads(run("status", "--json")[1])["items"]["image"] == 2
    assert (photos / "old" / "c.png").is_file()


def test_a_rebuilt_library_answers_as_before(run: Run, tmp_path: Path, tiny_model: Path) -> None:
    """A flat generation changes the strategy and nothing else."""
    photos = tmp_path / "photos"
    for number in range(8):
        picture(photos / f"{number}.png", number)
    run("index", photos, "--model", tiny_model)
    before = json.loads(run("search", "a boat", "--json")[1])["hits"]
    assert run("rebuild", "--kind", "flat")[0] == 0
    after = json.loads(run("search", "a boat", "--json", "--explain")[1])
    assert [hit["id"] for hit in after["hits"]] == [hit["id"] for hit in before]
    assert after["explain"]["strategy"] == "index"
    assert run("doctor")[1] == "all is well\n"


HELPS = reference.helps()


@pytest.mark.parametrize("command", HELPS)
def test_help_has_an_example(command: str) -> None:
    """Every command shows how it is used, and what it shows names the command."""
    _, _, example = HELPS[command].rpartition("Begin with: " if command == "vasari" else "Example: ")
    assert example.startswith(command)


def test_help_fits_the_terminal(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """-h and --help print what the reference has, and narrower lines in a narrow terminal."""
    monkeypatch.setenv("COLUMNS", "80")
    for command in ("vasari", "vasari search", "vasari keys create"):
        words = command.split()[1:]
        assert run(*words, "-h") == run(*words, "--help") == (0, f"{HELPS[command]}\n", "")
    for columns in (60, 40):
        monkeypatch.setenv("COLUMNS", str(columns))
        assert max(map(len, run("--help")[1].splitlines())) <= columns
    assert "  How many results.\n" in run("search", "-h")[1]  # not a word a line


def test_a_retry_without_failures_still_answers_in_json(run: Run, tmp_path: Path, tiny_model: Path) -> None:
    """Programs get counts of zero, people a line."""
    run("index", picture(tmp_path / "photos" / "1.png", 1), "--model", tiny_model)
    code, printed, said = run("failures", "--retry", "--json")
    assert (code, counts(printed)) == (0, expect())
    assert said == "no failures to try again\n"


def test_a_key_that_was_made_elsewhere_is_entered_once(run: Run, tmp_path: Path) -> None:
    """`keys create --from FILE`, as often as a container starts; a weak, a revoked or an unreadable one is refused."""
    secret, key = tmp_path / "key", "vasari_" + "5e" * 32
    secret.write_text(key + "\r\n")
    for note in (f"key 1 is the one of {secret}\n", f"key 1 is the one of {secret}, as before\n"):
        assert run("keys", "create", "page", "--scope", "admin", "--from", secret) == (0, "", note)
    (listed,) = json.loads(run("keys", "list", "--json")[1])
    assert (listed["name"], listed["scopes"]) == ("page", ["admin"])
    assert run("keys", "revoke", 1)[0] == 0
    code, _, err = run("keys", "create", "page", "--from", secret)
    assert (code, "opens nothing any more" in err) == (2, True)
    for weak in ("vasari_short", "", "x" * 60):
        secret.write_text(weak)
        code, _, err = run("keys", "create", "page", "--from", secret)
        assert (code, "openssl rand" in err) == (2, True)
    secret.write_bytes(b"\xff\xfe")
    assert "it is no text" in run("keys", "create", "page", "--from", secret)[2]
    assert "No such file" in run("keys", "create", "page", "--from", tmp_path / "none")[2]
