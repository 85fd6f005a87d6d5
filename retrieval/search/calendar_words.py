"""Calendar words of six languages (en, de, es, fr; zh and ja in `cjk_periods`), and the words that take a year away.

All are folded as `typed_words.fold` does: in small letters and without accents.
"""

from __future__ import annotations

from collections.abc import Mapping


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


def _numbered(*rows: str) -> dict[str, int]:
    """Row n holds the words for n."""
    return {word: number for number, row in enumerate(rows, start=1) for word in row.split()}


MONTHS = _numbered(
    "january jan januar janner janvier janv enero ene",
    "february feb februar fevrier fevr febrero",
    "march mar marz maerz mars marzo",
    "april apr avril avr abril abr",
    "may mai mayo",
    "june jun juni juin junio",
    "july jul juli juillet juil julio",
    "august aug aout agosto ago",
    "september sept sep septembre septiembre setiembre",
    "october oct oktober okt octobre octubre",
    "november nov novembre noviembre",
    "december dec dezember dez decembre diciembre dic",
)
# The sea in Spanish, the planet and the field: months only beside a day or behind a preposition.
DOUBTFUL_MONTHS = frozenset({"mar", "mars"})
BEFORE_MARS = _words("depuis avant apres debut fin")  # depuis mars 2023; not the planet
MARCHES = _words(
    """women womens pride peace protest death wedding freedom climate long million funeral band forced victory s"""
)

SPRING, SUMMER, AUTUMN, WINTER = 3, 6, 9, 12  # the first month of each (meteorological, north of the equator)
SEASONS: Mapping[str, int] = {
    **dict.fromkeys(_words("spring springtime fruhling fruhjahr primavera printemps"), SPRING),
    **dict.fromkeys(_words("summer summertime sommer verano ete"), SUMMER),
    **dict.fromkeys(_words("autumn fall herbst otono automne"), AUTUMN),
    **dict.fromkeys(_words("winter wintertime invierno hiver"), WINTER),
}

# Holidays by their words, the longest first: the key of `periods.HOLIDAYS`.
HOLIDAYS: Mapping[tuple[str, ...], str] = {
    ("christmas", "eve"): "christmas eve",
    ("christmas", "day"): "christmas day",
    ("boxing", "day"): "boxing day",
    ("zweiter", "weihnachtstag"): "boxing day",
    ("zweiter", "weihnachtsfeiertag"): "boxing day",
    ("erster", "weihnachtstag"): "christmas day",
    ("erster", "weihnachtsfeiertag"): "christmas day",
    ("dia", "de", "navidad"): "christmas day",
    ("jour", "de", "noel"): "christmas day",
    ("veille", "de", "noel"): "christmas eve",
    ("reveillon", "de", "noel"): "christmas eve",
    ("christmas",): "christmas",
    ("xmas",): "christmas",
    ("weihnachten",): "christmas",
    ("weihnachtstage",): "christmas",
    ("weihnacht",): "christmas",
    ("heiligabend",): "christmas eve",
    ("heiliger", "abend"): "christmas eve",
    ("heilig", "abend"): "christmas eve",
    ("navidad",): "christmas",
    ("navidades",): "christmas",
    ("nochebuena",): "christmas eve",
    ("noel",): "christmas",
    ("new", "year", "s", "eve"): "new year's eve",
    ("new", "years", "eve"): "new year's eve",
    ("new", "year", "s", "day"): "new year's day",
    ("new", "years", "day"): "new year's day",
    ("new", "year", "s"): "new year",
    ("new", "years"): "new year",
    ("new", "year"): "new year",
    ("silvester",): "new year's eve",
    ("nochevieja",): "new year's eve",
    ("fin", "de", "ano"): "new year's eve",
    ("saint", "sylvestre"): "new year's eve",
    ("neujahr",): "new year's day",
    ("neujahrstag",): "new year's day",
    ("1er", "de", "l", "an"): "new year's day",
    ("jour", "de", "l", "an"): "new year's day",
    ("nouvel", "an"): "new year",
    ("ano", "nuevo"): "new year's day",
    ("halloween",): "halloween",
    ("valentine", "s", "day"): "valentine",
    ("valentines", "day"): "valentine",
    ("valentinstag",): "valentine",
    ("san", "valentin"): "valentine",
    ("saint", "valentin"): "valentine",
    ("good", "friday"): "good friday",
    ("karfreitag",): "good friday",
    ("viernes", "santo"): "good friday",
    ("vendredi", "saint"): "good friday",
    ("easter", "sunday"): "easter sunday",
    ("ostersonntag",): "easter sunday",
    ("easter", "monday"): "easter monday",
    ("ostermontag",): "easter monday",
    ("domingo", "de", "pascua"): "easter sunday",
    ("domingo", "de", "resurreccion"): "easter sunday",
    ("dimanche", "de", "paques"): "easter sunday",
    ("lunes", "de", "pascua"): "easter monday",
    ("lundi", "de", "paques"): "easter monday",
    ("easter",): "easter",
    ("ostern",): "easter",
    ("semana", "santa"): "holy week",
    ("pascua",): "easter",
    ("paques",): "easter",
    ("pfingstsonntag",): "whit sunday",
    ("pfingstmontag",): "whit monday",
    ("lundi", "de", "pentecote"): "whit monday",
    ("pfingsten",): "pentecost",
    ("pentecost",): "pentecost",
    ("pentecote",): "pentecost",
    ("pentecostes",): "pentecost",
    ("thanksgiving",): "thanksgiving",
    ("all", "saints", "day"): "all saints",
    ("allerheiligen",): "all saints",
    ("todos", "los", "santos"): "all saints",
    ("toussaint",): "all saints",
    ("epiphany",): "epiphany",
    ("heilige", "drei", "konige"): "epiphany",
    ("dreikonigstag",): "epiphany",
    ("dia", "de", "reyes"): "epiphany",
    ("nikolaustag",): "st nicholas",
    ("st", "patrick", "s", "day"): "st patrick",
    ("st", "patricks", "day"): "st patrick",
    ("saint", "patrick", "s", "day"): "st patrick",
    ("april", "fools", "day"): "april fools",
    ("april", "fool", "s", "day"): "april fools",
    ("fourth", "of", "july"): "fourth of july",
    ("dia", "de", "muertos"): "all souls",
    ("dia", "de", "los", "muertos"): "all souls",
}
HOLIDAY_PHRASES = frozenset(HOLIDAYS)
# Before or behind a new year that is not that of January: Chinese New Year, nouvel an chinois.
OF_OTHER_CALENDARS = _words(
    """chinese lunar jewish persian thai vietnamese korean islamic tibetan chinesisches judisches persisches chino lunar
    judio persa chinois lunaire juif persan"""
)
# Feasts of several words whose days move: of these a year behind says when.
MOVABLE_FEASTS = frozenset(
    {
        ("new", "year"),
        ("ano", "nuevo", "chino"),
        ("ano", "nuevo", "lunar"),
        ("nouvel", "an", "chinois"),
        ("nouvel", "an", "lunaire"),
        ("chinesisches", "neujahr"),
        ("mardi", "gras"),
        ("san", "fermin"),
        ("fete", "de", "la", "musique"),
    }
)

DAYS = _words("day tag dia jour")  # Mother's Day
DAY, WEEK, MONTH, YEAR, WEEKEND = "day", "week", "month", "year", "weekend"
UNITS: Mapping[str, str] = {
    **dict.fromkeys(_words("day days tag tage tagen dia dias jour jours"), DAY),
    **dict.fromkeys(_words("week weeks woche wochen semana semanas semaine semaines"), WEEK),
    **dict.fromkeys(_words("month months monat monate monaten mes meses mois"), MONTH),
    **dict.fromkeys(_words("year years jahr jahre jahren ano anos an ans annee annees"), YEAR),
    **dict.fromkeys(_words("weekend weekends wochenende wochenenden finde findes"), WEEKEND),
}
# Those of several words.
WEEKENDS = frozenset({("week", "end"), ("fin", "de", "semana"), ("fines", "de", "semana")})
PHOTOS = _words(
    """photo photograph foto photos photographs pictures pics images snapshots fotos bilder aufnahmen fotografias
    imagenes"""
)
PHOTO_ENDS = ("foto", "fotos", "bild", "bilder", "aufnahme", "aufnahmen")  # Klassenfoto
# They say that something was photographed long ago: scanned slides from the seventies, notre maison en 1982.
OF_OLD_PHOTOS = PHOTOS | _words(
    """picture image snapshot bild aufnahme fotografia imagen pic
    old alte altes alter alten viejo vieja viejos viejas antigua antiguas antiguo antiguos vieux vieille vieilles vieil
    ancienne anciennes ancien anciens scan scans scanned gescannt slide slides dias diapositiva diapositivas diapositive
    diapositives negative negatives negativos my our us me mein meine meinem meinen meiner unser unsere unserem unseren
    unserer mi mis nuestro nuestra nuestros nuestras mon ma mes notre nos"""
)
INDEFINITE = _words("a an ein eine einen einem einer un una une")
YEAR_WORDS = _words("year jahr jahre ano annee")

WEEKDAYS = _numbered(
    "monday montag lunes lundi",
    "tuesday dienstag martes mardi",
    "wednesday mittwoch miercoles mercredi",
    "thursday donnerstag jueves jeudi",
    "friday freitag viernes vendredi",
    "saturday samstag sonnabend sabado samedi",
    "sunday sonntag domingo dimanche",
)

NUMBERS = {
    **_numbered(
        "one a an ein eine einem einer einen un una une",
        "two zwei dos deux couple par",
        "three drei tres trois",
        "four vier cuatro quatre",
        "five funf cinco cinq",
        "six sechs seis",
        "seven sieben siete sept",
        "eight acht ocho huit",
        "nine neun nueve neuf",
        "ten zehn diez dix",
        "eleven elf once onze",
        "twelve zwolf doce douze",
    )
}

PAIRS = frozenset({"couple", "par"})  # of, behind an article
SOME = frozenset({"few", "paar", "quelques"})
SOME_COUNT = 3
PLURAL_UNITS = _words(
    """days weeks months years tage tagen wochen monate monaten jahre jahren dias semanas meses anos jours semaines ans
    annees"""
)

LAST = _words(
    """last past letzte letzten letzter letztes letztem vergangene vergangenen vergangener vergangenes vergangenem
    vorige vorigen voriger voriges vorigem ultimo ultima ultimos ultimas
    pasado pasada pasados pasadas"""
)
_AVANT_DERNIER = frozenset({("avant", "dernier"), ("avant", "derniere")})
LAST_BUT_ONE = _AVANT_DERNIER | {
    (word,) for word in _words("vorletzte vorletzten vorletzter vorletztes vorletztem penultimo penultima")
}
BEFORE_LAST = _AVANT_DERNIER | {("before", "last")}  # the summer before last
LAST_BEHIND = _words("""pasado pasada pasados pasadas dernier derniere derniers dernieres""")
THESE = frozenset({"these", "diese", "diesen", "estos", "estas", "ces"})
THIS = _words("""this diese diesen dieser dieses diesem este esta ce cet cette""")

YESTERDAY = frozenset(
    {
        ("yesterday",),
        ("yesterday", "morning"),
        ("yesterday", "afternoon"),
        ("yesterday", "evening"),
        ("last", "night"),
        ("letzte", "nacht"),
        ("gestern", "nacht"),
        ("la", "nuit", "derniere"),
        ("gestern",),
        ("gestern", "morgen"),
        ("gestern", "fruh"),
        ("gestern", "mittag"),
        ("gestern", "nachmittag"),
        ("gestern", "abend"),
        ("ayer",),
        ("ayer", "por", "la", "manana"),
        ("ayer", "por", "la", "tarde"),
        ("ayer", "por", "la", "noche"),
        ("anoche",),
        ("d", "hier"),
        ("hier", "matin"),
        ("hier", "soir"),
    }
)
BEFORE_YESTERDAY = frozenset(
    {
        ("day", "before", "yesterday"),
        ("vorgestern",),
        ("anteayer",),
        ("antes", "de", "ayer"),
        ("avant", "hier"),
    }
)
TODAY = frozenset(
    {
        ("today",),
        ("this", "morning"),
        ("this", "afternoon"),
        ("this", "evening"),
        ("heute",),
        ("heute", "morgen"),
        ("heute", "fruh"),
        ("heute", "vormittag"),
        ("heute", "mittag"),
        ("heute", "nachmittag"),
        ("heute", "abend"),
        ("hoy",),
        ("esta", "manana"),
        ("esta", "tarde"),
        ("esta", "noche"),
        ("aujourd", "hui"),
        ("ce", "matin"),
        ("ce", "soir"),
        ("cet", "apres", "midi"),
    }
)
TODAY_ALONE = frozenset({("today",), ("heute",), ("hoy",), ("aujourd", "hui")})
NOW = TODAY_ALONE | {("now",), ("present",), ("jetzt",), ("ahora",), ("maintenant",)}
# Around a holiday, and longer than it.
SEASONAL = _words(
    """fete fetes fiesta fiestas marche marches mercado mercadillo vacances vacaciones calendrier sapin arbol luces
    decoration decorations adornos"""
)
# What goes on behind a day that is one: yesterday at the lake; not today's menu.
BEHIND_A_DAY = _words(
    """in from on during at for im am vom von aus en de del desde durante dans pendant au a el le la the l der den dem
    with near around to chez avec sur mit bei beim auf zu zum zur con cerca taken shot made"""
)
FRENCH = _words("avec chez a au aux dans sur apres pendant")
NOT_BEFORE_TODAY = frozenset({"usa", "old", "psychology", "toronto", "russia"})

# Parts of a year: its first and last month.
PARTS: Mapping[str, tuple[int, int]] = {
    **dict.fromkeys(_words("early anfang principios debut"), (1, 4)),
    **dict.fromkeys(_words("mid mitte mediados"), (5, 8)),
    **dict.fromkeys(_words("late ende finales fin"), (9, 12)),
}

# Nouns of them, which say so behind "of" only: the end of 2019.
PARTS_OF: Mapping[str, tuple[int, int]] = {
    **dict.fromkeys(_words("beginning start comienzos comienzo inicio inicios principio"), (1, 4)),
    **dict.fromkeys(_words("middle milieu"), (5, 8)),
    **dict.fromkeys(_words("end fines final"), (9, 12)),
}

# Parts of a decade: its first and last year.
PARTS_OF_DECADES: Mapping[int, tuple[int, int]] = {1: (0, 3), 5: (4, 6), 9: (7, 9)}

# What may stand between a preposition and its date, or between a month and its year.
ARTICLES = _words("the der die das den dem des el la los las le les l")
OF = _words("of de del des du d of the von vom")
# Prepositions before a date that say no more than the date; they go with it.
IN = _words(
    """in des from on during at of for im am vom von aus wahrend en de del desde d durante du dans pendant au a el le la
    the l der den dem taken shot made"""
)
# Those that give a lone year of any century for one.
IN_A_YEAR = _words(
    """in des from during im aus anno en de del d du durante pendant annee ano jahr year jahre"""
)

SINCE = frozenset(
    {
        ("since",),
        ("seit",),
        ("ab",),
        ("desde",),
        ("depuis",),
        ("a", "partir", "de"),
        ("a", "partir", "d"),
    }
)
AFTER = frozenset(
    {
        ("after",),
        ("newer", "than"),
        ("later", "than"),
        ("nach",),
        ("neuer", "als"),
        ("spater", "als"),
        ("despues", "de"),
        ("despues", "del"),
        ("posterior", "a"),
        ("posteriores", "a"),
        ("apres",),
        ("posterieures", "a"),
    }
)
BEFORE = frozenset(
    {
        ("before",),
        ("older", "than"),
        ("earlier", "than"),
        ("prior", "to"),
        ("vor",),
        ("alter", "als"),
        ("antes", "de"),
        ("antes", "del"),
        ("anterior", "a"),
        ("anteriores", "a"),
        ("avant",),
        ("anterieures", "a"),
    }
)
UNTIL = frozenset(
    {
        ("until",),
        ("till",),
        ("up", "to"),
        ("bis",),
        ("hasta",),
        ("jusqu", "en"),
        ("jusqu", "a"),
        ("jusqu", "au"),
    }
)
EDGES = frozenset(word for phrases in (SINCE, AFTER, BEFORE, UNTIL) for phrase in phrases for word in phrase)
COUNTED_FROM = _words("before after vor nach antes despues avant apres")  # behind a day: the day after
ONWARDS = frozenset(
    {("on",), ("onwards",), ("onward",), ("en", "adelante"), ("and", "later"), ("or", "later")}
)
TO = frozenset({"to", "until", "till", "through", "thru", "bis", "a", "al", "hasta", "au", "jusqu"})
BETWEEN = frozenset({"between", "zwischen", "entre"})
AND = frozenset({"and", "und", "y", "et", "e"})
AGO_BEHIND = frozenset({"ago"})
AGO_BEFORE = frozenset({("vor",), ("hace",), ("il", "y", "a")})
US = _words("i we he she you they who ich wir er sie du wer yo nosotros je nous on")
NOT = _words(
    """not no nothing none except without excluding nichts nada rien nicht
    kein keine keinem ohne ausser sin excepto salvo pas sans sauf never nie"""
)

DECADES: Mapping[
    str, int
] = {  # in words: the sixties, in den Sechzigern, los años sesenta, les années soixante
    **dict.fromkeys(_words("twenties zwanziger zwanzigern veinte vingt"), 20),
    **dict.fromkeys(_words("thirties dreissiger dreissigern treinta trente"), 30),
    **dict.fromkeys(_words("forties vierziger vierzigern cuarenta quarante"), 40),
    **dict.fromkeys(_words("fifties funfziger funfzigern cincuenta cinquante"), 50),
    **dict.fromkeys(_words("sixties sechziger sechzigern sesenta soixante"), 60),
    **dict.fromkeys(_words("seventies siebziger siebzigern setenta"), 70),
    **dict.fromkeys(_words("eighties achtziger achtzigern ochenta"), 80),
    **dict.fromkeys(_words("nineties neunziger neunzigern noventa"), 90),
}
DECADE_STYLES = _words(
    """advert ad advertisement commercial magazine catalogue catalog recipe menu song radio werbung anuncio publicite
    style look party fashion mode music musik hair outfit dress kleid car cars auto autos disco kitchen decor design
    costume kostum clothes kleidung hairstyle frisur estilo moda musica ropa musique robe deco retro vibe vibes
    aesthetic poster posters sofa furniture mobel muebles meubles toys computer tv radio phone telephone"""
)
