"""German captions."""

from __future__ import annotations

from vasari.training.scenes.languages.grammar import (
    Case,
    LanguageGrammar,
    Numbers,
    Told,
    chance,
    combine,
    listed,
    pick,
    sentence_case,
    table,
)
from vasari.training.scenes.layout import RelationKind
from vasari.training.scenes.scene import Colour, Column, Detail, Group, Layer, Setting, Size, Time, Weather

_WORDS = """
SAILBOAT: n Segelboot/Segelboote, n Segelschiff/Segelschiffe, f Jacht/Jachten
ROWBOAT: n Ruderboot/Ruderboote, m Kahn/Kähne
SHIP: n Dampfschiff/Dampfschiffe, m Dampfer/Dampfer
LIGHTHOUSE: m Leuchtturm/Leuchttürme
BUOY: f Boje/Bojen
SWAN: m Schwan/Schwäne
DUCK: f Ente/Enten
BALLOON: m Heißluftballon/Heißluftballons, m Ballon/Ballons
KITE: m Drachen/Drachen
PLANE: n Flugzeug/Flugzeuge
BIRD: m Vogel/Vögel
AIRSHIP: n Luftschiff/Luftschiffe, m Zeppelin/Zeppeline
HOUSE: n Haus/Häuser, n Häuschen/Häuschen
BARN: f Scheune/Scheunen, m Stall/Ställe
CHURCH: f Kirche/Kirchen, f Kapelle/Kapellen
TOWER: m Turm/Türme
CASTLE: n Schloss/Schlösser, f Burg/Burgen
TENT: n Zelt/Zelte
WINDMILL: f Windmühle/Windmühlen, f Mühle/Mühlen
CAR: n Auto/Autos, m Wagen/Wagen
BUS: m Bus/Busse, m Reisebus/Reisebusse
TRUCK: m Lastwagen/Lastwagen, m Lkw/Lkws
TRACTOR: m Traktor/Traktoren, m Trecker/Trecker
BICYCLE: n Fahrrad/Fahrräder, n Rad/Räder
TRAIN: m Zug/Züge, f Eisenbahn/Eisenbahnen
TREE: m Baum/Bäume
PALM: f Palme/Palmen
FLOWER: f Blume/Blumen, f Blüte/Blüten
CACTUS: m Kaktus/Kakteen
MUSHROOM: m Pilz/Pilze
HORSE: n Pferd/Pferde
COW: f Kuh/Kühe
SHEEP: n Schaf/Schafe
DOG: m Hund/Hunde
CAT: f Katze/Katzen
CAMEL: n Kamel/Kamele
DEER: m Hirsch/Hirsche, n Reh/Rehe
UMBRELLA: m Schirm/Schirme, m Regenschirm/Regenschirme
BENCH: f Bank/Bänke, f Sitzbank/Sitzbänke
LAMP: f Straßenlaterne/Straßenlaternen, f Laterne/Laternen
FLAG: f Fahne/Fahnen, f Flagge/Flaggen
SNOWMAN: m Schneemann/Schneemänner
BALL: m Ball/Bälle
BARREL: n Fass/Fässer, f Tonne/Tonnen
FENCE: m Zaun/Zäune
"""


def _forms(word: str) -> tuple[str, str, str]:
    """Gender, singular and plural of `n Haus/Häuser`."""
    gender, _, rest = word.partition(" ")
    singular, _, plural = rest.partition("/")
    return gender, singular, plural


_NOUNS = {kind: tuple(_forms(word) for word in words) for kind, words in table(_WORDS).items()}

_COLOURS = {
    Colour.RED: ("rot",),
    Colour.ORANGE: ("orangefarben", "orangen"),
    Colour.YELLOW: ("gelb",),
    Colour.GREEN: ("grün",),
    Colour.BLUE: ("blau",),
    Colour.PURPLE: ("violett", "lila"),
    Colour.PINK: ("rosafarben", "rosa"),
    Colour.BROWN: ("braun",),
    Colour.BLACK: ("schwarz",),
    Colour.WHITE: ("weiß",),
}
_UNDECLINED = frozenset({"lila", "rosa"})
_SIZES = {Size.LARGE: ("groß", "riesig"), Size.SMALL: ("klein", "winzig")}
_NUMBERS = ("", "ein", "zwei", "drei", "vier")
_VAGUE = ("einige ", "mehrere ", "ein paar ", "")
# Endings after "ein", by case and gender: of the article and of the adjective.
_SINGULAR = {
    (Case.NOM, "m"): ("", "er"),
    (Case.NOM, "f"): ("e", "e"),
    (Case.NOM, "n"): ("", "es"),
    (Case.ACC, "m"): ("en", "en"),
    (Case.ACC, "f"): ("e", "e"),
    (Case.ACC, "n"): ("", "es"),
    (Case.DAT, "m"): ("em", "en"),
    (Case.DAT, "f"): ("er", "en"),
    (Case.DAT, "n"): ("em", "en"),
}


def _adjectives(words: list[str], ending: str) -> str:
    return "".join(f"{word if word in _UNDECLINED else word + ending} " for word in words)


def thing(group: Group, told: Told, case: Case, rng: Numbers) -> str:
    """Noun phrase in its case: "ein rotes Segelboot", "(mit) einem roten Segelboot", "zwei weiße Häuser"."""
    gender, singular, plural = pick(rng, _NOUNS[group.kind])
    colour, size = pick(rng, _COLOURS[group.colour]), pick(rng, _SIZES[group.size])
    digits, vague = chance(rng, 0.15), pick(rng, _VAGUE)
    words = [size] * told.size + [colour] * told.colour
    if group.count == 1:
        article, ending = _SINGULAR[case, gender]
        return f"{f'ein{article} ' if told.number else ''}{_adjectives(words, ending)}{singular}"
    if case is Case.DAT:
        plural += "" if plural[-1] in "ns" else "n"
        vague = {"einige ": "einigen ", "mehrere ": "mehreren "}.get(vague, vague)
    number = f"{group.count if digits else _NUMBERS[group.count]} " if told.exact else vague
    number = number if told.number else ""
    return f"{number}{_adjectives(words, 'en' if case is Case.DAT else 'e')}{plural}"


_COLUMNS = {
    Column.LEFT: ("links", "auf der linken Seite", "am linken Rand"),
    Column.CENTRE: ("in der Mitte", "in der Bildmitte"),
    Column.RIGHT: ("rechts", "auf der rechten Seite", "am rechten Rand"),
}
_LAYERS = {
    Layer.SKY: ("am Himmel", "in der Luft"),
    Layer.FAR: ("im Hintergrund", "in der Ferne", "weit hinten"),
    Layer.NEAR: ("im Vordergrund", "ganz vorn", "vorne"),
}

GERMAN = LanguageGrammar(
    facts={
        "place": {
            Setting.BEACH: ("an einem Strand", "am Strand", "an der Küste"),
            Setting.HARBOUR: ("in einem Hafen", "im Hafen", "am Kai"),
            Setting.MOUNTAINS: ("in den Bergen", "im Gebirge", "vor hohen Bergen"),
            Setting.CITY: ("in einer Stadt", "in der Stadt", "auf einer Straße in der Stadt"),
            Setting.FARM: ("auf einem Bauernhof", "auf dem Bauernhof", "auf dem Land"),
            Setting.DESERT: ("in der Wüste", "in einer Wüste", "zwischen Sanddünen"),
            Setting.FOREST: ("in einem Wald", "im Wald"),
            Setting.SNOWFIELD: ("auf einem Schneefeld", "auf einer verschneiten Ebene"),
            Setting.LAKE: ("an einem See", "am See", "am Ufer eines Sees"),
            Setting.PARK: ("in einem Park", "im Park", "in einer Parkanlage"),
        },
        "name": {
            Setting.BEACH: ("ein Strand", "eine Küste"),
            Setting.HARBOUR: ("ein Hafen",),
            Setting.MOUNTAINS: ("eine Berglandschaft", "ein Gebirge"),
            Setting.CITY: ("eine Stadt", "eine Straße in der Stadt"),
            Setting.FARM: ("ein Bauernhof", "eine ländliche Gegend"),
            Setting.DESERT: ("eine Wüste", "eine Dünenlandschaft"),
            Setting.FOREST: ("ein Wald",),
            Setting.SNOWFIELD: ("ein Schneefeld", "eine verschneite Ebene"),
            Setting.LAKE: ("ein See", "das Ufer eines Sees"),
            Setting.PARK: ("ein Park", "eine Parkanlage"),
        },
        "time": {
            Time.DAWN: ("bei Sonnenaufgang", "im Morgengrauen", "am frühen Morgen"),
            Time.NOON: ("am Mittag", "zur Mittagszeit", "am helllichten Tag"),
            Time.SUNSET: ("bei Sonnenuntergang", "am Abend", "in der Abenddämmerung"),
            Time.NIGHT: ("bei Nacht", "in der Nacht", "nachts"),
        },
        "time_clause": {
            Time.DAWN: ("die Sonne geht auf", "es ist früher Morgen", "der Tag bricht an"),
            Time.NOON: ("es ist Mittag", "es ist heller Tag"),
            Time.SUNSET: ("die Sonne geht unter", "es ist Abend", "es wird Abend"),
            Time.NIGHT: ("es ist Nacht", "es ist dunkel"),
        },
        "weather": {
            Weather.CLEAR: ("bei klarem Wetter", "unter klarem Himmel", "bei wolkenlosem Himmel"),
            Weather.RAIN: ("im Regen", "bei Regen", "bei Regenwetter"),
            Weather.SNOW: ("bei Schneefall", "im Schneetreiben", "bei fallendem Schnee"),
            Weather.FOG: ("im Nebel", "bei Nebel", "im dichten Nebel"),
        },
        "weather_clause": {
            Weather.CLEAR: ("der Himmel ist klar", "das Wetter ist klar", "es ist wolkenlos"),
            Weather.RAIN: ("es regnet", "Regen fällt"),
            Weather.SNOW: ("es schneit", "Schnee fällt"),
            Weather.FOG: ("es ist neblig", "Nebel liegt in der Luft"),
        },
        "view": dict.fromkeys(Setting, ("eine Ansicht", "ein Bild", "eine Postkarte", "eine Zeichnung")),
    },
    columns=_COLUMNS,
    wheres=combine(_COLUMNS, _LAYERS, ("{column} {layer}", "{layer} {column}")),
    thing=thing,
    verb=lambda group: "ist" if group.count == 1 else "sind",
    join=lambda items: listed(items, ", ", " und "),
    polish=sentence_case,
    full_stop=". ",
    relations={
        RelationKind.LEFT_OF: ("{a} links von {b:dat}", "{a} links neben {b:dat}"),
        RelationKind.RIGHT_OF: ("{a} rechts von {b:dat}", "{a} rechts neben {b:dat}"),
        RelationKind.ABOVE: ("{a} über {b:dat}", "{a} oberhalb von {b:dat}", "{a} hoch über {b:dat}"),
        RelationKind.BEHIND: ("{a} hinter {b:dat}", "{a} weit hinter {b:dat}"),
    },
    items=("{thing} {where}",),
    listings=("{thing} {where}", "{where} {thing}"),
    sentences=(
        "{where} {verb} {thing}",
        "{where} sieht man {thing:acc}",
        "{where} gibt es {thing:acc}",
        "{thing} {verb} {where} zu sehen",
        "man sieht {where} {thing:acc}",
    ),
    pair_sentences=("man sieht {pair:acc}", "es gibt {pair:acc}", "das Bild zeigt {pair:acc}"),
    plans={
        Detail.HIGH: (
            "{place} {time}, {weather}: {listing}.",
            "{things}, {place} {time}, {weather}.",
            "{name} {time}, {weather}, mit {things:dat}.",
            "{view}: {name} {time}, {weather}, mit {things:dat}.",
            "{place}: {time_clause} und {weather_clause}. {sentences}.",
            "{place} {time}: {weather_clause}. {sentences}.",
            "{sentences}. so sieht es {place} {time} {weather} aus.",
            "{weather}, {time}, {place}: {listing}.",
            "{name}. {time_clause} und {weather_clause}. {sentences}.",
            "{time} {weather} sieht man {place} {things:acc}.",
        ),
        Detail.MEDIUM: (
            "{things} {place} {time}.",
            "{things} {place} {weather}.",
            "{place} {time}: {listing}.",
            "{name} {weather} mit {things:dat}.",
            "{view}: {name} {time} mit {things:dat}.",
            "{weather_clause}, {place} sieht man {things:acc}.",
            "{time} sieht man {place} {things:acc}.",
        ),
        Detail.LOW: (
            "{things} {place}.",
            "{things} {place}",
            "{name} mit {things:dat}.",
            "{view}: {name} mit {things:dat}.",
            "{place} sieht man {things:acc}.",
        ),
    },
)
