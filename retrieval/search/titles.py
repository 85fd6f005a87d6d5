"""Titles: films, books, songs and paintings that hold a place, a year or a day, and mean none.

A query that has one of them holds a name there. Famous ones only, as people type them: folded, without articles where
those are left out as often.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache

from vasari.retrieval.search.typed_words import Stretch, fold, tokens_of

_TITLES = """
an american in paris · last tango in paris · ultimo tango en paris · dernier tango a paris
der letzte tango in paris · midnight in paris · medianoche en paris · minuit a paris · april in paris
from paris with love · paris je t aime · emily in paris · ratatouille in paris · under the roofs of paris
sous les toits de paris · is paris burning · paris brule t il · notre dame de paris · les mysteres de paris
paris texas · sleepless in seattle · leaving las vegas · fear and loathing in las vegas · viva las vegas
tokyo story · tokyo drift · reise nach tokyo · tokyo godfathers · last train from gun hill
vicky cristina barcelona · in bruges · our man in havana · buena vista social club · don t cry for me argentina
to rome with love · rom offene stadt · death in venice · tod in venedig · muerte en venecia · mort a venise
merchant of venice · kaufmann von venedig · goodbye to berlin · good bye lenin · berlin alexanderplatz
himmel uber berlin · funeral in berlin · berlin calling · an american werewolf in london · london calling
werewolves of london · london bridge is falling down · streets of london · london has fallen · mission to moscow
moscow does not believe in tears · from russia with love · gangs of new york · escape from new york
new york new york · englishman in new york · fairytale of new york
home alone 2 lost in new york · meet me in st louis · philadelphia story · streets of philadelphia
escape to athena · night train to lisbon · nachtzug nach lissabon · tren de noche a lisboa
train de nuit pour lisbonne · lisbon story · murder on the orient express · death on the nile
seven years in tibet · the last king of scotland · shanghai express · the lady from shanghai
a passage to india · the boys from brazil · rio bravo · istanbul not constantinople · from turkey with love
2001 a space odyssey · 2001 odisea del espacio · 2001 l odyssee de l espace · 2001 odyssee im weltraum
2010 the year we make contact · death race 2000 · class of 1984 · wonder woman 1984 · space 1999
party like it s 1999 · disco 2000 · in the year 2525 · summer of 69 · december 1963 · nineteen hundred
2012 doomsday · september 11 · born on the fourth of july · nightmare before christmas
last christmas i gave you · a christmas carol · miracle on 34th street · friday the 13th · black friday
saturday night fever · saturday night live · bloody sunday · good friday agreement · easter rising
the day after tomorrow · day after tomorrow · yesterday once more · the last days of pompeii
yesterday today and tomorrow · gestern heute und morgen · ayer hoy y manana · hier aujourd hui demain
the hunt for red october · mai 68 · mayo del 68 · wake me up when september ends · november rain · april love
the teahouse of the august moon · seven days in may · darling buds of may · may the fourth · sommer vorm balkon
fruhling fur hitler · erst letzten sommer · i know what you did last summer · last summer i
letzten sommer in marienbad · last year at marienbad · l annee derniere a marienbad · letztes jahr in marienbad
el ano pasado en marienbad · vacances a rome · vacaciones en roma · anna and the king · anna and the apocalypse
tour de france · giro d italia · anna karenina
anna karenine · anna boleyn · anne of green gables · anna christie · the diary of anna frank · anna frank
mark of zorro · the mark of zorro · gentle ben · uncle ben · big ben · ben hur · name of the rose
tom and jerry · tom und jerry · tom y jerry · tom et jerry · tom and jerry s · uncle tom s cabin · alice in wonderland
alice im wunderland · alicia en el pais de las maravillas · alice au pays des merveilles · jack the ripper
jack in the box · jack and jill · jack and the beanstalk · jack o lantern · bob the builder
thomas the tank engine · thomas and friends · peter and the wolf · peter und der wolf · pedro y el lobo
pierre et le loup · max and ruby · max und moritz · max and moritz · lilo and stitch · romeo and juliet
romeo und julia · romeo y julieta · romeo et juliette · adam and eve · adam und eva · adan y eva · adam et eve
david and goliath · david und goliath · david y goliat · david et goliath · bonnie and clyde · thelma and louise
bert and ernie · ernie und bert · epi y blas · calvin and hobbes · will and grace · simon and garfunkel
mary and joseph · maria und josef · harold and maude · when harry met sally · harry und sally · tim und struppi
charlie and the chocolate factory · charlie und die schokoladenfabrik · james and the giant peach · jules et jim
hansel and gretel · hansel und gretel · hansel y gretel · hansel et gretel · tristan und isolde · paul et virginie
barbie and ken · barbie und ken · barbie y ken · bill and ted · chip and dale · hanni und nanni · bibi und tina
la casa de papel · house of cards · haus des geldes · game of thrones · juego de tronos · jeu de trones
little house on the prairie · la petite maison dans la prairie · unsere kleine farm · la casa de la pradera
downton abbey · the walking dead · orange is the new black · how i met your mother · sons of anarchy · full house
the bridge on the river kwai · die brucke am kwai · el puente sobre el rio kwai · le pont de la riviere kwai
stairway to heaven · the lion king · konig der lowen · el rey leon · le roi lion · beauty and the beast
the wolf of wall street · le loup de wall street · el lobo de wall street · lord of the flies · planet of the apes
planet der affen · el planeta de los simios · la planete des singes · reservoir dogs · the silence of the lambs
das schweigen der lammer · el silencio de los corderos · le silence des agneaux · black swan · twelve monkeys
snakes on a plane · the birds · die vogel · finding nemo · life of pi · the shape of water · manchester by the sea
children of men · no country for old men · little women · betty und ihre schwestern · mean girls · gone girl
million dollar baby · rosemary s baby · my big fat greek wedding · four weddings and a funeral · hochzeit auf griechisch
father of the bride · bride wars · corpse bride · national lampoon s vacation · groundhog day · training day
independence day · dia de los muertos pelicula · la la land · ocean s eleven · the fast and the furious · top gun
der name der rose · el nombre de la rosa · le nom de la rose · war of the roses
"""
# In Chinese and Japanese, which write no spaces.
_CJK_TITLES = (
    "2001年宇宙の旅|2001太空漫游|2012世界末日|1984年小说|1917年革命|午夜巴黎|巴黎圣母院|巴黎最后的探戈|西雅图夜未眠|罗马假日|ローマの休日|東京物語"
    "|东京物语|威尼斯商人|ヴェニスの商人|ベニスに死す|柏林苍穹下|ベルリン・天使の詩|北京遇上西雅图|ラストタンゴ・イン・パリ|パリは燃えているか"
    "|ノートルダム・ド・パリ|ナイロビの蜂|ロンドン橋|东方快车谋杀案|去年在马里昂巴德|去年マリエンバートで"
    "|パリの恋人|パリの空の下|ウィーンの森の物語|ニューヨークの恋人|ニューヨークの王様|ロンドンの狼男|長崎の鐘|ミラノの奇跡|大阪で生まれた女"
    "|北京の55日|北京人在纽约|我爱北京天安门|北京的金山上|北京一夜|東京の恋人|上海の伯爵夫人|柏林墙|ベルリンの壁|昨日今日明日|昨日の世界|昨日の敵|今日の友|ラスベガスをやっつけろ|トイレの花子さん|今日のわんこ|今日の料理|ナポリの窯"
)


def titles_in(text: str) -> Iterator[Stretch]:
    """The stretches of a text that are a title, with the year behind it: when it came out."""
    tokens = [token for token in tokens_of(text) if token.is_word]
    for at, token in enumerate(tokens):
        for title in _by_first_word().get(token.folded, ()):
            end = at + len(title)
            if tuple(other.folded for other in tokens[at:end]) == title:
                end += end < len(tokens) and _is_year(tokens[end].text)
                yield Stretch(token.start, tokens[end - 1].end)
    for found in re.finditer(_CJK_TITLES, text):
        yield Stretch(found.start(), found.end())


def _is_year(word: str) -> bool:
    return len(word) == 4 and word.isascii() and word.isdigit()


@cache
def _by_first_word() -> dict[str, list[tuple[str, ...]]]:
    known: dict[str, list[tuple[str, ...]]] = {}
    for title in re.split(r"\s*·\s*|\n", _TITLES.strip()):
        words = tuple(fold(title).split())
        if len(words) > 1:
            known.setdefault(words[0], []).append(words)
    return known
