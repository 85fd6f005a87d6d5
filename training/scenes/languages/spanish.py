"""Spanish captions."""

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
SAILBOAT: m velero, m barco de vela/barcos de vela
ROWBOAT: m bote de remos/botes de remos, f barca de remos/barcas de remos
SHIP: m buque, m barco de vapor/barcos de vapor
LIGHTHOUSE: m faro
BUOY: f boya
SWAN: m cisne
DUCK: m pato
BALLOON: m globo aerostático/globos aerostáticos, m globo
KITE: f cometa
PLANE: m avión/aviones, m aeroplano
BIRD: m pájaro
AIRSHIP: m dirigible, m zepelín/zepelines
HOUSE: f casa
BARN: m granero
CHURCH: f iglesia, f capilla
TOWER: f torre
CASTLE: m castillo, f fortaleza
TENT: f tienda de campaña/tiendas de campaña, f carpa
WINDMILL: m molino de viento/molinos de viento, m molino
CAR: m coche, m carro, m automóvil/automóviles
BUS: m autobús/autobuses, m autocar/autocares
TRUCK: m camión/camiones
TRACTOR: m tractor/tractores
BICYCLE: f bicicleta, f bici
TRAIN: m tren/trenes
TREE: m árbol/árboles
PALM: f palmera
FLOWER: f flor/flores
CACTUS: m cactus/cactus
MUSHROOM: f seta, m hongo
HORSE: m caballo
COW: f vaca
SHEEP: f oveja
DOG: m perro
CAT: m gato
CAMEL: m camello
DEER: m ciervo, m venado
UMBRELLA: m paraguas/paraguas, f sombrilla
BENCH: m banco
LAMP: f farola
FLAG: f bandera
SNOWMAN: m muñeco de nieve/muñecos de nieve
BALL: f pelota, m balón/balones
BARREL: m barril/barriles, m tonel/toneles
FENCE: f valla, f cerca
"""


def _forms(word: str) -> tuple[bool, str, str]:
    """Whether it is feminine, singular and plural of `f flor/flores`; without the plural, it ends in -s."""
    gender, _, rest = word.partition(" ")
    singular, _, plural = rest.partition("/")
    return gender == "f", singular, plural or f"{singular}s"


_NOUNS = {kind: tuple(_forms(word) for word in words) for kind, words in table(_WORDS).items()}

# Masculine, feminine, and both in the plural.
_COLOURS: dict[Colour, tuple[tuple[str, str, str, str], ...]] = {
    Colour.RED: (("rojo", "roja", "rojos", "rojas"),),
    Colour.ORANGE: (("naranja", "naranja", "naranjas", "naranjas"), ("de color naranja",) * 4),
    Colour.YELLOW: (("amarillo", "amarilla", "amarillos", "amarillas"),),
    Colour.GREEN: (("verde", "verde", "verdes", "verdes"),),
    Colour.BLUE: (("azul", "azul", "azules", "azules"),),
    Colour.PURPLE: (
        ("morado", "morada", "morados", "moradas"),
        ("violeta", "violeta", "violetas", "violetas"),
    ),
    Colour.PINK: (("rosa", "rosa", "rosas", "rosas"), ("rosado", "rosada", "rosados", "rosadas")),
    Colour.BROWN: (("marrón", "marrón", "marrones", "marrones"), ("de color café",) * 4),
    Colour.BLACK: (("negro", "negra", "negros", "negras"),),
    Colour.WHITE: (("blanco", "blanca", "blancos", "blancas"),),
}
_NUMBERS = ("", "un", "dos", "tres", "cuatro")
_VAGUE = (("unos", "unas"), ("varios", "varias"), ("algunos", "algunas"))
_SIZES = {
    Size.LARGE: (("un gran", "una gran", ""), ("un", "una", " grande")),
    Size.SMALL: (("un pequeño", "una pequeña", ""), ("un", "una", " pequeñ{o}")),
}


def thing(group: Group, told: Told, _case: Case, rng: Numbers) -> str:
    """Noun phrase: "un gran velero rojo", "dos casas blancas"."""
    feminine, singular, plural = pick(rng, _NOUNS[group.kind])
    colour = pick(rng, _COLOURS[group.colour])[feminine + 2 * (group.count > 1)]
    colour = f" {colour}" if told.colour else ""
    before_m, before_f, after = pick(rng, _SIZES[group.size])
    digits, vague = chance(rng, 0.15), pick(rng, _VAGUE)[feminine]
    if not told.number:
        return f"{plural if group.count > 1 else singular}{colour}"
    if group.count == 1:
        if not told.size:
            before_m, before_f, after = "un", "una", ""
        after = after.replace("{o}", "a" if feminine else "o")
        return f"{before_f if feminine else before_m} {singular}{colour}{after}"
    number = (str(group.count) if digits else _NUMBERS[group.count]) if told.exact else vague
    return f"{number} {plural}{colour}"


_COLUMNS = {
    Column.LEFT: ("a la izquierda", "en el lado izquierdo", "en la parte izquierda"),
    Column.CENTRE: ("en el centro", "en el medio", "en la parte central"),
    Column.RIGHT: ("a la derecha", "en el lado derecho", "en la parte derecha"),
}
_LAYERS = {
    Layer.SKY: ("en el cielo", "en el aire"),
    Layer.FAR: ("al fondo", "a lo lejos", "en la distancia"),
    Layer.NEAR: ("en primer plano", "delante", "cerca"),
}

SPANISH = LanguageGrammar(
    facts={
        "place": {
            Setting.BEACH: ("en una playa", "en la playa", "a orillas del mar"),
            Setting.HARBOUR: ("en un puerto", "en el puerto", "en el muelle"),
            Setting.MOUNTAINS: ("en las montañas", "entre altas montañas", "en la montaña"),
            Setting.CITY: ("en una ciudad", "en la ciudad", "en una calle de la ciudad"),
            Setting.FARM: ("en una granja", "en la granja", "en el campo"),
            Setting.DESERT: ("en el desierto", "en un desierto", "entre dunas de arena"),
            Setting.FOREST: ("en un bosque", "en el bosque"),
            Setting.SNOWFIELD: ("en un campo nevado", "en una llanura nevada"),
            Setting.LAKE: ("junto a un lago", "a orillas de un lago", "en el lago"),
            Setting.PARK: ("en un parque", "en el parque", "en un jardín público"),
        },
        "name": {
            Setting.BEACH: ("una playa", "la playa", "la orilla del mar"),
            Setting.HARBOUR: ("un puerto", "el puerto"),
            Setting.MOUNTAINS: ("un paisaje de montaña", "las montañas"),
            Setting.CITY: ("una ciudad", "una calle de la ciudad"),
            Setting.FARM: ("una granja", "el campo"),
            Setting.DESERT: ("un desierto", "el desierto", "unas dunas de arena"),
            Setting.FOREST: ("un bosque", "el bosque"),
            Setting.SNOWFIELD: ("un campo nevado", "una llanura nevada"),
            Setting.LAKE: ("un lago", "la orilla de un lago"),
            Setting.PARK: ("un parque", "un jardín público"),
        },
        "time": {
            Time.DAWN: ("al amanecer", "de madrugada", "a la salida del sol"),
            Time.NOON: ("al mediodía", "a mediodía", "a plena luz del día"),
            Time.SUNSET: ("al atardecer", "al anochecer", "a la puesta de sol"),
            Time.NIGHT: ("de noche", "por la noche", "en plena noche"),
        },
        "time_clause": {
            Time.DAWN: ("amanece", "sale el sol", "está amaneciendo"),
            Time.NOON: ("es mediodía", "es pleno día"),
            Time.SUNSET: ("atardece", "se pone el sol", "está anocheciendo"),
            Time.NIGHT: ("es de noche", "ya es de noche"),
        },
        "weather": {
            Weather.CLEAR: ("con cielo despejado", "con buen tiempo", "bajo un cielo despejado"),
            Weather.RAIN: ("bajo la lluvia", "con lluvia", "mientras llueve"),
            Weather.SNOW: ("bajo la nieve", "mientras nieva", "con nieve que cae"),
            Weather.FOG: ("con niebla", "en la niebla", "entre la niebla"),
        },
        "weather_clause": {
            Weather.CLEAR: ("el cielo está despejado", "hace buen tiempo", "no hay nubes"),
            Weather.RAIN: ("llueve", "está lloviendo", "cae la lluvia"),
            Weather.SNOW: ("nieva", "está nevando", "cae la nieve"),
            Weather.FOG: ("hay niebla", "hay mucha niebla"),
        },
        "view": dict.fromkeys(Setting, ("una vista de", "una imagen de", "una postal de", "un dibujo de")),
    },
    columns=_COLUMNS,
    wheres=combine(_COLUMNS, _LAYERS, ("{layer} {column}", "{layer}, {column},")),
    thing=thing,
    verb=lambda group: "está" if group.count == 1 else "están",
    join=lambda items: listed(items, ", ", " y "),
    polish=lambda text: sentence_case(
        text.replace(",,", ",")
        .replace(",.", ".")
        .replace(", y ", " y ")
        .replace(",:", ":")
        .replace(" de el ", " del ")
    ),
    full_stop=". ",
    relations={
        RelationKind.LEFT_OF: ("{a} a la izquierda de {b}", "{a} al lado izquierdo de {b}"),
        RelationKind.RIGHT_OF: ("{a} a la derecha de {b}", "{a} al lado derecho de {b}"),
        RelationKind.ABOVE: ("{a} por encima de {b}", "{a} encima de {b}", "{a} sobre {b}"),
        RelationKind.BEHIND: ("{a} detrás de {b}", "{a} muy detrás de {b}"),
    },
    items=("{thing} {where}",),
    listings=("{thing} {where}", "{where} {thing}"),
    sentences=(
        "hay {thing} {where}",
        "{where} hay {thing}",
        "{thing} {verb} {where}",
        "vemos {thing} {where}",
        "{where} vemos {thing}",
    ),
    pair_sentences=("hay {pair}", "vemos {pair}", "la imagen muestra {pair}"),
    plans={
        Detail.HIGH: (
            "{place} {time}, {weather}: {listing}.",
            "{things}, {place} {time}, {weather}.",
            "{name} {time}, {weather}, con {things}.",
            "{view} {name} {time}, {weather}, con {things}.",
            "{time_clause} y {weather_clause} {place}. {sentences}.",
            "{place}, {time_clause} y {weather_clause}. {sentences}.",
            "{sentences}. {weather_clause} {place} {time}.",
            "{weather}, {time}, {place}: {listing}.",
            "{view} {name}: {listing}. {time_clause} y {weather_clause}.",
        ),
        Detail.MEDIUM: (
            "{things} {place} {time}.",
            "{things} {place} {weather}.",
            "{place} {time}, {things}.",
            "{name} {weather} con {things}.",
            "{view} {name} {time} con {things}.",
            "{time_clause} {place}, con {things}.",
            "{weather_clause} {place}. hay {things}.",
        ),
        Detail.LOW: (
            "{things} {place}.",
            "{things} {place}",
            "{name} con {things}.",
            "{view} {name} con {things}.",
            "{place}, {things}.",
        ),
    },
)
