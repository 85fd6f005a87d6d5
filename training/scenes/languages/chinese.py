"""Chinese captions (simplified)."""

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

# Measure word, then noun.
_WORDS = """
SAILBOAT: 艘 帆船, 艘 帆艇
ROWBOAT: 条 小划艇, 条 划桨船
SHIP: 艘 轮船, 艘 汽船
LIGHTHOUSE: 座 灯塔
BUOY: 个 浮标
SWAN: 只 天鹅
DUCK: 只 鸭子
BALLOON: 个 热气球
KITE: 只 风筝
PLANE: 架 飞机
BIRD: 只 鸟, 只 飞鸟
AIRSHIP: 艘 飞艇
HOUSE: 座 房子, 栋 房屋
BARN: 座 谷仓, 座 粮仓
CHURCH: 座 教堂
TOWER: 座 塔楼, 座 高塔
CASTLE: 座 城堡, 座 古堡
TENT: 顶 帐篷
WINDMILL: 座 风车
CAR: 辆 汽车, 辆 轿车
BUS: 辆 公交车, 辆 巴士
TRUCK: 辆 卡车, 辆 货车
TRACTOR: 台 拖拉机
BICYCLE: 辆 自行车, 辆 单车
TRAIN: 列 火车, 列 列车
TREE: 棵 树, 棵 树木
PALM: 棵 棕榈树, 棵 椰子树
FLOWER: 朵 花, 朵 花朵
CACTUS: 棵 仙人掌
MUSHROOM: 个 蘑菇, 朵 蘑菇
HORSE: 匹 马
COW: 头 牛, 头 奶牛
SHEEP: 只 羊, 只 绵羊
DOG: 只 狗, 条 狗
CAT: 只 猫
CAMEL: 头 骆驼, 只 骆驼
DEER: 只 鹿, 头 鹿
UMBRELLA: 把 伞, 把 雨伞
BENCH: 张 长椅, 条 长凳
LAMP: 盏 路灯, 盏 街灯
FLAG: 面 旗帜, 面 旗子
SNOWMAN: 个 雪人
BALL: 个 球, 个 皮球
BARREL: 个 木桶, 只 木桶
FENCE: 道 栅栏, 道 篱笆
"""


def _forms(word: str) -> tuple[str, str]:
    measure, _, noun = word.partition(" ")
    return measure, noun


_NOUNS = {kind: tuple(_forms(word) for word in words) for kind, words in table(_WORDS).items()}
_COLOURS = {
    Colour.RED: ("红色",),
    Colour.ORANGE: ("橙色", "橘色"),
    Colour.YELLOW: ("黄色",),
    Colour.GREEN: ("绿色",),
    Colour.BLUE: ("蓝色",),
    Colour.PURPLE: ("紫色",),
    Colour.PINK: ("粉色", "粉红色"),
    Colour.BROWN: ("棕色", "褐色"),
    Colour.BLACK: ("黑色",),
    Colour.WHITE: ("白色",),
}
_NUMBERS = ("", "一", "两", "三", "四")
_VAGUE = ("几", "好几")
_SIZES = {Size.LARGE: ("大大的", "很大的"), Size.SMALL: ("小小的", "很小的")}


def thing(group: Group, told: Told, _case: Case, rng: Numbers) -> str:
    """Noun phrase: "一艘巨大的红色帆船", "三座白色的房子"."""
    measure, noun = pick(rng, _NOUNS[group.kind])
    joint = pick(rng, ("", "的"))  # a noun of one character always takes it
    colour = pick(rng, _COLOURS[group.colour]) + ("的" if len(noun) == 1 else joint)
    size = pick(rng, _SIZES[group.size])
    digits, vague = chance(rng, 0.15), pick(rng, _VAGUE)
    number = str(group.count) if digits and group.count > 1 else _NUMBERS[group.count]
    if group.count > 1 and not told.exact:
        number = vague
    if not told.number:
        number = measure = ""
    return f"{number}{measure}{size if told.size else ''}{colour if told.colour else ''}{noun}"


def _polish(text: str) -> str:
    """Drop the second of two joined particles."""
    return text.replace("的的", "的")


_COLUMNS = {
    Column.LEFT: ("左边", "左侧", "画面左边"),
    Column.CENTRE: ("中间", "正中间", "画面中央"),
    Column.RIGHT: ("右边", "右侧", "画面右边"),
}
_LAYERS = {
    Layer.SKY: ("天空中", "空中", "天上"),
    Layer.FAR: ("远处", "远方"),
    Layer.NEAR: ("近处", "前景中"),
}

CHINESE = LanguageGrammar(
    facts={
        "place": {
            Setting.BEACH: ("海滩上", "沙滩上", "海边"),
            Setting.HARBOUR: ("港口里", "码头边", "海港里"),
            Setting.MOUNTAINS: ("山里", "群山之间", "高山前"),
            Setting.CITY: ("城市里", "城里", "城市街道上"),
            Setting.FARM: ("农场里", "乡间", "田野上"),
            Setting.DESERT: ("沙漠里", "沙丘之间", "沙漠中"),
            Setting.FOREST: ("森林里", "树林里", "林中"),
            Setting.SNOWFIELD: ("雪地上", "雪原上"),
            Setting.LAKE: ("湖边", "湖畔"),
            Setting.PARK: ("公园里", "公共花园里"),
        },
        "name": {
            Setting.BEACH: ("海滩", "沙滩", "海边"),
            Setting.HARBOUR: ("港口", "码头", "海港"),
            Setting.MOUNTAINS: ("群山", "高山", "山景"),
            Setting.CITY: ("城市", "城市街道"),
            Setting.FARM: ("农场", "乡间", "田野"),
            Setting.DESERT: ("沙漠", "沙丘"),
            Setting.FOREST: ("森林", "树林"),
            Setting.SNOWFIELD: ("雪地", "雪原"),
            Setting.LAKE: ("湖边", "湖畔"),
            Setting.PARK: ("公园", "公共花园"),
        },
        "time": {
            Time.DAWN: ("黎明", "清晨", "日出时分"),
            Time.NOON: ("正午", "中午", "白天"),
            Time.SUNSET: ("日落时分", "黄昏", "傍晚"),
            Time.NIGHT: ("夜晚", "夜里", "晚上"),
        },
        "time_clause": {
            Time.DAWN: ("太阳正在升起", "天刚亮"),
            Time.NOON: ("正是中午", "正是白天"),
            Time.SUNSET: ("太阳正在落山", "正是黄昏"),
            Time.NIGHT: ("已是夜晚", "天已经黑了"),
        },
        "weather": {
            Weather.CLEAR: ("晴朗的", "晴天的"),
            Weather.RAIN: ("下雨的", "雨中的"),
            Weather.SNOW: ("下雪的", "雪花飘落的"),
            Weather.FOG: ("有雾的", "大雾中的"),
        },
        "weather_clause": {
            Weather.CLEAR: ("天气晴朗", "晴空万里", "天空晴朗"),
            Weather.RAIN: ("下着雨", "正在下雨", "雨在下"),
            Weather.SNOW: ("下着雪", "正在下雪", "雪花飘落"),
            Weather.FOG: ("大雾弥漫", "有雾", "雾气笼罩"),
        },
        "view": dict.fromkeys(Setting, ("图中是", "画面是", "这是一幅画：", "明信片上是")),
    },
    columns=_COLUMNS,
    wheres=combine(_COLUMNS, _LAYERS, ("{column}的{layer}", "{layer}的{column}")),
    thing=thing,
    verb=lambda _group: "有",
    join="，".join,
    polish=_polish,
    full_stop="。",
    relations={
        RelationKind.LEFT_OF: ("{b}的左边有{a}", "{a}在{b}的左边", "{a}位于{b}的左侧"),
        RelationKind.RIGHT_OF: ("{b}的右边有{a}", "{a}在{b}的右边", "{a}位于{b}的右侧"),
        RelationKind.ABOVE: ("{b}的上方有{a}", "{a}在{b}的上面", "{a}位于{b}的上方"),
        RelationKind.BEHIND: ("{b}的后面有{a}", "{a}在{b}的后面", "{a}位于{b}的后方"),
    },
    items=("{where}有{thing}", "{where}有{thing}", "{where}是{thing}", "{thing}在{where}"),
    listings=("{where}有{thing}", "{where}是{thing}"),
    sentences=("{where}有{thing}", "{where}可以看到{thing}", "{thing}在{where}", "{where}是{thing}"),
    pair_sentences=("{pair}", "可以看到{pair}", "图中{pair}"),
    plans={
        Detail.HIGH: (
            "{time}的{name}，{weather_clause}，{things}。",
            "{weather_clause}，{time}，{place}，{things}。",
            "{time}，{weather}{name}，{things}。",
            "{view}{time}{weather}{name}，{things}。",
            "{place}，{time_clause}，{weather_clause}。{sentences}。",
            "{sentences}。{time}的{name}，{weather_clause}。",
            "{things}，{time}，{place}，{weather_clause}。",
            "{view}{name}。{time_clause}，{weather_clause}。{things}。",
        ),
        Detail.MEDIUM: (
            "{time}，{place}有{things}。",
            "{weather_clause}，{place}有{things}。",
            "{weather}{name}，有{things}。",
            "{time}的{name}，有{things}。",
            "{time_clause}，{place}可以看到{things}。",
            "{view}{time}的{name}，有{things}。",
            "{time}{place}的{things}。",
        ),
        Detail.LOW: (
            "{place}有{things}。",
            "{place}有{things}",
            "{place}的{things}",
            "{name}，有{things}。",
            "{view}{name}，有{things}。",
        ),
    },
)
