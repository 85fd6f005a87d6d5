"""Foreign queries: out-of-vocabulary words, for things that no drawing shows, and strings without meaning.

An encoder has to learn that they fit nothing: what it never heard of lies somewhere, near to some pictures.
"""

from __future__ import annotations

import string
from random import Random

from vasari.training.scenes.scene import Language

_WORDS = {
    Language.ENGLISH: """
        man woman child baby people person face portrait crowd family girl boy grandmother soldier doctor
        nurse teacher police king queen bride selfie smile hand foot eye hair beard shirt dress shoes hat
        jacket jeans glasses watch burger sandwich bread cheese cake chocolate coffee tea beer wine
        water-bottle juice soup salad rice sushi noodles apple banana lemon tomato potato onion carrot egg
        meat chicken breakfast dinner restaurant kitchen menu recipe laptop computer phone smartphone tablet
        camera screen keyboard mouse printer cable battery television radio robot guitar piano drum music
        concert song dance film movie theatre museum painting sculpture book newspaper letter document
        passport ticket receipt money coin wallet bank invoice contract chart graph table-tennis map
        calendar football tennis basketball golf hockey boxing swimming running yoga gym stadium goal trophy
        medal race sofa bed chair desk door window carpet curtain mirror bathroom toilet shower fridge oven
        washing-machine elephant lion tiger giraffe zebra monkey snake spider frog turtle fish shark whale
        dolphin octopus bee butterfly penguin owl eagle parrot rabbit mouse-trap squirrel fox wolf bear
        kangaroo crocodile dragon unicorn dinosaur volcano waterfall cave island bridge tunnel airport
        helicopter rocket satellite planet galaxy moon-landing hospital school office factory shop
        supermarket hotel church-organ prison courtroom library laboratory wedding birthday christmas-tree
        halloween party fireworks war protest election accident fire earthquake love freedom justice
        happiness time truth democracy mathematics physics chemistry biology history philosophy python
        javascript database server network password email website software algorithm invoice-number
        motorcycle scooter tram submarine tank skateboard surfboard skiing snowboard canoe-race taxi
        ambulance scissors hammer knife spoon fork plate cup bottle box bag basket toothbrush soap lipstick
        perfume ring logo icon screenshot meme diagram blueprint barcode qr-code spreadsheet slideshow
        resume
    """,
    Language.GERMAN: """
        Mann Frau Kind Gesicht Hand Brille Schuhe Brot Käse Kuchen Kaffee Bier Wein Apfel Banane Tomate Ei
        Rechner Handy Bildschirm Tastatur Gitarre Klavier Buch Zeitung Rechnung Vertrag Geld Fußball Tennis
        Sofa Bett Stuhl Tür Spiegel Elefant Löwe Affe Schlange Spinne Fisch Wal Biene Pinguin Hase Fuchs Bär
        Drache Vulkan Brücke Flughafen Krankenhaus Schule Büro Hochzeit Geburtstag Feuerwerk Liebe Freiheit
        Motorrad Hammer Messer Gabel Flasche
    """,
    Language.FRENCH: """
        homme femme enfant visage main lunettes chaussures pain fromage gâteau café bière vin pomme banane
        tomate œuf ordinateur téléphone écran clavier guitare piano livre journal facture contrat argent
        football tennis canapé lit chaise porte miroir éléphant lion singe serpent araignée poisson baleine
        abeille pingouin lapin renard ours dragon volcan pont aéroport hôpital école bureau mariage
        anniversaire amour liberté moto marteau couteau bouteille
    """,
    Language.SPANISH: """
        hombre mujer niño cara mano gafas zapatos pan queso pastel café cerveza vino manzana plátano tomate
        huevo ordenador teléfono pantalla teclado guitarra piano libro periódico factura contrato dinero
        fútbol tenis sofá cama silla puerta espejo elefante león mono serpiente araña pez ballena abeja
        pingüino conejo zorro oso dragón volcán puente aeropuerto hospital escuela oficina boda cumpleaños
        amor libertad moto martillo cuchillo botella
    """,
    Language.CHINESE: """
        男人 女人 孩子 婴儿 脸 手 眼镜 鞋子 面包 奶酪 蛋糕 咖啡 啤酒 苹果 香蕉 番茄 鸡蛋 电脑 手机 屏幕 键盘
        吉他 钢琴 书 报纸 发票 合同 钱 足球 网球 沙发 床 门 镜子 大象 狮子 猴子 蛇 蜘蛛 鲸鱼 蜜蜂 企鹅 兔子
        狐狸 熊 龙 火山 桥 机场 医院 学校 办公室 婚礼 生日 爱情 自由 摩托车 锤子 刀 瓶子 米饭 面条 火锅 数学
    """,
    Language.JAPANESE: """
        男 女 子供 赤ちゃん 顔 手 眼鏡 靴 パン チーズ ケーキ コーヒー ビール りんご バナナ トマト 卵
        パソコン スマホ 画面 キーボード ギター ピアノ 本 新聞 請求書 契約 お金 サッカー テニス ソファ ベッド
        椅子 ドア 鏡 象 ライオン 猿 蛇 蜘蛛 魚 クジラ 蜂 ペンギン うさぎ 狐 熊 竜 火山 橋 空港 病院 学校
        会社 結婚式 誕生日 愛 自由 バイク 金槌 包丁 瓶 寿司 ラーメン 数学
    """,
}
_VOWELS, _CONSONANTS = "aeiou", "bcdfghjklmnpqrstvwxyz"


def foreign(language: Language, rng: Random) -> str:
    """One or two words for what no drawing shows, a number, or a string without meaning."""
    lot = rng.random()
    if lot < 0.6:
        words = [
            word.replace("-", " ")
            for word in rng.choices(_WORDS[language].split(), k=1 + (rng.random() < 0.3))
        ]
        before = rng.choice(("", "", "a ", "the ")) if language is Language.ENGLISH else ""
        return before + " ".join(words)
    if lot < 0.72:
        return "".join(rng.choices(string.digits + " .-/", k=rng.randint(1, 8)))
    if lot < 0.84:
        return "".join(rng.choices(string.ascii_lowercase, k=rng.randint(2, 9)))
    return " ".join(_syllables(rng) for _ in range(rng.randint(1, 3)))


def _syllables(rng: Random) -> str:
    """A word that could be one, and is none."""
    pairs = (rng.choice(_CONSONANTS) + rng.choice(_VOWELS) for _ in range(rng.randint(2, 4)))
    end: str = rng.choice(("", *_CONSONANTS))
    return "".join(pairs) + end
