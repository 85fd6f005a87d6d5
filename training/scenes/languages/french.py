"""French captions."""

from __future__ import annotations

import re

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
SAILBOAT: m voilier, m bateau à voiles/bateaux à voiles
ROWBOAT: f barque, m canot à rames/canots à rames
SHIP: m navire, m paquebot
LIGHTHOUSE: m phare
BUOY: f bouée, f balise
SWAN: m cygne
DUCK: m canard
BALLOON: f montgolfière, m ballon à air chaud/ballons à air chaud
KITE: m cerf-volant/cerfs-volants
PLANE: m avion, m aéroplane
BIRD: m oiseau/oiseaux
AIRSHIP: m dirigeable, m zeppelin
HOUSE: f maison, f maisonnette
BARN: f grange
CHURCH: f église, f chapelle
TOWER: f tour
CASTLE: m château/châteaux, f forteresse
TENT: f tente
WINDMILL: m moulin à vent/moulins à vent, m moulin
CAR: f voiture, f automobile
BUS: m bus/bus, m autobus/autobus
TRUCK: m camion
TRACTOR: m tracteur
BICYCLE: m vélo, f bicyclette
TRAIN: m train
TREE: m arbre
PALM: m palmier
FLOWER: f fleur
CACTUS: m cactus/cactus
MUSHROOM: m champignon
HORSE: m cheval/chevaux
COW: f vache
SHEEP: m mouton
DOG: m chien
CAT: m chat
CAMEL: m chameau/chameaux
DEER: m cerf
UMBRELLA: m parapluie, m parasol
BENCH: m banc
LAMP: m lampadaire, m réverbère
FLAG: m drapeau/drapeaux
SNOWMAN: m bonhomme de neige/bonshommes de neige
BALL: f balle, m ballon
BARREL: m tonneau/tonneaux, f barrique
FENCE: f clôture, f barrière
"""


def _forms(word: str) -> tuple[bool, str, str]:
    """Whether it is feminine, singular and plural of `m cheval/chevaux`; without the plural, it ends in -s."""
    gender, _, rest = word.partition(" ")
    singular, _, plural = rest.partition("/")
    return gender == "f", singular, plural or f"{singular}s"


_NOUNS = {kind: tuple(_forms(word) for word in words) for kind, words in table(_WORDS).items()}

# Masculine, feminine, and both in the plural.
_COLOURS: dict[Colour, tuple[tuple[str, str, str, str], ...]] = {
    Colour.RED: (("rouge", "rouge", "rouges", "rouges"),),
    Colour.ORANGE: (("orange",) * 4, ("de couleur orange",) * 4),
    Colour.YELLOW: (("jaune", "jaune", "jaunes", "jaunes"),),
    Colour.GREEN: (("vert", "verte", "verts", "vertes"),),
    Colour.BLUE: (("bleu", "bleue", "bleus", "bleues"),),
    Colour.PURPLE: (("violet", "violette", "violets", "violettes"),),
    Colour.PINK: (("rose", "rose", "roses", "roses"),),
    Colour.BROWN: (("marron",) * 4, ("brun", "brune", "bruns", "brunes")),
    Colour.BLACK: (("noir", "noire", "noirs", "noires"),),
    Colour.WHITE: (("blanc", "blanche", "blancs", "blanches"),),
}
_NUMBERS = ("", "un", "deux", "trois", "quatre")
_VAGUE = ("des", "quelques", "plusieurs")
_SIZES = {
    Size.LARGE: (("grand", "grande"), ("gros", "grosse")),
    Size.SMALL: (("petit", "petite"), ("tout petit", "toute petite")),
}


def thing(group: Group, told: Told, _case: Case, rng: Numbers) -> str:
    """Noun phrase: "un grand voilier rouge", "deux maisons blanches"."""
    feminine, singular, plural = pick(rng, _NOUNS[group.kind])
    colour = pick(rng, _COLOURS[group.colour])[feminine + 2 * (group.count > 1)]
    colour = f" {colour}" if told.colour else ""
    size = pick(rng, _SIZES[group.size])[feminine]
    digits, vague = chance(rng, 0.15), pick(rng, _VAGUE)
    if not told.number:
        return f"{plural if group.count > 1 else singular}{colour}"
    if group.count == 1:
        return f"{'une' if feminine else 'un'} {f'{size} ' if told.size else ''}{singular}{colour}"
    number = (str(group.count) if digits else _NUMBERS[group.count]) if told.exact else vague
    return f"{number} {plural}{colour}"


_MENDED = {" de un": " d'un", " de le ": " du ", " de les ": " des ", " de des ": " de ",
           ",,": ",", ",.": ".", ", et ": " et ", ", :": " :"}  # fmt: skip
_TO_MEND = re.compile("|".join(re.escape(text) for text in _MENDED))


def _polish(text: str) -> str:
    """Elide `de` and drop commas that meet other marks."""
    return sentence_case(_TO_MEND.sub(lambda match: _MENDED[match[0]], text))


_COLUMNS = {
    Column.LEFT: ("à gauche", "sur la gauche", "du côté gauche"),
    Column.CENTRE: ("au milieu", "au centre"),
    Column.RIGHT: ("à droite", "sur la droite", "du côté droit"),
}
_LAYERS = {
    Layer.SKY: ("dans le ciel", "dans les airs"),
    Layer.FAR: ("à l'arrière-plan", "au loin", "dans le fond"),
    Layer.NEAR: ("au premier plan", "devant", "tout près"),
}

FRENCH = LanguageGrammar(
    facts={
        "place": {
            Setting.BEACH: ("sur une plage", "sur la plage", "au bord de la mer"),
            Setting.HARBOUR: ("dans un port", "dans le port", "au port"),
            Setting.MOUNTAINS: ("dans les montagnes", "à la montagne", "parmi de hautes montagnes"),
            Setting.CITY: ("dans une ville", "en ville", "dans une rue de la ville"),
            Setting.FARM: ("dans une ferme", "à la ferme", "à la campagne"),
            Setting.DESERT: ("dans le désert", "dans un désert", "parmi les dunes de sable"),
            Setting.FOREST: ("dans une forêt", "dans la forêt", "dans les bois"),
            Setting.SNOWFIELD: ("dans un champ enneigé", "sur une plaine enneigée"),
            Setting.LAKE: ("au bord d'un lac", "près d'un lac", "au bord du lac"),
            Setting.PARK: ("dans un parc", "dans le parc", "dans un jardin public"),
        },
        "name": {
            Setting.BEACH: ("une plage", "un bord de mer"),
            Setting.HARBOUR: ("un port", "le port"),
            Setting.MOUNTAINS: ("un paysage de montagne", "les montagnes"),
            Setting.CITY: ("une ville", "une rue de la ville"),
            Setting.FARM: ("une ferme", "la campagne"),
            Setting.DESERT: ("un désert", "le désert"),
            Setting.FOREST: ("une forêt", "la forêt"),
            Setting.SNOWFIELD: ("un champ enneigé", "une plaine enneigée"),
            Setting.LAKE: ("un lac", "un bord de lac"),
            Setting.PARK: ("un parc", "un jardin public"),
        },
        "time": {
            Time.DAWN: ("à l'aube", "au lever du soleil", "au petit matin"),
            Time.NOON: ("à midi", "en plein jour", "en pleine journée"),
            Time.SUNSET: ("au coucher du soleil", "au crépuscule", "le soir"),
            Time.NIGHT: ("la nuit", "de nuit", "en pleine nuit"),
        },
        "time_clause": {
            Time.DAWN: ("le soleil se lève", "c'est l'aube", "le jour se lève"),
            Time.NOON: ("il est midi", "il fait jour", "il fait grand jour"),
            Time.SUNSET: ("le soleil se couche", "c'est le soir", "le soir tombe"),
            Time.NIGHT: ("il fait nuit", "c'est la nuit"),
        },
        "weather": {
            Weather.CLEAR: ("par temps clair", "sous un ciel dégagé", "par beau temps"),
            Weather.RAIN: ("sous la pluie", "par temps de pluie", "pendant qu'il pleut"),
            Weather.SNOW: ("sous la neige qui tombe", "pendant qu'il neige", "sous les flocons"),
            Weather.FOG: ("dans le brouillard", "dans la brume", "par temps de brouillard"),
        },
        "weather_clause": {
            Weather.CLEAR: ("le ciel est dégagé", "il fait beau", "le temps est clair"),
            Weather.RAIN: ("il pleut", "la pluie tombe"),
            Weather.SNOW: ("il neige", "la neige tombe"),
            Weather.FOG: ("il y a du brouillard", "il y a de la brume"),
        },
        "view": dict.fromkeys(
            Setting, ("une vue d'ensemble :", "une image :", "une carte postale :", "un dessin :")
        ),
    },
    columns=_COLUMNS,
    wheres=combine(_COLUMNS, _LAYERS, ("{layer} {column}", "{layer}, {column},")),
    thing=thing,
    verb=lambda group: "se trouve" if group.count == 1 else "se trouvent",
    join=lambda items: listed(items, ", ", " et "),
    polish=_polish,
    full_stop=". ",
    relations={
        RelationKind.LEFT_OF: ("{a} à gauche de {b}", "{a} du côté gauche de {b}"),
        RelationKind.RIGHT_OF: ("{a} à droite de {b}", "{a} du côté droit de {b}"),
        RelationKind.ABOVE: ("{a} au-dessus de {b}", "{a} bien au-dessus de {b}"),
        RelationKind.BEHIND: ("{a} derrière {b}", "{a} loin derrière {b}"),
    },
    items=("{thing} {where}",),
    listings=("{thing} {where}", "{where} {thing}"),
    sentences=(
        "il y a {thing} {where}",
        "{where} il y a {thing}",
        "{where} {verb} {thing}",
        "on voit {thing} {where}",
        "{where} on aperçoit {thing}",
    ),
    pair_sentences=("il y a {pair}", "on voit {pair}", "l'image montre {pair}"),
    plans={
        Detail.HIGH: (
            "{place} {time}, {weather} : {listing}.",
            "{things}, {place} {time}, {weather}.",
            "{name} {time}, {weather}, avec {things}.",
            "{view} {name} {time}, {weather}, avec {things}.",
            "{time_clause} et {weather_clause} {place}. {sentences}.",
            "{place}, {time_clause} et {weather_clause}. {sentences}.",
            "{sentences}. {weather_clause} {place} {time}.",
            "{weather}, {time}, {place} : {listing}.",
            "{name} : {listing}. {time_clause} et {weather_clause}.",
        ),
        Detail.MEDIUM: (
            "{things} {place} {time}.",
            "{things} {place} {weather}.",
            "{place} {time}, {things}.",
            "{name} {weather} avec {things}.",
            "{view} {name} {time} avec {things}.",
            "{time_clause} {place}, avec {things}.",
            "{weather_clause} {place}. on voit {things}.",
        ),
        Detail.LOW: (
            "{things} {place}.",
            "{things} {place}",
            "{name} avec {things}.",
            "{view} {name} avec {things}.",
            "{place}, {things}.",
        ),
    },
)
