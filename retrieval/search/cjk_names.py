"""Names in Chinese and Japanese, which write no spaces: people and places by the particles around them."""

from __future__ import annotations

import re
from collections.abc import Iterator

from vasari.retrieval.patterns import Pattern
from vasari.retrieval.search.media_kinds import Asked
from vasari.retrieval.search.name_words import CJK_HONORIFICS, CJK_SHARED_NAMES
from vasari.retrieval.search.typed_words import Piece, has_cjk
from vasari.retrieval.search.vocabulary import Vocabulary, one_of, place_filter
from vasari.retrieval.search.year_words import CJK_INSCRIBED

_LONGEST = 8  # letters
_LONGEST_LATIN = 24
_LATIN = Pattern("[A-ZÀ-Ý][a-zß-ÿ]+(?: [A-ZÀ-Ý][a-zß-ÿ]+)*")
_BEFORE = Pattern(r"(?:^|[\s，,、。的の在于和跟与と从到去はがをへもでに])$")
_NOT_BEFORE = Pattern(
    r"(?:不是|不要|没有|沒有|除了|非|关于|關於|(?<![铜石雕佛塑])像|[东東西南北][方洋]?[的の]?|(?:レゴ|乐高)[的の]?)(?:在|和|跟|与)?$"
)
_NOT_BEHIND = Pattern(
    r"(?:さん|ちゃん|くん|市|城)?(?:じゃな|ではな|でな|以外|なし|抜き|がいな|のいな|除外|之外|[のと]いう|の名前|的名字|について|に関する|と書|を舞台|のよう|みたい|に似|っぽ)"
)
# What goes there and is elsewhere: 去柏林的火车, 东京行的机票.
_BOUND_BEFORE = Pattern("(?:去|到|往|开往|飞往)$")
_BOUND_BEHIND = Pattern(
    "[的の]?(?:火车|高铁|列车|飞机|航班|巴士|大巴|船|机票|车票|船票|路标|门票|信|明信片)(?:$|[\\s，,、。])"
)
_AND = "(?:和(?!牛|服|食|风|風|式|歌|菓|紙|平)|与|跟|と)"  # not that of Wagyu and kimono
_BESIDE = Pattern(_AND)
_PLACE_BEHIND = Pattern(
    rf"{_AND}|(?:市|县|県|都)?(?:$|[\s，,、。])|(?:市|城)?(?:で|に|へ|里|旅行|旅游|之旅|之行|自由行|度假|蜜月|徒步|自驾|登山|滑雪|露营|骑行|潜水|游(?!戏|泳|乐|客)|出差"
    r"|观光|観光|散步|散歩|拍|夜景|夜晚|街(?!図|图|圖)|海|寺庙|寺院|古城|老城|老街|街头|夜市|电车|地铁|广场|教堂|城堡|古镇|雪景|公园|博物馆|美术馆|老城区|日落|日出|夕阳|夕日|樱花|风景|風景|婚礼|结婚|聚会|机场|空港|车站|駅(?!弁|伝)|写真|照片)"
)
# What is taken at a place, by its last letters, for these are the head of a noun: 路面電車, 清水寺, 老教堂, 落ち葉.
# Food and goods (京都の抹茶, 上海的旗袍) are from a place and photographed anywhere.
_SCENERY = (
    "山|海|川|河|江|湖|池|滝|瀑布|谷|島|岛|岸|滩|浜|港|湾|空|云|雲|雨|雪|雾|霧|霾|虹|月|星空|太陽|太阳|日落|日出|夕阳|夕日|夕焼け|朝日|黄昏"
    "|朝|昼|夕方|夜|晚上|夜晚|清晨|早晨|傍晚|春天?|夏天?|秋天?|冬天?|[雨雪晴阴]天|天气|天気|景|景色|风光|風光|森|林|木|树|樹|紅葉|红叶|枫叶"
    "|葉|葡萄[园園]|畑|田|野|草原|(?<![豆米])花|桜|郁金香|チューリップ|鹿|猫|犬|狗|鳥|鸟|鳩|鸽子?|カモメ|海鸥|猿|马|馬"
    "|(?<!八[つツ])橋|桥|寺|庙|廟|社|宮|宮殿|宫|宫殿|城堡?|塔|タワー|ドーム|閣|阁|[港路]口|門|门|鳥居|道|路|路地|小路|坂|階段|台阶|街头?|巷子?|小巷|弄堂|胡同|町|镇|村|町並み|街並み|田舎|乡下|屋根|屋顶|ベランダ|バルコニー|阳台|露台|窓|窗外?"
    "|駅|车站|站|園|园|庭|館|馆|堂|院|(?:広|市|劇|球|工|牧|スキー|机|广|市|剧|球|牧|农)[場场]|マーケット|クリスマス市|夜市|集市|老?城区?|市街|旧市街|郊外|海边|河边"
    "|ビーチ|ホテル|レストラン|カフェ|バー|ビル|アパート|マンション|公寓|居酒屋|屋台|温泉|カジノ|ジム|ディズニーランド|酒店|宾馆|民宿|餐厅|餐馆|咖啡[馆厅店]|酒吧"
    "|大仏|仏像|大佛|佛像|石像|銅像|雕像|雕塑|彫刻|噴水|喷泉|遺跡|遗迹|廃墟|废墟|建築|建物|建筑|大楼|摩天楼|高楼|房子|家|[墙牆壁]|斗兽场|観覧車|摩天轮"
    "|[電列馬汽]車|自転車|人力車|[电火马缆]车|自行车|バス|タクシー|トラム|地下鉄|ゴンドラ|船|舟|ボート|フェリー|ヨット|巴士|公交车?|地铁|出租车|渡轮|飛行機|飞机"
    "|祭り?|花火|烟花|灯会|式|会|節|节|フェス|フェスティバル|コンサート|ライブ|試合|比赛|パレード|游行|マラソン|パーティー|演唱会|音乐会|旅|旅行|旅游|観光|休日|夏休み|週末|周末"
    "|正月|新年|クリスマス|圣诞节?|カーニバル|花見|ハイキング|登山|スキー|滑雪|サイクリング|キャンプ|散歩|散步|夕食|晚餐|人々|人たち|人群|游客|観光客|行人|子ども|子供|こども|孩子们?|家族|家人|両親|父母|爸妈|おばちゃん|おじさん|老人|婚礼|合影"
    "|写真|照片|風景|风景|光景|思い出|回忆|記念|夜店|イルミネーション|ライトアップ|灯光|灯"
)
_SCENERY_BEHIND = Pattern(
    rf"(?:市|城)?[的の](?:$|.{{0,10}}?(?:{_SCENERY})(?:$|[\s，,、。の的でにとをがはへも和与跟]))"
)
# What is made, written or played, and called by a place: not taken there though it has one in its name.
_MADE = (
    "地図|地图|地圖|明信片|絵葉書|絵はがき|マグネット|冰箱贴|小说|小説|映画|电影|玩具|おもちゃ|フィギュア|手办|キーホルダー|钥匙扣|国旗"
    "|新闻|ニュース|天気予報|天气预报|スノードーム|拼图|パズル|乐高|レゴ|土産|世界史|歴史|历史|唱片|レコード|イラスト|插画|指南|攻略|ガイドブック|箱|瓶|袋"
    "|仮面|面具|香水|お菓子|かけら|冷凍|台本|剧本|课本|課本|教科书|教科書|漫画|绘本|絵本|キャラクター"
)
_THING_BEHIND = Pattern(rf"[^的の]*[的の]?模型(?:\s|$)|.*(?:{_MADE}|{'|'.join(CJK_INSCRIBED)})(?:\s|$)")
# At the end they say that its names are those of a work or firm: 小明的故事书封面.
_EMBLEM_BEHIND = Pattern(r".*(?:封面|海报|海報|标志|商标|ポスター|表紙|ロゴ)(?:\s|$)")
# A stranger beside somebody, and what is made: a title's names, 花子とアンの台本.
_TITLE_BEHIND = Pattern(rf"{_AND}.+(?:{_MADE})(?:\s|$)")
# What a person has: 太郎の誕生日.
_FEAST_BEHIND = Pattern("の(?:.{0,4}発表会|誕生日|卒業|入学|入園|七五三|成人式|お宮参り|お食い初め)")
# Behind 在 and a place: 在巴黎喝咖啡.
_DOING = Pattern("[喝吃逛玩看住买骑爬听跳唱滑散打跑办]|过[年节夜]|上学|上班|工作|参加|见面")

_PERSON_BEHIND = Pattern(
    rf"(?:さん|ちゃん|くん|君|先生|小姐)?(?:$|[\s，,、。\d]|的|の|{_AND}|が|は|を|在|去|一起|照片|写真|[^\W\d_]{{1,2}}[着著]|下棋|[攀打跑骑跳唱弹吃喝睡笑哭穿戴抱坐站画写读做玩看爬游走滑吹踢推喂放过]|学(?!院|校|会)|小时候|长大|第[一二三]|[\d一二三四五六七八九十]+[岁歳]|生日|结婚|毕业|满月)"
)


def cjk_names_in(text: str, run: Piece, vocabulary: Vocabulary) -> Iterator[Asked]:
    """Names inside a run of letters, by the particles around them; it may hold Latin names as well: AnnaとTom."""
    at = free = run.start
    while at < run.end:
        if _is_inside_a_name(text, at):
            at += 1
            continue
        found = next(_named(text, run, at, free, vocabulary), None)
        if found is not None:
            yield found
            free = found.end
        at = found.end if found is not None else at + 1


def _named(text: str, run: Piece, at: int, free: int, vocabulary: Vocabulary) -> Iterator[Asked]:
    is_latin = not has_cjk(text[at])
    if not _BEFORE.search(text[:at]) and at != run.start and not is_latin:
        return
    longest = _LONGEST_LATIN if is_latin else _LONGEST
    for end in range(min(run.end, at + longest), at + 1, -1):
        if _is_inside_a_name(text, end) or (is_latin and has_cjk(text[end - 1])):
            continue
        rest = text[end : run.end]
        place = _PLACE_BEHIND.match(rest) or _SCENERY_BEHIND.match(rest)
        person = _PERSON_BEHIND.match(rest)
        if place is None and text[:at].endswith("在"):
            place = _DOING.match(rest) or re.match("的", rest)
        if place is None and person is None:
            continue
        if _BOUND_BEFORE.search(text[:at]) and _BOUND_BEHIND.match(rest):
            continue
        if _NOT_BEFORE.search(text[:at]) or _NOT_BEHIND.match(rest):
            continue
        named = vocabulary.named(text[at:end])
        particle = re.match("(?:さん|ちゃん|くん|的|の|で|に|と|和|跟)*", rest)
        until = end + (particle.end() if particle else 0)
        start = at - (at > free and text[at - 1 : at] in ("在", "于", "和", "跟", "与", "从", "到"))
        addressed = (
            rest.startswith(CJK_HONORIFICS)
            or _is_beside_a_person(rest, vocabulary)
            or _FEAST_BEHIND.match(rest) is not None
            or text[at:end] not in CJK_SHARED_NAMES
        )
        if named.places and (_THING_BEHIND.match(text[end:]) or _is_beside_a_thing(rest, vocabulary)):
            continue
        is_work = _EMBLEM_BEHIND.match(rest) or _TITLE_BEHIND.match(rest)
        if named.people and person and addressed and not (is_work or _is_beside_a_stranger(rest, vocabulary)):
            yield Asked("person", one_of("person", named.people), start, at, end, until)
        elif (place and any(found.is_here for found in named.places)) or (
            place and named.places and (start < at or until > end)
        ):
            yield Asked("place", place_filter(named.places), start, at, end, until)


def _is_inside_a_name(text: str, at: int) -> bool:
    """Whether it is no end of a name in a script that parts its words: in Annaの誕生日, or before Zetkinの写真."""
    before, behind = text[:at].rstrip(" ")[-1:], text[at:].lstrip(" ")[:1]
    return before.isalnum() and behind.isalnum() and not (has_cjk(before) or has_cjk(behind))


def _is_beside_a_thing(rest: str, vocabulary: Vocabulary) -> bool:
    """Whether something else than another place or person is told in a breath with it: 里昂与狮子."""
    joint = _BESIDE.match(rest)
    if joint is None:
        return False
    behind = rest[joint.end() :]
    return not any(vocabulary.named(behind[:length]) for length in range(2, min(len(behind), _LONGEST) + 1))


def _is_beside_a_stranger(rest: str, vocabulary: Vocabulary) -> bool:
    """Whether a Latin name that is nobody's here is told in a breath with it: Tom和Jerry."""
    joint = _BESIDE.match(rest)
    other = _LATIN.match(rest, joint.end()) if joint else None
    return other is not None and not vocabulary.named(other[0])


def _is_beside_a_person(rest: str, vocabulary: Vocabulary) -> bool:
    """Whether somebody whose name is no word is told in a breath with it: さくらと健太."""
    joint = _BESIDE.match(rest)
    if joint is None:
        return False
    names = (rest[joint.end() :][:length] for length in range(2, _LONGEST + 1))
    return any(name not in CJK_SHARED_NAMES and vocabulary.named(name).people for name in names)
