"""Words that take a year away from a number: "ford focus 2012" is a car, "2020 vision" is sight, and neither a date.

Lists by what they name: what is counted and numbered, makers and their products, what has a year written on it, streets
that are called after a day. All are folded as `typed_words.fold` does: in small letters and without accents.
"""

from __future__ import annotations


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# Beside these a number is no year.
NO_YEAR_BEHIND = _words(
    """room zimmer iso no nr number numbers nummer numero num flight flug vuelo vol bus tram train line highway
    route plate v class expo euro saying says reads reading text written word digit digits apollo area gate
    platform gleis hausnummer code pincode zip plz unit locomotive engine running gt pro air x times mal channel
    kanal page seite chapter kapitel episode folge staffel series serie level chambre habitacion than top over
    about around circa um etwa rund ca unos environ under cyberpunk"""
)
NO_YEAR_BEFORE = _words(
    """m km cm mm kg g ft feet foot miles mile meter meters metre metres metern metros euro euros eur dollar
    dollars usd people piece pieces pixels pixel px dpi steps calories kcal mah watt watts w hp ps cc rpm stairs
    persons personen leute menschen teile teilen stuck personas piezas personnes movie film films glasses
    odyssey balloon balloons ballons globos candle candles kerzen sparkler sparklers letters letras buchstaben
    digits numbers number zahl briefmarke bc ad n h volts v years jahre anos ans year jahr old alt hours stunden
    words hz mhz sheep seats degrees grad meilen liter liters tons tonnen birds pounds hits followers rover gt
    turbo suv by"""
)
# Before a number that looks like a date they say that it is one of a series: order no 2021-11.
NUMBERED = _words("no nr number numbers nummer numero num n nro ref id")
# Makers of cars, aircraft, electronics and software, and what they call their products: a year beside them is that of
# the model.
PRODUCTS = _words(
    """alfa romeo alpine aston audi austin bentley bmw bugatti buick byd cadillac chevrolet chevy chrysler citroen
    cupra dacia daewoo daf daihatsu datsun delorean dodge ferrari fiat ford gmc holden honda hummer hyundai
    infiniti isuzu iveco jaguar jeep kia lada lamborghini lancia lexus ligier lotus maserati maybach mazda
    mclaren mercedes benz mg mitsubishi nissan opel peugeot polestar pontiac porsche renault rivian rolls royce
    rover saab scania seat skoda ssangyong subaru suzuki tesla toyota trabant vauxhall volkswagen volvo vw
    wartburg accord astra bronco camaro camry cayenne celica challenger charger civic clio cooper corolla corsa
    corvette cybertruck defender escort focus golf gti gtr jetta kadett kafer kangoo kombi megane miata micra
    mondeo mustang octavia passat prius punto roadster scenic sierra silverado supra taycan tiguan touran twingo
    wrangler yaris zafira zoe boeing airbus cessna learjet ducati harley davidson kawasaki triumph vespa yamaha
    ktm acer amiga asus atari blackberry commodore dell dyson fitbit galaxy gameboy garmin gopro hp htc huawei
    imac intel ipad iphone ipod kindle lego lenovo lg macbook mac microsoft motorola nintendo nokia nvidia
    oneplus oppo pixel playmobil playstation samsung sega siemens thinkpad tomtom walkman wii xbox xiaomi adobe
    autocad excel illustrator lightroom linux macos msdos office photoshop powerpoint ubuntu windows xp fifa nba
    nfl nhl madden pes wwe f1 forza sims tekken rolex omega seiko swatch casio playboy vogue ikea"""
)
# Models that are called like what people photograph.
MODELS = frozenset(
    {
        ("dacia", "spring"),
        ("ford", "fiesta"),
        ("honda", "city"),
        ("kia", "carnival"),
        ("vw", "bus"),
    }
)
# Wine and spirits are called by their year, too.
VINTAGES = _words(
    """chateau domaine bodega weingut barolo beaujolais bordeaux brunello burgundy cabernet cava champagne
    chardonnay chianti cognac cuvee grappa malbec margaux merlot moet pinot prosecco riesling rioja sauvignon
    sauternes shiraz syrah tokaj whiskey whisky vin vino wein wine vintage jahrgang millesime cosecha anejo
    bottle bottles flasche flaschen botella botellas bouteille bouteilles etikett etiqueta perignon"""
)
# A year stands on these, or is told by a number on them.
INSCRIBED = _words(
    """advent almanac almanach badge badges banknote banner baseball bib billboard book booklet brochure calendar
    calendars card catalog catalogue certificate coin coins cover covers diary diploma engraving flyer
    gravestone headline headstone inscription jersey kit label letterhead license licence logo logos magazine
    mascot medal medals newspaper pamphlet passport pin plaque planner postage poster posters program programme
    record runner runners scoreboard shirt sign signs sticker stickers stamp stamps tattoo ticket tickets
    tombstone trophy vinyl yearbook racer driver player agenda agendas affiche affiches billete brosche buch
    cartel carteles coureur couverture kalender lauferin laufer calendario calendarios calendrier calendriers
    camiseta camisetas carnet carte cartes corredor cromo grabado gravur gravure insignia libro livre maillot
    maillots matricula medaille medaillen medailles medalla medallas moneda monedas munze munzen panneau plakat
    plakate plaket portada revista sello sellos timbre timbres titel titelbild trikot trikots urkunde
    zeitschrift zeitung zertifikat quittung rechnung beleg invoice receipt factura facture recibo recu formular
    form formulaire model models modell modelle modelo modelos modele modeles mannequin replica miniature
    version edition ausgabe edicion newspapers banners mug mugs tshirt hoodie cap balloons balloon ballons globos
    zeitungen tasse tassen taza tazas periodico periodicos pancarta pancartas journal journaux banderole banderoles
    dossard dorsal startnummer piece"""
)
# They are called by the month for which they come out: calendar page for October 2023, Vogue cover September 1955.
ISSUED = _words(
    """calendar calendars kalender kalenderblatt calendario calendrier almanac magazine magazines cover covers issue
    ausgabe heft titelblatt zeitschrift revista portada couverture magazin numero vogue playboy"""
)
# On these the day or month stands for which they are, or when they were written: wedding invitation 14 June 2019.
DATED = ISSUED | _words(
    """graffiti graffito grafiti saying says menu menus report reports minutes collection lookbook lineup setlist
    letter letters invitation invitations
    invite poster posters flyer flyers banner calendar calendars ticket tickets
    newspaper newspapers magazine certificate diploma postcard stamp tattoo headline sticker envelope
    speisekarte bericht protokoll kollektion brief briefe einladung einladungen plakat plakate kalender
    eintrittskarte fahrkarte zeitung urkunde
    postkarte briefmarke aufkleber
    informe coleccion carta cartas invitacion invitaciones cartel carteles calendario entrada periodico sello tatuaje
    rapport compte lettre lettres faire affiche affiches calendrier billet billets journal timbre tatouage
    enveloppe"""
)
DATED_ENDS = (
    "einladung",
    "karte",
    "kollektion",
    "bericht",
    "plakat",
    "kalender",
    "zeitung",
    "urkunde",
    "ticket",
    "briefmarke",
    "postkarte",
)
# German writes them as the end of a longer word.
INSCRIBED_ENDS = (
    "kalender",
    "plakat",
    "trikot",
    "logo",
    "medaille",
    "munze",
    "briefmarke",
    "planer",
    "flasche",
    "wein",
    "modell",
    "schild",
    "heft",
    "buch",
    "ausgabe",
    "ausweis",
    "zeitschrift",
    "zeitung",
)
# In Chinese and Japanese.
CJK_INSCRIBED = tuple(
    sorted(
        _words(
            """年賀状 手帳 カレンダー 切手 硬貨 ポスター 切符 チケット メダル マスコット 金貨 銀貨 ワイン
            ウイスキー コイン 紙幣 バッジ 雑誌 ロゴ ボール ユニフォーム 透かし シャツ 恤 パンフレット
            招待状 手紙 ハガキ 葉書 新聞 チラシ 曲 歌 映画 ドラマ 小説
            コレクション メニュー 報告書 新款 菜单 报告 信 请柬 请帖 邀请函 报纸 歌曲 电影 电视剧 小说
            日历 日曆 挂历 台历 邮票 纪念币 硬币 金币 银币
            海报 门票 贺卡 吉祥物 水印 奖牌 獎牌 金牌 红酒 白酒 葡萄酒 茅台 茅台酒 徽章 会徽 杂志 标志 球衣"""
        )
    )
)
CJK_EDITIONS = ("モデル", "版", "款")
CJK_NUMBERED = ("ナンバー", "番号", "号码", "编号", "車番", "车牌")
# Streets and squares bear the date of a day: rue du 8 mai 1945, calle 9 de julio.
STREETS = _words(
    "calle avenida plaza plazuela paseo puente rue place boulevard quai pont avenue strasse platz allee brucke"
)
# A date behind these is that of the thing, whenever it was photographed: church built in 1920, expires May 2024.
MADE_THEN = _words(
    """built constructed founded established published released printed expires expired expiring valid due erbaut
    gebaut
    errichtet gegrundet veroffentlicht erschienen gedruckt haltbar gultig construido construida construidos
    construidas
    fundado fundada fundados fundadas publicado publicada publicados publicadas editado editada impreso impresa
    estrenada consumir caduca caducidad expira vence valido valida construit construite construits construites bati
    batie fonde fondee fondes fondees publie publiee publies publiees paru parue sorti imprime imprimee consommer
    expire valable expiry expiration ablaufdatum verfallsdatum designed dated invented entworfen datiert fechada
    fechado datee disenada disenado
    born died geboren gestorben nacido nacida nacidos nacidas muerto muerta ne nee nes nees mort morte
    decede decedee"""
)
# Behind these a date or two tell a life: gravestone 1931 - 2004.
MEMORIALS = _words(
    """gravestone headstone tombstone grave epitaph obituary grabstein grabmal grabplatte todesanzeige gedenktafel
    lapida tumba epitafio esquela tombe tombale stele epitaphe 墓碑 墓石 墓 お墓"""
)
# What has a number on it, and not a time: cake with 2019 on it.
HAVING = frozenset({"with", "mit", "con", "avec"})
# They say since when there is what they hang at: bakery open since 1987 sign.
SIGNS = _words("sign signs logo schild letrero rotulo enseigne plaque")
BEST_BEFORE = frozenset({("best", "before"), ("use", "before"), ("consume", "before")})
# In Chinese and Japanese, before the date and behind it.
CJK_MADE_THEN = (
    "(?:始于|創業|[建成创創]?[建立办造]于|[出发]版于|发行于|建於|保质期|保質期|有效期|生产日期|賞味期限|消費期限|有効期限|使用期限|製造日)"
    "(?:至|到|は|が|:|：)?"
)
CJK_MADE_BEHIND = (
    "(?:に)?(?:生まれ|出生|建てられ|建造|建設|創業|創立|設立|出版|発売|発行|刊行|竣工|製造|建成|落成|发行|发售|成立|创立|创办|生产|制造|出厂)"
    "(?!大会|仪式|典礼|式|会)"
)
# What is told apart by its year: class of 2012, war of 1914.
TOLD_BY_YEARS = _words(
    """class battle war revolution treaty constitution crash crisis generation promotion bataille guerre traite
    crise batalla guerra tratado constitucion revolucion generacion promocion schlacht krieg vertrag jahrgang
    law act loi accord decret gesetz abkommen ley acuerdo decreto"""
)
