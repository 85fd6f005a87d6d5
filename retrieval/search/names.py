"""Names in a typed sentence: people and places that the library knows, where nothing else can be meant.

A name that the vocabulary has is read by what stands around it. "in Lisbon", "Lisbon, May 2018", "sunset lisbon" and
"Lisbon harbour" are the place; "lisbon lions" and "paris hilton" may be something else, and stay words. So do names
that are words as well (turkey, Rose, May), unless capital letters and the rest of the sentence speak for the name.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import zip_longest

from vasari.retrieval.search import calendar_words
from vasari.retrieval.search import name_words as words
from vasari.retrieval.search.cjk_names import cjk_names_in
from vasari.retrieval.search.media_kinds import Asked
from vasari.retrieval.search.subject_words import COLOURS, FAMILY, is_german_trip, is_of_a_family, is_subject
from vasari.retrieval.search.typed_words import Stretch, Token
from vasari.retrieval.search.vocabulary import Named, Place, Vocabulary, one_of, place_filter
from vasari.retrieval.search.year_words import INSCRIBED

_LONGEST = 9  # tokens of a name, with its hyphens and apostrophes
_JOINTS = ("-", "'", "’", ".", "&")


def names_in(
    text: str, runs: Iterable[Sequence[Token]], vocabulary: Vocabulary, *, dated: bool
) -> Iterator[Asked]:
    """People and places of a text; `runs` are its tokens that mean nothing else yet, `dated` that a date is said."""
    segments = [segment for run in runs for segment in _segments(run)]
    elsewhere = False
    for segment, behind in zip_longest(segments, segments[1:], fillvalue=()):
        phrase = _Segment(text, segment, vocabulary, dated=dated or len(segments) > 1)
        told = _told_behind(behind)
        found = [] if told in words.WORKS or _ends_in_a_work(behind) else list(phrase.names())
        if told in words.PLACE_NOUNS:
            found = [one for one in found if one.kind != "person"]
        was_elsewhere, elsewhere = elsewhere, _is_city_of_elsewhere(text, found, behind, vocabulary)
        if not (elsewhere or was_elsewhere):
            yield from found


def _told_behind(tokens: Sequence[Token]) -> str:
    """The word by which a phrase tells what the one before it names: Roma, la película de Cuarón."""
    told = (token.folded for token in tokens if token.folded not in words.ARTICLES | words.INDEFINITE)
    return next(told, "")


def _ends_in_a_work(tokens: Sequence[Token]) -> bool:
    """Whether what goes on behind a comma is a work: Rom, Open City DVD."""
    return bool(tokens) and tokens[-1].folded in words.TITLED


def _is_city_of_elsewhere(
    text: str, found: Sequence[Asked], behind: Sequence[Token], vocabulary: Vocabulary
) -> bool:
    """Whether a region or country follows a city that lies elsewhere here, so is another: Naples, Florida."""
    if [one.kind for one in found] != ["place"] or not behind:
        return False
    told = text[behind[0].start : behind[-1].end]
    places = vocabulary.named(words.STATES_BY_CODE.get(told, told)).places
    regions = [place for place in places if place.field in ("state", "country")]
    if not regions or not any(place.is_here for place in places):
        return bool(regions)
    cities = vocabulary.named(text[found[0].said : found[0].until]).places
    within = frozenset[str]().union(*(city.within for city in cities))
    return bool(within) and not any(region.name in within for region in regions)


def _segments(run: Sequence[Token]) -> Iterator[list[Token]]:
    """Parted at commas and other signs that end a phrase."""
    segment: list[Token] = []
    for token in run:
        if token.is_word or token.text in _JOINTS:
            segment.append(token)
        elif token.text == "/" and segment and segment[-1].folded == "w":
            continue  # w/ anna
        elif segment:
            yield segment
            segment = []
    if segment:
        yield segment


class _Segment:
    """A phrase between commas, dates and ends."""

    def __init__(self, text: str, tokens: Sequence[Token], vocabulary: Vocabulary, *, dated: bool) -> None:
        self.text, self.tokens, self.vocabulary, self.dated = text, tokens, vocabulary, dated

    def names(self) -> Iterator[Asked]:
        """Left to right, the longest first."""
        if listed := self._listed():
            yield from listed
            return
        at = 0
        while at < len(self.tokens):
            if (behind := self._behind_cjk(at)) > at:
                run = Stretch(self.tokens[at].start, self.tokens[behind - 1].end)
                yield from cjk_names_in(self.text, run, self.vocabulary)
                at = behind
                continue
            found = next(self._named(at), None)
            if found is None:
                at += 1
                continue
            asked, at = found
            yield asked

    def _listed(self) -> list[Asked]:
        """People and places told one behind the other and nothing else, as who is in haste types: 2018 lisbon anna.

        Somebody must be among them, by the whole name or with a date or a third name beside; names that are words are
        read by other rules. What is photographed may end the list (2016 berlin tom bike).
        """
        found: list[Asked] = []
        at = 0
        while at < len(self.tokens):
            ends = range(min(len(self.tokens), at + _LONGEST), at, -1)
            known = self._is_known(self.tokens[at])
            if one := next((one for end in ends if known and (one := self._alone(at, end))), None):
                found.append(one[0])
                at = one[1]
            elif found and self._word(at) in words.TOGETHER:
                at += 1
            else:
                break
        noun = self._word(at)
        of_scene = at + 1 == len(self.tokens) and (is_subject(noun) or noun in words.SCENE)
        people = [one for one in found if one.kind == "person"]
        is_whole = any(" " in self.text[one.said : one.until] for one in people)
        is_list = (at == len(self.tokens) or of_scene) and len(found) > 1
        return found if is_list and people and (self.dated or is_whole or len(found) > 2) else []

    def _alone(self, at: int, end: int) -> tuple[Asked, int] | None:
        """What these tokens name, where that is one person or place and no other word; and the token behind."""
        if not self._may_be_name(at, end):
            return None
        named = self._called(at, end)
        name = " ".join(token.folded for token in self.tokens[at:end])
        if named.people and not named.places and name not in words.SHARED_NAMES:
            start = self._before(at, words.PEOPLE_PREPOSITIONS)
            return self._asked("person", one_of("person", named.people), start, at, end, end), end
        doubtful = bool(named.people) or name in words.COMMON_PLACES | words.ADJECTIVES
        if doubtful or not named.places or any(place.is_word or not place.is_here for place in named.places):
            return None
        return self._asked("place", place_filter(named.places), at, at, end, end), end

    def _behind_cjk(self, at: int) -> int:
        """The token behind a run of Chinese or Japanese and the Latin words in it (Annaの誕生日); `at` for none."""
        end = at + 1
        while end < len(self.tokens) and self._is_joined(end):
            end += 1
        return end if any(token.is_cjk for token in self.tokens[at:end]) else at

    def _is_joined(self, at: int) -> bool:
        """Whether a word is of a run with the one before: no space parts them, or two Latin words by one."""
        before, token = self.tokens[at - 1], self.tokens[at]
        space = 0 if before.is_cjk or token.is_cjk else 1
        return before.is_word and token.is_word and token.start - before.end <= space

    def _named(self, at: int) -> Iterator[tuple[Asked, int]]:
        for end in range(min(len(self.tokens), at + _LONGEST), at, -1):
            if not self._may_be_name(at, end):
                continue
            named = self._called(at, end)
            if named.people and (until := self._is_person(at, end, named)):
                yield (
                    self._asked(
                        "person",
                        one_of("person", named.people),
                        self._before(at, words.PEOPLE_PREPOSITIONS),
                        at,
                        end,
                        until,
                    ),
                    until,
                )
            elif named.places and self._is_place(at, end, named.places):
                yield (
                    self._asked(
                        "place",
                        place_filter(named.places),
                        self._before(at, words.PLACE_PREPOSITIONS | words.FILLERS),
                        at,
                        end,
                        end,
                    ),
                    end,
                )
            elif named:
                return  # a shorter name inside means no more

    def _called(self, at: int, end: int) -> Named:
        """Whom and what these tokens name; of one word also without the s of a German genitive (Annas Geburtstag)."""
        phrase = self.text[self.tokens[at].start : self.tokens[end - 1].end]
        found = self.vocabulary.named(phrase)
        of_whom = phrase.endswith("s") and end - at == 1 and self._noun_behind(end) > 0
        if found or not of_whom or not self._is_capital(at):
            return found
        return Named(self.vocabulary.named(phrase.removesuffix("s")).people)

    def _asked(self, kind: str, told: str, start: int, at: int, end: int, until: int) -> Asked:
        tokens = self.tokens
        return Asked(
            kind, told, tokens[start].start, tokens[at].start, tokens[end - 1].end, tokens[until - 1].end
        )

    def _may_be_name(self, at: int, end: int) -> bool:
        first, last = self.tokens[at], self.tokens[end - 1]
        if not (first.is_word and last.is_word) or any(token.is_cjk for token in self.tokens[at:end]):
            return False
        for before, token in zip(self.tokens[at:], self.tokens[at + 1 : end], strict=False):
            if not token.is_word and token.start > before.end:
                return False
        if first.folded.isdigit() or len(first.folded) == 1 == end - at:
            return False
        if last.folded in words.FUNCTION or (end - at == 1 and first.folded in words.FILLERS):
            return False
        return any(self._is_known(token) for token in self.tokens[at:end])

    def _is_known(self, token: Token) -> bool:
        if not token.is_word or token.folded in words.FUNCTION or token.folded.isdigit():
            return False
        word = token.folded
        return self.vocabulary.knows(word) or (
            word.endswith("s") and self.vocabulary.knows(word.removesuffix("s"))
        )

    # What stands around

    def _word(self, at: int) -> str:
        return self.tokens[at].folded if 0 <= at < len(self.tokens) else ""

    def _before(self, at: int, prepositions: frozenset[str]) -> int:
        """The first of the prepositions and articles that stand before a name and go with it."""
        start = at
        while start and (self._word(start - 1) in words.ARTICLES or self._word(start - 1) in ("'", "’")):
            start -= 1
        if start and self._word(start - 1) in prepositions:
            return start - 1
        return start if start < at and self._word(start) in words.ARTICLES else at

    def _marked(self, at: int, prepositions: frozenset[str]) -> bool:
        while at and (self._word(at - 1) in words.ARTICLES or self._word(at - 1) in ("'", "’")):
            at -= 1
        return self._word(at - 1) in prepositions

    def _is_denied(self, at: int) -> bool:
        while (
            at and self._word(at - 1) in words.PLACE_PREPOSITIONS | words.ARTICLES | words.PEOPLE_PREPOSITIONS
        ):
            if self._word(at - 1) in words.NOT:
                return True
            at -= 1
        return self._word(at - 1) in words.NOT or (at > 1 and self._word(at - 1) in words.LIKE)

    def _ends(self, end: int) -> bool:
        """Whether nothing follows that a name may go on with: only words for where and when, or a date in digits."""
        word = self._word(end)
        return end >= len(self.tokens) or word in words.FUNCTION or (word[:1].isdigit() and "/" in word)

    def _is_capital(self, at: int) -> bool:
        return self.tokens[at].text[:1].isupper()

    # People

    def _is_person(self, at: int, end: int, named: Named) -> int:
        """The token behind a person's name, with its possessive; 0 where it may mean something else."""
        if self._is_denied(at) or self._word(at - 1) in words.BEFORE_OTHERS or self._is_for_somebody(at):
            return 0
        if self._word(end) in words.STREETS_BEHIND or self._word(at - 1) in words.INDEFINITE:
            return 0  # Clara street, una clara
        if self._is_made_by(at) or self._word(at - 2) in words.GREETING:
            return 0
        until = self._possessive(end)
        if until > end and self._word(until) in words.SIGNED:
            return 0
        if self._word(until) in words.SPECIES or (until > end and self._word(until) in words.BUSINESSES):
            return 0
        if len(self.tokens) - until > 1 and self._word(len(self.tokens) - 1) in words.EMBLEMS:
            return 0
        if until > end and self._word(at - 1) == "of" and not self._is_owned(at - 2):
            return 0  # a bottle of Tom's toothpaste
        if until == end and (self._is_of_a_pair(end) or (at == 0 and self._is_with_the_unknown(end))):
            return 0
        if end - at > 1:
            return until
        if self._has_byname(end):
            return 0
        shared = bool(named.places) or self._word(at) in words.SHARED_NAMES
        if shared and self._word(at - 1) in words.OF and not self._is_owned(at - 2):
            return 0  # tableau de Florence, champ de Mars
        if self.dated and self._is_behind_a_feast(at) and self._ends(end):
            return until  # mariage claire 2020
        if shared:
            marked = self._word(at - 1) in words.PEOPLE_PREPOSITIONS
            told = (until > end and not self._is_brand(until)) or (marked and self._ends(end))
            of_it = self._word(end) in words.OF  # Pierre de lave
            seldom = at == 0 and self._word(at) in words.SELDOM_WORDS
            told = told or (seldom and self._ends(end) and not of_it)
            told = told or self._is_somewhere(at, end) or self._is_beside_a_person(at, end)
            told = told or (seldom and (self._is_doing(end) or self._word(end) in words.STATES))
            told = told or (at == 0 and self._word(end) in words.DEEDS and not self._is_capital(end))
            told = told or self._is_behind_a_person(at, end) or self._word(at - 1) in words.KIN
            told = told or (
                at == 0 and self._word(end) in words.TOGETHER and self._word(end + 1) in words.THEIR
            )
            return until if told and self._is_capital(at) else 0
        if at == 0 and not self._is_capital(at) and self._word(end) in words.OF:
            return 0  # clara de huevo
        if (
            until > end
            or self._ends(end)
            or self._word(end) in words.SCENE | words.STATES
            or self._is_doing(end)
            or self._is_aged(end)
            or (self._word(at - 1) in words.CLAUSES and end + 1 < len(self.tokens))
        ):
            return until
        if self._is_capital(at) and self._goes_on_small(end) and (at == 0 or self._is_second_of_two(at)):
            return until  # Clara füttert Enten, Tom und Clara wandern am See
        noun = self._word(self._noun_behind(end))
        if self._word(at).endswith("s") and (is_subject(noun) or is_german_trip(noun)):
            return until  # Annas Taufe
        return until if self._next_is_person(end) else 0

    def _is_brand(self, at: int) -> bool:
        """Whether what somebody has is written as a name: Victoria's Secret; not Rose's Wedding."""
        return at + 1 == len(self.tokens) and self._is_capital(at) and not is_subject(self._word(at))

    def _is_made_by(self, at: int) -> bool:
        """Whether it is who made a thing, or a work shows them: book signed by Ben, painting of Anna, lettre d'Anna."""
        at -= self._is_elided(at)
        before = self._word(at - 1)
        if before == "by" or (len(before) > 5 and before.endswith(("buch", "film"))):
            return True  # Kinderbuch Anna und der Bär
        made = words.SENT if before == "from" else words.SENT | words.WORKS
        return before in words.OF | {"from"} and self._word(at - 2) in made

    def _is_for_somebody(self, at: int) -> bool:
        """Whether a thing is meant for them, wherever they are: letter to Tom; not party for Tom, next to Tom."""
        while self._word(at - 1) in words.ARTICLES:
            at -= 1
        if self._word(at - 1) not in words.FOR:
            return False
        whose = self._word(at - 2)
        return not (
            whose in words.BESIDE or self._is_doing(at - 2) or is_of_a_family(whose) or is_german_trip(whose)
        )

    def _has_byname(self, at: int) -> bool:
        """Whether an article and a noun tell one from others: Augustus der Starke; not Max der Hund."""
        noun = self._word(at + 1)
        if self._word(at) not in words.ARTICLES or at + 1 >= len(self.tokens):
            return False
        is_all = at + 2 == len(self.tokens) or self._is_capital(at + 1)
        return is_all and (noun in words.NOBLES or not is_subject(noun))

    def _is_owned(self, at: int) -> bool:
        """Whether it is what people have and are shown in: photos of Florence, anniversaire de Florence."""
        return at < 0 or self._word(at) in words.SCENE | words.FILLERS or is_of_a_family(self._word(at))

    def _is_somewhere(self, at: int, end: int) -> bool:
        """Whether it begins a phrase that goes on with a place that the library has: Pierre à Lyon."""
        if at or end + 1 >= len(self.tokens) or self._word(end) not in words.PLACE_PREPOSITIONS:
            return False
        return self._is_place_here(end + 1)

    def _is_place_here(self, at: int) -> bool:
        """Whether this one token names a place that the library has, and nothing else."""
        if not (0 <= at < len(self.tokens) and self.tokens[at].is_word):
            return False
        named = self.vocabulary.named(self.tokens[at].text)
        return any(place.is_here and not place.is_word for place in named.places)

    def _is_behind_a_feast(self, at: int) -> bool:
        """Whether a name that is seldom a word for anything to be seen stands behind a relative or a family's feast."""
        return self._word(at) in words.SELDOM_WORDS and is_of_a_family(self._word(at - 1))

    def _is_beside_a_person(self, at: int, end: int) -> bool:
        """Whether it begins a phrase and somebody else follows: Jack and Lily on the swing."""
        joined = (at == 0 or self._word(at - 1) in words.PEOPLE_PREPOSITIONS) and self._word(
            end
        ) in words.TOGETHER
        return joined and self._next_is_person(end + 1) and self._is_capital(end + 1)

    def _is_behind_a_person(self, at: int, end: int) -> bool:
        """Whether another person begins the phrase beside it, whose name is nothing else or whose deed is told."""
        other = self._word(at - 2)
        return self._is_second_of_two(at) and (
            other not in words.SHARED_NAMES
            or (self._is_capital(0) and (other in words.SELDOM_WORDS or self._is_doing(end)))
        )

    def _is_second_of_two(self, at: int) -> bool:
        """Whether one other person begins the phrase, and this one is told with them."""
        return at == 2 and self._word(1) in words.TOGETHER and self._next_is_person(0)

    def _possessive(self, end: int) -> int:
        if self._word(end) in ("'", "’"):
            return end + 2 if self._word(end + 1) == "s" else end + 1
        return end

    def _is_of_a_pair(self, at: int) -> bool:
        """Whether a thing is called by two, one a stranger: Ben and Jerry's ice cream, Anna and Elsa costumes."""
        owner = self._possessive(at + 2)
        if self._word(at) not in ("and", "&", "n") or self._next_is_person(at + 1):
            return False
        if at + 2 < owner == len(self.tokens):
            return True  # Ben & Jerry's
        if owner > at + 2:
            return not (self._ends(owner) or self._word(owner) in words.SCENE)
        other = self._word(at + 1)
        is_stranger = other not in words.THEIR | words.FUNCTION and not is_of_a_family(other)
        return is_stranger and self._is_last_noun(at + 2)

    def _is_with_the_unknown(self, at: int) -> bool:
        """Whether a title goes on with what nobody photographs: Max et les maximonstres; not Max et les enfants."""
        if self._word(at) not in calendar_words.AND or self._word(at + 1) not in words.ARTICLES:
            return False
        phrase = [token.folded for token in self.tokens[at + 2 :]]
        told = (word for word in phrase if is_subject(word) or is_german_trip(word) or word in words.SCENE)
        return bool(phrase) and next(told, None) is None

    def _is_last_noun(self, at: int) -> bool:
        """Whether one word ends the phrase that tells no scene or deed: costumes."""
        word = self._word(at)
        return at + 1 == len(self.tokens) and not (
            word in words.SCENE or self._ends(at) or self._is_doing(at) or is_of_a_family(word)
        )

    def _is_aged(self, at: int) -> bool:
        """Whether somebody's age is told: Clara age 3, clara 3 Jahre."""
        if self._word(at) in ("age", "aged"):
            return self._word(at + 1).isdigit()
        unit = calendar_words.UNITS.get(self._word(at + 1))
        return self._word(at).isdigit() and unit in (calendar_words.MONTH, calendar_words.YEAR)

    def _is_doing(self, at: int) -> bool:
        """Whether it is a verb in -ing, -ando, -iendo or -ant: someone doing something; not Max Schmeling."""
        word = self._word(at)
        ends = len(word) > 5 and word.endswith(("ing", "ando", "iendo", "yendo"))
        return ends and not self._is_capital(at)

    def _goes_on_small(self, at: int) -> bool:
        """Whether a word in small letters, so no surname, and more follow."""
        word = self.tokens[at] if at + 1 < len(self.tokens) else None
        return (
            word is not None
            and word.text.isalpha()
            and word.text.islower()
            and self._word(at) not in words.BUSINESSES
        )

    def _noun_behind(self, at: int) -> int:
        """The German noun that stands here, perhaps behind an adjective or a number: erster Schultag; -1 for none."""
        if self._word(at).isdigit() and self._word(at + 1) == ".":
            at += 2  # Annas 30. Geburtstag
        for noun in (at, at + 1):
            if noun < len(self.tokens) and self._is_capital(noun):
                return noun
        return -1

    def _next_is_person(self, at: int) -> bool:
        return (
            at < len(self.tokens)
            and self.tokens[at].is_word
            and bool(self.vocabulary.named(self.tokens[at].text).people)
        )

    # Places

    def _is_place(self, at: int, end: int, places: Sequence[Place]) -> bool:
        if self._is_denied(at) or self._word(end) in ("'", "’", "-") or self._word(at - 1) in ("-", "."):
            return False
        if self._word(at - 1) == "'" and not self._is_elided(at):
            return False
        if self._is_end_of_a_route(at, end) or self._is_longed_for(at) or self._is_where_made(at):
            return False  # Lyon to Paris, train to Paris
        if self._word(at - 1) in words.ARTICLES and places[0].field == "city":
            return False  # Herbst in den Bergen, the Lima: cities have no articles but their own
        name = " ".join(token.folded for token in self.tokens[at:end])
        marked = self._marked(at, words.PLACE_PREPOSITIONS) or self._is_behind_a_place(at)
        alone = (at == 0 and end == len(self.tokens)) or self._is_with_its_region(at, end, places)
        if self._is_of_civic(at) and self._is_capital(at) and any(place.is_here for place in places):
            return self._ends(end)
        if all(place.is_word for place in places) and not (alone and name in words.COMMON_PLACES):
            sure = self._marked(at, words.PLACE_PREPOSITIONS - words.GERMAN_PREPOSITIONS)
            return sure and self._is_capital(at) and self._ends(end)
        if marked and not self.dated and self._is_origin(at):
            return False
        if self._word(at - 1) in words.BOUND and self._is_of_those_bound():
            return False
        if self._is_topic(at):
            return False
        if end < len(self.tokens) and self._word(len(self.tokens) - 1) in words.MADE | words.TITLED:
            return False  # a london bus toy, abril en Portugal canción
        if not (self.dated or marked) and any(map(_is_made, self.tokens[:at])):
            return False  # carte du métro de Paris
        if self._word(at - 1) in words.ARTICLES and self._word(end) in words.OF:
            return False  # the Venice of the north
        if not marked and self._word(end) in words.WATERS:
            return False  # Jordan river
        if not marked and name in words.SHARED_NAMES and self._word(end) in words.CALLED_BY_SOMEBODY:
            return False  # Victoria station, Sydney park
        if not marked and self._word(end) == "day":
            return False  # Canada Day
        if not marked and self._word(end) in words.STREETS_BEHIND and self._is_elsewhere(end + 1):
            return False  # Lisbon street in San Francisco
        if not marked and self._word(end) in words.BUSINESSES and end + 1 < len(self.tokens):
            return False  # Tokio Hotel Konzert
        if self._word(at - 1) in words.OF and self._is_elsewhere(end):
            return False  # calle de Toledo en Madrid
        if not any(place.is_here for place in places):
            return self._is_far_place(at, end, name, marked=marked, alone=alone)
        if name in words.COMMON_PLACES:
            speaks = self._is_capital(at) or self.dated
            behind_of = (
                self._is_capital(at) and self._is_of_scene(at) and (self.dated or self._is_of_photos(at))
            )
            return self._ends(end) and (
                (marked and speaks) or behind_of or (alone and self.dated and self._is_capital(at))
            )
        if name in words.ADJECTIVES and not (marked or self._is_capital(at)):
            return False
        if marked:
            worn = self._word(end) in INSCRIBED  # in Havana shirt
            free = name not in words.SHARED_PLACES and not worn
            return free or self._ends(end) or self._word(end) in words.SCENE
        if self._word(at - 1) in words.TITLES:
            return False
        shared = name in words.SHARED_PLACES or (not self.dated and places[0].field == "country")
        return alone or self._stands_free(at, end, shared=shared)

    def _is_of_those_bound(self) -> bool:
        """Whether a display tells of others bound there: Zug nach Hamburg an der Anzeigetafel."""
        return not words.DISPLAYS.isdisjoint(token.folded for token in self.tokens)

    def _is_longed_for(self, at: int) -> bool:
        """Whether what leads there is told, and nobody's way: train to Munich, Heimweh nach Bern; not trip to Rome."""
        while self._word(at - 1) in words.ARTICLES:
            at -= 1
        if self._word(at - 1) not in words.BOUND or at < 2:
            return False
        whose = self._word(at - 2)
        if self._word(at - 1) not in words.LEADING_THERE:
            return whose in words.TICKETS  # "a" is "in" as well: in French
        return not (whose in words.GOING or is_german_trip(whose) or whose in FAMILY or whose.endswith("ing"))

    def _is_topic(self, at: int) -> bool:
        """Whether a work is about it or plays there, wherever that lies: Buch über Rom; not Nebel über Rom."""
        while self._word(at - 1) in words.ARTICLES:
            at -= 1
        if self._word(at - 1) in words.ABOUT:
            return self._word(at - 2) in words.TREATISES
        told = {token.folded for token in self.tokens[:at]}
        return self._word(at - 2) in words.SET_IN and not words.WORKS.isdisjoint(told)

    def _is_where_made(self, at: int) -> bool:
        """Whether a thing was made there: made in Japan label; not photos made in Japan."""
        told = [token.folded for token in self.tokens[: at - 1]]
        return told[-1:] != [] and told[-1] in words.MADE_IN and calendar_words.PHOTOS.isdisjoint(told)

    def _is_behind_a_place(self, at: int) -> bool:
        """Whether it is told in a breath with another that a preposition asks for: in Kyoto and Osaka."""
        first = at - 2
        if self._word(at - 1) not in calendar_words.AND | {"&"} or not self._is_place_here(first):
            return False
        return self._marked(first, words.PLACE_PREPOSITIONS) or self._is_of_scene(first)

    def _is_end_of_a_route(self, at: int, end: int) -> bool:
        """Whether another place, of here or not, is told with it as where a way begins or ends: from Lyon to Porto."""
        return (self._word(at - 1) in words.BOUND and self._is_a_place(at - 2)) or (
            self._word(end) in words.BOUND and self._is_a_place(end + 1)
        )

    def _is_a_place(self, at: int) -> bool:
        return 0 <= at < len(self.tokens) and bool(self._places_from(at, at + 1))

    def _is_elsewhere(self, at: int) -> bool:
        """Whether a preposition and another place follow."""
        return self._word(at) in words.PLACE_PREPOSITIONS and self._is_a_place(at + 1)

    def _is_with_its_region(self, at: int, end: int, places: Sequence[Place]) -> bool:
        """Whether a city and the state or country that it lies in are all of the phrase: Bern Switzerland."""
        if at == 0 and end < len(self.tokens):
            regions = self._places_from(end, len(self.tokens))
            return any(region.name in place.within for place in places for region in regions)
        cities = self._places_from(0, at) if end == len(self.tokens) else ()
        return any(place.name in city.within for city in cities for place in places)

    def _places_from(self, at: int, end: int) -> Sequence[Place]:
        """What the tokens from `at` up to `end` name as a whole."""
        if at >= end:
            return ()
        return self.vocabulary.named(self.text[self.tokens[at].start : self.tokens[end - 1].end]).places

    def _is_origin(self, at: int) -> bool:
        """Whether it tells where a thing comes from: cheese from Holland; not photos from there."""
        while self._word(at - 1) in words.ARTICLES:
            at -= 1
        whose = self._word(at - 2)
        return (
            self._word(at - 1) in ("from", "aus")
            and whose.isalpha()
            and whose not in words.SCENE | words.FILLERS
        )

    def _is_far_place(self, at: int, end: int, name: str, *, marked: bool, alone: bool) -> bool:
        """A place that no picture here has: only where nothing but a place can stand."""
        if not self._is_capital(at) or not self._ends(end):
            return False
        if marked:
            return True
        return alone and self.dated and name not in words.COMMON_PLACES | words.SHARED_NAMES

    def _stands_free(self, at: int, end: int, *, shared: bool) -> bool:
        """Beside a noun that scenes are called by, or behind any word, at the end."""
        before, behind = self._word(at - 1 - self._is_elided(at)), self._word(end)
        if at and self._ends(end):
            if before in COLOURS:  # amarillo Nápoles
                return False
            if before in words.ARTICLES and self._word(at - 2) in words.OF:  # pimienta de la India
                return self._is_of_scene(at - 1)
            if before in words.OF:  # photos of Lisbon, rue de Londres; not the Berlin wall
                return self._is_of_scene(at)
            if before in words.NAMED_AFTER - {"tour"}:  # calle Toledo; not a food tour Lisbon
                return False
            if before in words.SCENE | words.FILLERS or is_german_trip(before):
                return self.dated or not self._is_firm(at, end)
            told = self.dated or is_subject(before) or self._next_is_person(at - 1)
            return told and not shared and before not in words.FUNCTION
        if at == 0 and self._is_scene_at(end):
            return True
        if at == 0 and not shared and self._is_capital(at) and behind in words.SCENE_PREPOSITIONS - words.OF:
            return True  # Venise sous l'eau
        last = self._tokens_past(end, words.SCENE)
        ends = self._ends(last) and self._word(last) not in words.ARTICLES  # paris hotel las vegas
        beside = behind in words.SCENE and ends
        return beside and (at == 0 or not shared)

    def _is_scene_at(self, at: int) -> bool:
        """Whether a preposition, an article and a word for a scene are all that follows: Tokyo at night."""
        noun = self._tokens_past(at + (self._word(at) in words.SCENE_PREPOSITIONS), words.ARTICLES)
        return noun > at and noun + 1 == len(self.tokens) and self._word(noun) in words.SCENE

    def _tokens_past(self, at: int, these: frozenset[str]) -> int:
        while self._word(at) in these:
            at += 1
        return at

    def _is_of_scene(self, at: int) -> bool:
        """Plage de Nice, photos of Paris; not the Café de Paris."""
        at -= self._is_elided(at)
        if self._word(at - 1) not in words.OF:
            return False
        scenes = (words.SCENE | words.FILLERS) - words.BUSINESSES - words.NAMED_AFTER
        scene = self._word(at - 2)
        return (
            at == 1
            or scene in scenes
            or scene.removesuffix("s") in scenes
            or scene.endswith(calendar_words.PHOTO_ENDS)  # Nachtaufnahmen von Shanghai
            or self._word(at - 3) in words.SIGHTS
        )

    def _is_firm(self, at: int, end: int) -> bool:
        """Whether it is somebody's name as well, as firms have it: Marché Victoria; not photos Victoria."""
        return (
            end == at + 1 and self._word(at) in words.SHARED_NAMES and self._word(at - 1) not in words.FILLERS
        )

    def _is_of_photos(self, at: int) -> bool:
        """Whether photos of it are asked for: fotos de Cuba; a German noun is as large."""
        return self._word(at - 1) in words.OF - {"von", "d"} and self._word(at - 2) in calendar_words.PHOTOS

    def _is_of_civic(self, at: int) -> bool:
        """Whether it is told of what only cities have: catedral de Granada."""
        at -= self._is_elided(at)
        return self._word(at - 1) in words.OF and self._word(at - 2) in words.CIVIC

    def _is_elided(self, at: int) -> bool:
        """Whether a French preposition has lost its e before it: photos d'Amsterdam."""
        return self._word(at - 1) in ("'", "’") and self._word(at - 2) == "d"


def _is_made(token: Token) -> bool:
    """Whether it is a thing that shows a place and is made elsewhere: Weltkarte, map."""
    return token.folded in words.MADE | INSCRIBED or token.folded.endswith(words.MADE_ENDS)
