"""What the thousand classes of ImageNet have to do with a text: the target that the photo model's text tower learns.

A text's relevance is a vector over the classes: how near e5 puts it to the names of a class, to WordNet's general
words for it and to what is usually seen on photos of it (`starter_scenes.txt`); and for words that stand in one of
these, that. Both are centred over classes, so that an image's score is a matter of contrast.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from timm.data import ImageNetInfo

Vectors = npt.NDArray[np.float32]
Embed = Callable[[Sequence[str]], Vectors]
COUNT = 1000
SHARPNESS = 8.0  # of the softmax over anchors
SPREAD = 0.7  # an anchor of n classes gives each n^-0.7
_WHOLE_WEIGHT = 0.5  # a sentence's own embedding beside those of its words
_TOO_GENERAL = 450  # classes; a word of more says nothing
_ABSTRACT, EMPTY_WORDS = (
    frozenset(line.partition(": ")[2].split("; "))
    for line in Path(__file__).with_name("starter_ignored.txt").read_text(encoding="utf-8").splitlines()[1:]
)
_SCENES = Path(__file__).with_name("starter_scenes.txt")
_CONCEPTS = Path(__file__).with_name("starter_concepts.txt")
_IRREGULAR = {
    "men": "man",
    "women": "woman",
    "children": "child",
    "people": "person",
    "mice": "mouse",
    "feet": "foot",
    "ran": "run",
    "swam": "swim",
    "wolves": "wolf",
    "leaves": "leaf",
    "kids": "child",
    "kid": "child",
    "toddler": "baby",
    "infant": "baby",
}


def unit(x: npt.NDArray[np.floating]) -> Vectors:
    """Rows of length 1; a row of zeros stays one."""
    length = np.linalg.norm(x, axis=-1, keepdims=True)
    return np.asarray(x / np.maximum(length, 1e-9), dtype=np.float32)


def class_names() -> list[list[str]]:
    """The names of each class, the usual one first."""
    known = ImageNetInfo("imagenet-1k")
    return [known.index_to_description(i).lower().split(", ") for i in range(COUNT)]


class WordNet:
    """Nouns of WordNet 3.0, by the place in its data file."""

    def __init__(self, folder: Path) -> None:
        self._words: dict[str, list[str]] = {}
        self._general: dict[str, list[str]] = {}
        self.topics: dict[str, str] = {}
        for line in (folder / "data.noun").read_text(encoding="utf-8").splitlines():
            if not line.startswith(" "):
                self._read(line.partition(" | ")[0].split())

    def _read(self, fields: list[str]) -> None:
        place, topic, words = fields[0], fields[1], int(fields[3], 16)
        self._words[place] = [fields[4 + 2 * i].replace("_", " ").lower() for i in range(words)]
        pointers = fields[5 + 2 * words :]
        self._general[place] = [
            pointers[i + 1] for i in range(0, len(pointers) - 3, 4) if pointers[i] in {"@", "@i"}
        ]
        self.topics[place] = topic

    def words(self, place: str) -> list[str]:
        """The synonyms of a synset."""
        return self._words[place]

    def general_words(self, place: str) -> set[str]:
        """The words of all that a synset is a kind of, itself included, but not the most abstract ones."""
        todo, seen = [place], set[str]()
        while todo:
            if (at := todo.pop()) not in seen:
                seen.add(at)
                todo += self._general[at]
        return {word for at in seen for word in self._words[at]} - _ABSTRACT


def synsets() -> list[str]:
    """The place of each class in WordNet's data file."""
    known = ImageNetInfo("imagenet-1k")
    return [str(known.index_to_label_name(i))[1:] for i in range(COUNT)]


def scenes(names: Sequence[Sequence[str]]) -> dict[int, list[str]]:
    """For classes, what is usually seen on photos of them; a name of two classes is the thing's, not the animal's."""
    numbers = {name: number for number, of_class in enumerate(names) for name in of_class}
    found: dict[int, list[str]] = defaultdict(list)
    for name, phrases in _table(_SCENES):
        found[numbers[name]] += phrases
    for words, classes in _table(_CONCEPTS):
        for name in classes:
            found[numbers[name]] += words.split(", ")
    return {number: list(dict.fromkeys(phrases)) for number, phrases in found.items()}


def _table(path: Path) -> Iterator[tuple[str, list[str]]]:
    for line in path.read_text(encoding="utf-8").lower().splitlines():
        left, colon, right = line.partition(": ")
        if colon and not line.startswith("#"):
            yield left, right.split(", ")


class Relevance:
    """Relevance of texts to the classes."""

    def __init__(self, embed: Embed, wordnet: WordNet) -> None:
        self._embed = embed
        names = class_names()
        kinds = [wordnet.general_words(place) for place in synsets()]
        seen = scenes(names)
        self._words = _word_table(names, kinds, seen)
        texts, members = _anchors(names, kinds, seen)
        self._members = members / members.sum(axis=1, keepdims=True) ** SPREAD
        embedded = embed(texts)
        self.mean = embedded.mean(axis=0)
        self._places = unit(embedded - self.mean)
        self._usual = self._near(self._places[::3]).mean(axis=0)

    def of_meaning(self, embedded: Vectors, mean: Vectors | None = None) -> Vectors:
        """By e5's embeddings alone, (n, 1000); `mean` is that of the texts' language."""
        return unit(self._near(unit(embedded - (self.mean if mean is None else mean))) - self._usual)

    def of_words(self, texts: Sequence[str]) -> Vectors:
        """Of English words and short phrases, (n, 1000)."""
        return unit(self.of_meaning(self._embed(texts)) + np.stack([self._spoken(text) for text in texts]))

    def of_sentences(self, texts: Sequence[str]) -> Vectors:
        """Of English sentences, (n, 1000): half the sentence's own, half the sum of its words'."""
        words = sorted({word for text in texts for word in content_words(text)})
        rows = dict(zip(words, self.of_words(words), strict=True))
        sums = np.stack(
            [
                np.sum([rows[word] for word in content_words(text)] or [np.zeros(COUNT)], axis=0)
                for text in texts
            ]
        )
        whole = self.of_meaning(self._embed(texts))
        return unit(_WHOLE_WEIGHT * whole + (1 - _WHOLE_WEIGHT) * unit(sums))

    def _near(self, centred: Vectors) -> Vectors:
        parts = []
        for start in range(0, len(centred), 4096):
            nearness = SHARPNESS * centred[start : start + 4096] @ self._places.T
            weights = np.exp(nearness - nearness.max(axis=1, keepdims=True))
            parts.append(weights / weights.sum(axis=1, keepdims=True) @ self._members)
        return np.concatenate(parts)

    def _spoken(self, text: str) -> Vectors:
        known = [self._words[s] for word in content_words(text) if (s := stem(word)) in self._words]
        return unit(np.sum(known, axis=0)) if known else np.zeros(COUNT, dtype=np.float32)


def content_words(text: str) -> list[str]:
    """The English words of a text that say what is seen."""
    return [word for word in re.findall(r"[a-z]+", text.lower()) if word not in EMPTY_WORDS]


def stem(word: str) -> str:
    """An English word without its usual endings, so that *runs*, *running* and *runner* are one."""
    if word in _IRREGULAR:
        return _IRREGULAR[word]
    if word.endswith("ies") and len(word) > 4:
        word = word[:-3] + "y"
    elif word.endswith(("ches", "shes", "sses", "xes")):
        word = word[:-2]
    elif word.endswith("s") and not word.endswith("ss") and len(word) > 3:
        word = word[:-1]
    word = _without_verb_ending(word)
    if word.endswith("e") and len(word) > 4:
        word = word[:-1]
    return word[:-1] if word.endswith("y") and len(word) > 3 else word


def _without_verb_ending(word: str) -> str:
    for ending in ("ing", "ed", "er"):
        rest = word.removesuffix(ending)
        if rest != word and len(rest) >= 3:
            doubled = len(rest) > 3 and rest[-1] == rest[-2] and rest[-1] not in "sl"
            return rest[:-1] if doubled else rest
    return word


def _anchors(
    names: Sequence[Sequence[str]], kinds: Sequence[Iterable[str]], seen: dict[int, list[str]]
) -> tuple[list[str], Vectors]:
    """Texts, and the classes that each stands for (texts, 1000)."""
    members: dict[str, set[int]] = defaultdict(set)
    for number in range(COUNT):
        for text in {*names[number], *kinds[number], *seen.get(number, [])}:
            members[text].add(number)
    texts = sorted(text for text, classes in members.items() if len(classes) < COUNT / 2)
    table = np.zeros((len(texts), COUNT), dtype=np.float32)
    for row, text in zip(table, texts, strict=True):
        row[list(members[text])] = 1
    return texts, table


def _word_table(
    names: Sequence[Sequence[str]], kinds: Sequence[Iterable[str]], seen: dict[int, list[str]]
) -> dict[str, Vectors]:
    """For each stem the classes that it names or is said of: centred unit vectors of 1000."""
    table: dict[str, Vectors] = defaultdict(lambda: np.zeros(COUNT, dtype=np.float32))
    for number in range(COUNT):
        said = Counter(
            stem(word) for phrase in seen.get(number, []) for word in set(re.findall(r"[a-z]+", phrase))
        )
        for word, times in said.items():
            table[word][number] += min(1.0, 0.4 + 0.3 * times)
        for name in names[number]:
            *before, last = re.findall(r"[a-z]+", name)
            for word, weight in [*((word, 0.5) for word in before), (last, 1.0)]:
                table[stem(word)][number] = max(table[stem(word)][number], weight)
        for word in kinds[number]:
            if " " not in word:
                table[stem(word)][number] = max(table[stem(word)][number], 0.8)
    return {word: unit(row - row.mean()) for word, row in table.items() if (row > 0).sum() < _TOO_GENERAL}
