"""The page in six languages: no text is missing in any, and the reader's own is spoken."""

from __future__ import annotations

import ast
import json
import re
import struct
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Open, Served
from tests.browser.reading import look_for
from tests.browser.test_accessibility import serious
from tests.service.colours import picture
from vasari.api.service.app import WEB
from vasari.api.service.problems import plain
from vasari.retrieval.catalog.filters.parser import _END, _TOLD, FieldKind

LANGUAGES = sorted((WEB / "languages").glob("*.json"))
_TEXT = re.compile(r'(?<![\w.#])t\("((?:[^"\\]|\\.)*)"')
_COUNTED = re.compile(r'(?<![\w.#])n\([^"]*?, "(?:[^"\\]|\\.)*", "((?:[^"\\]|\\.)*)"')
# The kinds of `UnderstoodFilter`.
_UNDERSTOOD = {
    "date",
    "place",
    "person",
    "camera",
    "kind",
    "orientation",
    "size",
}
# A PNG that says it has more pixels than are read.
_HUGE = picture("red")[:8] + struct.pack(">L4sLLBBBBBL", 13, b"IHDR", 40_000, 40_000, 8, 2, 0, 0, 0, 0)
_SPOKEN = re.compile(r"<([^>]*\bdata-spoken\b[^>]*)>([^<]*)")


def texts() -> set[str]:
    """The English of all that the page says by itself."""
    found: set[str] = set()
    for path in (WEB / "scripts").glob("*.js"):
        code = path.read_text(encoding="utf-8")
        found |= set(_TEXT.findall(code)) | set(_COUNTED.findall(code))
    for tag, text in _SPOKEN.findall((WEB / "index.html").read_text(encoding="utf-8")):
        label = re.search(r'aria-label="([^"]*)"', tag)
        found.add(label[1] if label else text)
    return found


def sentences() -> set[str]:
    """The English of what the service says in parts, so that the page says it in the reader's language."""
    found: set[str] = set()
    for path in (path for folder in ("retrieval", "api") for path in (WEB.parents[1] / folder).rglob("*.py")):
        if path.name == "sentences.py":  # which reads what others said
            continue
        for call in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id == "Sentence":
                said = plain(ast.literal_eval(call.args[0]))
                found.add(re.sub(r"\{(\w+)[^}]*\}", r"{\1}", said))
    # "and" is the filter's own word.
    expected = {phrase for phrase in _TOLD.values() if phrase.startswith("a ")}
    return found | expected | {_END, *(kind.value for kind in FieldKind)} | _UNDERSTOOD


def _forms(translated: Any) -> list[Any]:
    return list(translated.values()) if isinstance(translated, dict) else [translated]


@pytest.mark.parametrize("path", LANGUAGES, ids=lambda path: path.stem)
def test_no_text_is_missing(path: Path) -> None:
    """Each language has each text and no others, with the same values in it; counted ones have a form for many."""
    words = json.loads(path.read_text(encoding="utf-8"))
    assert set(words) == texts() | sentences()
    for text, translated in words.items():
        assert all(isinstance(form, str) and form.strip() for form in _forms(translated)), text
        assert not isinstance(translated, dict) or set(translated) == {"one", "other"}, text
        for form in _forms(translated):
            assert sorted(re.findall(r"\{\w+\}", form)) == sorted(re.findall(r"\{\w+\}", text)), text


def test_there_are_six(open_page: Open, served: Served) -> None:
    """English and five with a file each; the page offers just these."""
    page = open_page(served.address)
    page.keyboard.press("?")
    offered = page.locator("#language option").evaluate_all("all => all.map((one) => one.value)")
    assert sorted(offered) == sorted(["en", *(path.stem for path in LANGUAGES)])
    assert len(offered) == 6


@pytest.mark.parametrize(
    ("locale", "code", "label", "found"),
    [
        ("de-AT", "de", "Ein Bild beschreiben", r"^58 Bilder, davon \d+ gute"),
        ("fr-CA", "fr", "Décrivez une image", r"^\d+ bonnes sur 58 images"),
        ("es-MX", "es", "Describa una imagen", r"^\d+ buenas de 58 imágenes"),
        ("ja-JP", "ja", "画像を説明してください", r"^58 件の画像中、よく合うもの \d+ 件"),
        ("zh-TW", "zh", "描述一张图片", r"^58 张图片中有 \d+ 张好的匹配"),
        ("eu-ES", "en", "Describe a picture", r"^\d+ good of 58 pictures"),
    ],
)
def test_the_readers_language_is_spoken(
    open_page: Open, served: Served, locale: str, code: str, label: str, found: str
) -> None:
    """As the browser asks for it, whatever its country; English where it is none of the six."""
    page = open_page(served.address, locale=locale)
    expect(page.locator("#query")).to_have_attribute("placeholder", label)
    assert page.locator("html").get_attribute("lang") == code
    look_for(page, "red")
    expect(page.locator(".told")).to_have_text(re.compile(found))


def test_another_language_can_be_chosen(open_page: Open, served: Served) -> None:
    """In the help; it is kept, and numbers and months are written as it writes them."""
    page = open_page(served.address)
    expect(page.locator(".tile").first).to_be_visible()
    page.keyboard.press("?")
    page.get_by_label("Language").select_option("de")
    expect(page.locator("#help h2")).to_have_text("Suchen")
    assert serious(page) == []
    page.get_by_label("Sprache").press("Escape")
    expect(page.get_by_role("heading", name="Juni 2024")).to_be_visible()
    page.reload()
    expect(page.get_by_role("button", name="Alben")).to_be_visible()
    expect(page.get_by_role("link", name="Zu den Bildern")).to_be_attached()


def test_what_the_service_says_is_translated(open_page: Open, served: Served) -> None:
    """What is wrong with a filter, with the field and what was expected in the reader's language."""
    for query, said in (
        ("width:holiday", "Verglichen wird width mit: eine Zahl"),
        ("width >", "erwartet wird ein Wert."),
        ("wdith = 3", "Meinten Sie width?"),
    ):
        page = open_page(f"{served.address}/?filter={quote(query)}", locale="de-DE")
        expect(page.get_by_role("main")).to_contain_text(said)


@pytest.mark.parametrize(
    ("locale", "data", "told"),
    [
        ("de-DE", b"%PDF-1.7", "Diese Datei ist kein Bild (sie ist ein PDF-Dokument)."),
        ("de-DE", _HUGE, "40.000 × 40.000 = 1,6 Gigapixel, erlaubt sind 50 Megapixel."),
        (
            "ja-JP",
            picture("red")[:20],
            "ファイルが途中で切れています。20 バイトで終わっています（ヘッダーの途中）。",
        ),
        ("ja-JP", b"", "その画像は読み取れません。"),
    ],
    ids=["pdf", "pixels", "truncated", "empty"],
)
def test_why_a_picture_cannot_be_used_is_translated(
    open_page: Open, served: Served, locale: str, data: bytes, told: str
) -> None:
    """With its numbers, as the reader writes them; a file without a byte is not sent."""
    page = open_page(served.address, locale=locale)
    expect(page.locator(".tile").first).to_be_visible()
    page.locator("input[type=file]").set_input_files(
        {"name": "broken.png", "mimeType": "image/png", "buffer": data}
    )
    expect(page.locator("body")).to_contain_text(told)
