"""Japanese captions."""

from __future__ import annotations

from vasari.training.scenes.languages.grammar import (
    Case,
    LanguageGrammar,
    Numbers,
    Told,
    chance,
    combine,
    pick,
    table,
)
from vasari.training.scenes.layout import RelationKind
from vasari.training.scenes.scene import Colour, Column, Detail, Group, Layer, Setting, Size, Time, Weather
from vasari.training.scenes.vocabulary import ANIMALS

# Counter, then noun.
_WORDS = """
SAILBOAT: 艘 ヨット, 艘 帆船
ROWBOAT: 艘 手漕ぎボート, 艘 ボート
SHIP: 隻 客船, 隻 汽船
LIGHTHOUSE: 基 灯台
BUOY: 個 ブイ, 個 浮標
SWAN: 羽 白鳥, 羽 スワン
DUCK: 羽 アヒル, 羽 カモ
BALLOON: 機 熱気球, 個 気球
KITE: 枚 凧
PLANE: 機 飛行機
BIRD: 羽 鳥
AIRSHIP: 隻 飛行船
HOUSE: 軒 家, 軒 住宅
BARN: 棟 納屋
CHURCH: 棟 教会, 棟 礼拝堂
TOWER: 基 塔, つ 塔
CASTLE: つ 城, つ お城
TENT: 張 テント
WINDMILL: 基 風車
CAR: 台 車, 台 自動車
BUS: 台 バス
TRUCK: 台 トラック
TRACTOR: 台 トラクター
BICYCLE: 台 自転車
TRAIN: 本 列車, 本 汽車
TREE: 本 木, 本 樹木
PALM: 本 ヤシの木, 本 ヤシ
FLOWER: 輪 花, 本 花
CACTUS: 本 サボテン
MUSHROOM: 本 キノコ, つ きのこ
HORSE: 頭 馬
COW: 頭 牛
SHEEP: 頭 羊, 匹 羊
DOG: 匹 犬
CAT: 匹 猫, 匹 ネコ
CAMEL: 頭 ラクダ
DEER: 頭 鹿, 頭 シカ
UMBRELLA: 本 傘, 本 パラソル
BENCH: 脚 ベンチ, つ ベンチ
LAMP: 本 街灯, 基 街路灯
FLAG: 本 旗
SNOWMAN: つ 雪だるま
BALL: 個 ボール
BARREL: 個 樽
FENCE: つ 柵, つ フェンス
"""


def _forms(word: str) -> tuple[str, str]:
    counter, _, noun = word.partition(" ")
    return counter, noun


_NOUNS = {kind: tuple(_forms(word) for word in words) for kind, words in table(_WORDS).items()}
_COLOURS = {
    Colour.RED: ("赤い", "赤色の"),
    Colour.ORANGE: ("オレンジ色の", "オレンジの"),
    Colour.YELLOW: ("黄色い", "黄色の"),
    Colour.GREEN: ("緑の", "緑色の"),
    Colour.BLUE: ("青い", "青色の"),
    Colour.PURPLE: ("紫の", "紫色の"),
    Colour.PINK: ("ピンクの", "ピンク色の"),
    Colour.BROWN: ("茶色の", "茶色い"),
    Colour.BLACK: ("黒い", "黒色の"),
    Colour.WHITE: ("白い", "白色の"),
}
_NUMBERS = ("", "一", "二", "三", "四")
_VAGUE = ("いくつかの", "数", "")
_SIZES = {Size.LARGE: ("大きな", "大きい"), Size.SMALL: ("小さな", "小さい")}


def thing(group: Group, told: Told, _case: Case, rng: Numbers) -> str:
    """Noun phrase: "大きな赤いヨット", "三艘の赤いヨット", "赤いヨット3艘"."""
    counter, noun = pick(rng, _NOUNS[group.kind])
    colour, size = pick(rng, _COLOURS[group.colour]), pick(rng, _SIZES[group.size])
    digits, vague, after = chance(rng, 0.3), pick(rng, _VAGUE), chance(rng, 0.3)
    bare_one = chance(rng, 0.6)
    phrase = f"{size if told.size else ''}{colour if told.colour else ''}{noun}"
    if not told.number or (group.count == 1 and (bare_one or not told.exact)):
        return phrase
    if not told.exact:
        some = f"数{'個' if counter == 'つ' else counter}の" if vague == "数" else vague
        # "いくつかの" counts things; animals are many of their own kind.
        return phrase if group.kind in ANIMALS and vague == "いくつかの" else f"{some}{phrase}"
    number = f"{group.count if digits else _NUMBERS[group.count]}{counter}"
    return f"{phrase}{number}" if after else f"{number}の{phrase}"


_COLUMNS = {
    Column.LEFT: ("左", "左側", "画面の左"),
    Column.CENTRE: ("中央", "真ん中", "画面の中央"),
    Column.RIGHT: ("右", "右側", "画面の右"),
}
_LAYERS = {
    Layer.SKY: ("空", "上空", "空中"),
    Layer.FAR: ("遠く", "奥", "背景"),
    Layer.NEAR: ("手前", "前景"),
}

JAPANESE = LanguageGrammar(
    facts={
        "place": {
            Setting.BEACH: ("砂浜", "浜辺", "海辺"),
            Setting.HARBOUR: ("港", "波止場"),
            Setting.MOUNTAINS: ("山の中", "山地", "高い山々の前"),
            Setting.CITY: ("街", "都会", "街の通り"),
            Setting.FARM: ("農場", "田舎", "牧場"),
            Setting.DESERT: ("砂漠", "砂丘"),
            Setting.FOREST: ("森", "森の中", "林の中"),
            Setting.SNOWFIELD: ("雪原", "雪野原"),
            Setting.LAKE: ("湖畔", "湖のほとり", "湖"),
            Setting.PARK: ("公園", "庭園"),
        },
        "name": {
            Setting.BEACH: ("砂浜", "浜辺", "海辺"),
            Setting.HARBOUR: ("港", "波止場"),
            Setting.MOUNTAINS: ("山", "山地", "高い山々"),
            Setting.CITY: ("街", "都会", "街の通り"),
            Setting.FARM: ("農場", "田舎", "牧場"),
            Setting.DESERT: ("砂漠", "砂丘"),
            Setting.FOREST: ("森", "林"),
            Setting.SNOWFIELD: ("雪原", "雪野原"),
            Setting.LAKE: ("湖畔", "湖のほとり", "湖"),
            Setting.PARK: ("公園", "庭園"),
        },
        "time": {
            Time.DAWN: ("夜明け", "明け方", "早朝"),
            Time.NOON: ("正午", "昼", "真昼"),
            Time.SUNSET: ("夕暮れ", "夕方", "日没"),
            Time.NIGHT: ("夜", "夜中"),
        },
        "time_clause": {
            Time.DAWN: ("日が昇り", "夜が明け"),
            Time.NOON: ("正午になり", "昼を迎え"),
            Time.SUNSET: ("日が沈み", "日が暮れ"),
            Time.NIGHT: ("夜になり", "夜が更け"),
        },
        "weather": {
            Weather.CLEAR: ("晴れた", "よく晴れた", "快晴の"),
            Weather.RAIN: ("雨の", "雨が降る"),
            Weather.SNOW: ("雪の降る", "雪が降る"),
            Weather.FOG: ("霧の", "霧がかかった"),
        },
        "weather_clause": {
            Weather.CLEAR: ("空は晴れている", "天気は晴れだ", "よく晴れている"),
            Weather.RAIN: ("雨が降っている", "雨模様だ"),
            Weather.SNOW: ("雪が降っている", "雪が舞っている"),
            Weather.FOG: ("霧が出ている", "霧がかかっている"),
        },
        "view": dict.fromkeys(Setting, ("絵", "絵はがき", "風景", "景色")),
    },
    columns=_COLUMNS,
    wheres=combine(_COLUMNS, _LAYERS, ("{column}の{layer}",)),
    thing=thing,
    verb=lambda group: "いる" if group.kind in ANIMALS else "ある",
    join="、".join,
    polish=lambda text: text,
    full_stop="。",
    relations={
        RelationKind.LEFT_OF: ("{b}の左に{a}", "{b}の左側に{a}"),
        RelationKind.RIGHT_OF: ("{b}の右に{a}", "{b}の右側に{a}"),
        RelationKind.ABOVE: ("{b}の上に{a}", "{b}の上空に{a}"),
        RelationKind.BEHIND: ("{b}の後ろに{a}", "{b}の奥に{a}"),
    },
    items=("{where}に{thing}",),
    listings=("{where}に{thing}",),
    sentences=(
        "{where}に{thing}が{verb}",
        "{thing}が{where}に{verb}",
        "{where}に{thing}が見える",
        "{where}には{thing}が{verb}",
    ),
    pair_sentences=("{pair}が{verb}", "{pair}が見える", "{pair}が描かれている"),
    plans={
        Detail.HIGH: (
            "{time}の{weather}{name}。{things}が見える。",
            "{weather}{time}の{name}。{things}が見える。",
            "{things}が見える、{time}の{weather}{name}の{view}。",
            "{things}が描かれた、{weather}{time}の{name}の{view}。",
            "{time}の{name}、{weather_clause}。{sentences}。",
            "{name}では{time_clause}、{weather_clause}。{sentences}。",
            "{sentences}。{time}の{name}で、{weather_clause}。",
            "{place}に、{things}が見える。{time}で、{weather_clause}。",
        ),
        Detail.MEDIUM: (
            "{time}の{place}に{things}が見える。",
            "{weather}{place}に{things}が見える。",
            "{time}の{name}と{things}。",
            "{things}が見える{time}の{name}。",
            "{things}が見える{weather}{name}の{view}。",
            "{weather_clause}。{place}には{things}が見える。",
        ),
        Detail.LOW: (
            "{place}の{things}",
            "{place}に{things}が見える。",
            "{things}が見える{name}。",
            "{things}が見える{name}の{view}。",
            "{name}と{things}",
        ),
    },
)
