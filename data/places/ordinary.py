"""Makes `ordinary.txt`: the names of places that are ordinary words as well (Wedding, Deli, Mountain View, Vin).

    apt-get install wamerican wfrench wngerman wspanish
    python data/places/ordinary.py

A name counts if a word list has it in small letters, or as a German noun (one that is inflected as names are not).
Names of cities of 50,000 people and more are looked through by hand, for word lists have odd senses of them (malaga is
a wine); so are names in other languages that a language of the built-in models really uses.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from vasari.retrieval.images.places import gazetteer
from vasari.retrieval.search.typed_words import fold

_LISTS = Path("/usr/share/dict")
_TARGET = Path(__file__).with_name("ordinary.txt")
_ALL = 10**9
_LARGE = """
acre, ama, amarillo, americana, ames, apartado, arar, archway, azul, banda, bande, bando, barking, barra, bata
bello, bender, billings, bole, bol, brick, brusque, buckeye, bush, bury, campana, capas, carrefour, cela
centennial, centro, cerro, chico, chino, clay, colina, colon, comal, commonwealth, como, concordia, coro, corona
coronel, cypress, date, delta, derby, ende, enterprise, estancia, fiche, fishers, florida, fria, frontera
fundacion, golfe, gouda, gracia, grapevine, grays, harrow, hita, homestead, hub, hue, jingling, jupiter, lamia, lar
largo, latina, limon, limpio, lira, madera, mage, maidenhead, mango, manta, manteca, mascara, massa, medias, melo
mesa, mesquite, mestre, metro, midland, milagro, mission, modesto, mojo, moreno, moro, moron, nada, novena, ode
oral, orion, ota, palatine, paramount, pare, parla, pasto, plano, plantation, providence, provo, pueblo, queens
revere, riverside, rogers, rubi, ruse, saga, salto, samba, sari, se, shaping, shoreline, shush, silvan, slough
solana, soma, soja, spring, springs, sur, tabaco, taza, tamale, temple, terni, tete, timon, tome, torrent, upland
uptown, ventura, virar, vista, warder, wedding, woodland, woodlands, high point, long beach, mountain view, west
end, white plains, spring hill
"""
_USED = """
alejandria, argel, astracan, athen, bahia, bale, basilea, belen, berna, berne, bombai, bruselas, burdeos, calicut, cebu
constantinopla, coruna, cuzco, damasco, gante, genes, genova, habana, jerusalen, londres, macassar
mailand, malta, mecca, nankin, oporto, padoue, pekin, pise, roma, rom, seul, tesalonica, tetuan, tunez, venecia, vienne
green bay, las vegas, little rock, niagara falls, palm beach
"""
_INFLECTED = ("es", "en", "e", "n", "nen", "se")
_UMLAUTS = (("au", "äu"), ("a", "ä"), ("o", "ö"), ("u", "ü"))


def _listed(language: str) -> list[str]:
    return (_LISTS / language).read_text("utf-8").split()


def _small(language: str) -> set[str]:
    return {fold(word) for word in _listed(language) if word[:1].islower() and "'" not in word}


def _nouns() -> set[str]:
    """German nouns, which the word list has with their plurals."""
    words = set(_listed("ngerman"))
    return {
        fold(word)
        for word in words
        if word[:1].isupper()
        and (
            any(word + end in words for end in _INFLECTED)
            or any(plural + end in words for plural in _with_umlaut(word) for end in ("", "e", "er"))
        )
    }


def _with_umlaut(word: str) -> Iterator[str]:
    for plain, umlaut in _UMLAUTS:
        before, found, behind = word.rpartition(plain)
        if found:
            yield before + umlaut + behind


def _parted(names: str) -> set[str]:
    return set(re.split(r",\s*|\n", names.strip()))


def main() -> None:
    """Write the file."""
    english = _small("american-english")
    words = english | _small("spanish") | _small("french") | _nouns()
    looked_through = {fold(name) for name, others in gazetteer().cities(_ALL) if others}
    found = _parted(_LARGE)
    for name, others in gazetteer().cities(_ALL):
        own = fold(name)
        if not others and own in words:
            found.add(own)
        if not others and own.count(" ") == 1 and all(word in english for word in own.split()):
            found.add(own)
        found.update(other for other in map(fold, others) if other.isascii() and other in words)
    found -= (looked_through - _parted(_LARGE)) | _parted(_USED)
    _TARGET.write_text("\n".join(sorted(found)) + "\n", "utf-8")


if __name__ == "__main__":
    main()
