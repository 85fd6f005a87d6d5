"""What the text tower of the built-in photo model learns from: words, phrases and sentences with targets.

No text comes from captions of pictures: words are WordNet's, e5's own vocabulary's, the names of emoji and a glossary
of ours, sentences are WordNet's examples and such as are put together here.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random

import numpy as np

from vasari.training.recipes.e5_teacher import Teacher
from vasari.training.recipes.photo_classes import Relevance, Vectors, class_names, content_words, unit

LANGUAGES = ("en", "de", "es", "fr", "ja", "zh")
JOINS = {
    "en": (" ", " and ", " in the ", " on the ", " with ", " at the ", " near a "),
    "de": (" ", " und ", " im ", " auf dem ", " mit ", " am ", " in der "),
    "es": (" ", " y ", " en la ", " en el ", " con ", " en "),
    "fr": (" ", " et ", " dans la ", " sur le ", " avec ", " dans "),
    "ja": (" ", "と", "の", "で"),
    "zh": (" ", "和", "的", "在"),
}
_GLOSSARY = Path(__file__).with_name("starter_glossary.txt")
_SENTENCES = Path(__file__).with_name("starter_sentences.txt")
_LATIN = re.compile(r"▁([a-zäöüßéèêëàáñíóúçâîïôûùœ]{3,})", re.IGNORECASE)
_NAME = re.compile(r"\[([a-z]+)\]")  # of a part of the grammar
_EAST_ASIAN = re.compile("▁?([\u3041-\u30ff\u4e00-\u9fff]{1,6})")
# Of e5's vocabulary, which begins with what is frequent.
_MOST_LATIN = 26_000
_MOST_EAST_ASIAN = 20_000
# WordNet's files of nouns for what is seen.
_PICTURED = {"04", "05", "06", "08", "11", "13", "15", "17", "18", "19", "20"}
SENTENCES = "sentences"
_MADE = 48_000
_USUAL_OF_WORDS = 0.5  # the share of the usual relevance that single words lose; captions lose all of it


@dataclass(frozen=True, slots=True)
class Texts:
    """Texts with unit targets (n, dim), and for glossary words the rows that hold them by language."""

    texts: list[str]
    targets: Vectors
    words: dict[str, list[int]]
    shares: Vectors  # how often each is drawn

    def __len__(self) -> int:
        return len(self.texts)


def glossary() -> list[list[str]]:
    """One row a meaning: its word in each of the languages."""
    lines = _GLOSSARY.read_text(encoding="utf-8").lower().splitlines()
    return [line.split("|") for line in lines if not line.startswith("#")]


def emoji_names(folder: Path) -> list[list[str]]:
    """One row an emoji: its name in each of the languages."""
    files = {code: folder / "emoji" / "unicode_codes" / f"emoji_{code}.json" for code in LANGUAGES[1:]}
    names = {code: json.loads(path.read_text(encoding="utf-8")) for code, path in files.items()}
    english = json.loads((folder / "emoji" / "unicode_codes" / "emoji.json").read_text(encoding="utf-8"))
    rows = []
    for sign, entry in english.items():
        row = [entry["en"], *(names[code].get(sign, "") for code in LANGUAGES[1:])]
        spoken = [name.strip(":").replace("_", " ").lower() for name in row]
        if all(spoken) and "skin" not in spoken[0] and "flag" not in spoken[0]:
            rows.append(spoken)
    return rows


def wordnet_words(folder: Path) -> list[str]:
    """Words that WordNet's authors met in texts, and nouns for what can be seen."""
    met = {
        line.partition("%")[0].replace("_", " ")
        for line in (folder / "cntlist.rev").read_text(encoding="utf-8").splitlines()
    }
    seen = set[str]()
    for line in (folder / "data.noun").read_text(encoding="utf-8").splitlines():
        fields = line.split()
        if not line.startswith(" ") and fields[1] in _PICTURED:
            seen |= {fields[4 + 2 * i].replace("_", " ").lower() for i in range(int(fields[3], 16))}
    plain = re.compile("[a-z' -]+")
    rare = sorted(word for word in seen - met if " " not in word and plain.fullmatch(word))
    return sorted(word for word in met if plain.fullmatch(word)) + rare[::3]


def examples(folder: Path) -> list[str]:
    """WordNet's example sentences of nouns and verbs."""
    found = []
    for name in ("data.noun", "data.verb"):
        for line in (folder / name).read_text(encoding="utf-8").splitlines():
            found += re.findall(r'"([A-Za-z][^"]{12,80})"', line.partition(" | ")[2])
    return sorted({text.lower() for text in found if len(content_words(text)) > 1})


def made_sentences() -> list[str]:
    """Plain captions that a small grammar makes by chance: who does what where, animals, things, places, food."""
    random = Random("sentences")
    lines = _SENTENCES.read_text(encoding="utf-8").splitlines()[1:]
    forms = {name: form.split("; ") for name, _, form in (line.partition(": ") for line in lines)}
    made = set[str]()
    while len(made) < _MADE:
        text = random.choice(forms["sentence"])
        while found := _NAME.search(text):
            text = text[: found.start()] + random.choice(forms[found[1]]) + text[found.end() :]
        made.add(text)
    return sorted(made)


def vocabulary_words(pieces: Sequence[str]) -> tuple[list[str], list[str]]:
    """Whole words of e5's vocabulary in Latin script, and Chinese and Japanese pieces."""
    latin = [found[1].lower() for piece in pieces if (found := _LATIN.fullmatch(piece))]
    asian = [found[1] for piece in pieces if (found := _EAST_ASIAN.fullmatch(piece))]
    return list(dict.fromkeys(latin[:_MOST_LATIN])), list(dict.fromkeys(asian[:_MOST_EAST_ASIAN]))


def collect(
    teacher: Teacher, relevance: Relevance, parts: Path
) -> Iterator[tuple[str, list[str], Vectors, float]]:
    """Groups of texts: their kind, texts, relevance (n, 1000), how often they are drawn.

    The kind is SENTENCES, or the language of words that are joined, or "".
    """
    wordnet = parts / "wordnet-base" / "usr" / "share" / "wordnet"
    names = [name for of_class in class_names() for name in of_class]
    yield "", names, relevance.of_words(names), 0.18
    english = wordnet_words(wordnet)
    yield "", english, relevance.of_words(english), 0.14
    sentences = examples(wordnet)
    yield SENTENCES, sentences, relevance.of_sentences(sentences), 0.16
    captions = made_sentences()
    yield SENTENCES, captions, relevance.of_sentences(captions), 0.6
    for pieces in vocabulary_words([piece for piece, _ in teacher.file.vocabulary]):
        embedded = teacher(pieces)
        yield "", pieces, relevance.of_meaning(embedded, embedded.mean(axis=0)), 0.1
    for rows, share, joined in ((glossary(), 0.03, True), (emoji_names(parts / "emoji"), 0.013, False)):
        meant = relevance.of_words([row[0] for row in rows])
        for language, words in zip(LANGUAGES, zip(*rows, strict=True), strict=True):
            yield language if joined else "", list(words), meant, share


def gather(teacher: Teacher, relevance: Relevance, parts: Path) -> tuple[Texts, Vectors]:
    """All texts, with their relevance to the classes in half precision instead of targets yet."""
    groups = list(collect(teacher, relevance, parts))
    usual = [relevant for kind, _, relevant, _ in groups if kind == SENTENCES][-1].mean(axis=0)
    texts: list[str] = []
    rows: list[Vectors] = []
    words: dict[str, list[int]] = {}
    shares: list[Vectors] = []
    for kind, group, relevant, share in groups:
        if kind in JOINS:
            words[kind] = list(range(len(texts), len(texts) + len(group)))
        texts += group
        lost = 1.0 if kind == SENTENCES else _USUAL_OF_WORDS
        rows.append((relevant - lost * usual).astype(np.float16))
        shares.append(np.full(len(group), share / len(group), dtype=np.float32))
    drawn = np.concatenate(shares)
    return Texts(texts, np.concatenate(rows), words, drawn / drawn.sum()), unit(np.concatenate(rows[:1]))


def typed_wrongly(text: str, random: Random) -> str:
    """A text with a slip of the fingers in it: two letters swapped, one left out, doubled, or its neighbour's."""
    at = random.randrange(1, len(text) - 1)
    if not (text[at].isascii() and text[at].isalpha()):
        return text
    kind = random.randrange(4)
    if kind == 0:
        return text[:at] + text[at + 1] + text[at] + text[at + 2 :]
    if kind == 1:
        return text[:at] + text[at + 1 :]
    return text[:at] + (text[at] * 2 if kind == 2 else beside(text[at], random)) + text[at + 1 :]


def beside(letter: str, random: Random) -> str:
    """A key beside this one."""
    for row in ("qwertyuiop", "asdfghjkl", "zxcvbnm"):
        if (at := row.find(letter)) >= 0:
            return random.choice([row[i] for i in (at - 1, at + 1) if 0 <= i < len(row)])
    return letter
