"""Case folding of texts for search: without case, accents and width, so that FACADE finds façade."""

from __future__ import annotations

import re
import unicodedata

_ACCENTS = re.compile("[\u0300-\u036f]")
_ASCII = "".join(chr(code) if chr(code).isalnum() else " " for code in range(128))
SHORTEST = 3  # letters that a trigram index can look up
_ALIKE = str.maketrans("01i", "oll")  # what readers of pictures take for each other most often


def folded(text: str) -> str:
    """The text's letters, digits and marks in lower case, without accents; all else is a space."""
    if text.isascii():  # as nearly all names of files are: in a tenth of the time
        return text.lower().translate(_ASCII)
    plain = _ACCENTS.sub("", unicodedata.normalize("NFKD", text).casefold())
    plain = unicodedata.normalize("NFC", plain)
    return "".join(letter if unicodedata.category(letter)[0] in "LNM" else " " for letter in plain)


def letters_of(text: str) -> str:
    """The folded text as it is compared with what was read in pictures: without what is often read wrongly.

    That is spaces (NO ENTRY, NOENTRY), and whether a letter is O or 0, and I, l or 1 (RE16, REI6).
    """
    return folded(text).replace(" ", "").translate(_ALIKE)


def trigrams_of(letters: str) -> list[str]:
    """All runs of three letters, in order."""
    return [letters[start : start + SHORTEST] for start in range(len(letters) - SHORTEST + 1)]
