"""Search keywords in six languages: what people type for things, places, times and weathers, besides captions' words.

A line is `MEANING: word, word`. A meaning is one or more members of `Kind`, `Setting`, `Time` and `Weather`, any of
which will do; several such, all of which are needed, are joined by `&`.
"""

from __future__ import annotations

from enum import StrEnum

from vasari.training.scenes.scene import Colour, Kind, Language, Setting, Time, Weather

Clause = frozenset[StrEnum]
"""Facts of which one has to hold."""

_ENGLISH = """
SAILBOAT ROWBOAT SHIP: boat/boats, vessel/vessels
SAILBOAT: sail boat/sail boats, sailing ship/sailing ships
ROWBOAT: row boat/row boats
SHIP: steamer/steamers, steamboat/steamboats, cruise ship/cruise ships
LIGHTHOUSE: light house/light houses, beacon/beacons
DUCK: duckling/ducklings
BALLOON: hotair balloon/hotair balloons
PLANE: aircraft/aircraft, airplane/airplanes, jet/jets
AIRSHIP: air ship/air ships
HOUSE: home/homes, cabin/cabins
BARN: farm building/farm buildings
CASTLE: palace/palaces, fort/forts
TENT: camping/camping, camp/camps
CAR: auto/autos
TRUCK: pickup truck/pickup trucks
BICYCLE: cycle/cycles, push bike/push bikes
TRAIN: railway/railways, steam train/steam trains
PALM: palmtree/palmtrees, coconut tree/coconut trees
FLOWER: bloom/blooms
HORSE: pony/ponies, stallion/stallions
COW: cattle/cattle, bull/bulls
SHEEP: lamb/lambs
DOG: puppy/puppies, hound/hounds, doggy/doggies, pup/pups
CAT: kitten/kittens, kitty/kitties, pussycat/pussycats
DEER: stag/stags, reindeer/reindeer
UMBRELLA: sunshade/sunshades
BENCH: park bench/park benches, seat/seats
LAMP: streetlamp/streetlamps, lamp/lamps, street light/street lights, streetlight/streetlights, lantern/lanterns
FLAG: banner/banners
SNOWMAN: snow man/snow men
BALL: beach ball/beach balls, toy ball/toy balls
BARREL: keg/kegs, wooden barrel/wooden barrels
FENCE: wooden fence/wooden fences
HORSE COW SHEEP DOG CAT CAMEL DEER SWAN DUCK BIRD: animal/animals
DOG CAT: pet/pets
HORSE COW SHEEP: farm animal/farm animals, livestock/livestock
CAR BUS TRUCK TRACTOR BICYCLE TRAIN: vehicle/vehicles
HOUSE BARN CHURCH TOWER CASTLE WINDMILL LIGHTHOUSE: building/buildings
TREE PALM FLOWER CACTUS MUSHROOM: plant/plants
BEACH: beach, seaside, shore, seashore, coast, sandy beach
BEACH HARBOUR: sea, ocean
BEACH DESERT: sand
BEACH HARBOUR LAKE: water
HARBOUR: harbour, harbor, port, docks, marina
MOUNTAINS: mountain, mountains, alps, peaks, hills
CITY: city, town, street, urban, downtown
FARM: farm, countryside, field, rural, farmland
DESERT: desert, dunes, sahara
FOREST: forest, woods, woodland, wood
SNOWFIELD SNOW: snow, winter, snowy
SNOWFIELD: snowfield, snow covered field
LAKE: lake, lakeside, pond
PARK: park, garden
DAWN: dawn, sunrise, daybreak, morning, early morning
NOON: noon, midday, daytime, day, daylight
SUNSET: sunset, dusk, evening, sundown
NIGHT: night, nighttime, dark, at night, midnight
CLEAR: clear sky, cloudless, clear weather
CLEAR & NOON: sunny, sunny day, sunshine
RAIN: rain, rainy, raining, rainy day
SNOW: snowing, snowfall, falling snow
FOG: fog, foggy, mist, misty
"""
_CHINESE = """
SAILBOAT ROWBOAT SHIP: 船, 船只, 小船
SAILBOAT: 帆船, 游艇
ROWBOAT: 划艇, 木船
SHIP: 大船, 轮船, 客轮
SWAN: 白天鹅
DUCK: 鸭, 小鸭子
BALLOON: 气球
PLANE: 客机
BIRD: 小鸟, 鸟儿
HOUSE: 屋子, 房屋, 小屋, 家
CHURCH: 礼拜堂
TOWER: 塔
TENT: 露营
CAR: 车, 小汽车, 轿车
BUS: 公共汽车, 大巴
BICYCLE: 脚踏车
TRAIN: 列车
TREE: 大树, 树木
PALM: 棕榈, 椰树
FLOWER: 鲜花, 花儿
MUSHROOM: 香菇
HORSE: 马儿, 骏马
COW: 奶牛
SHEEP: 绵羊, 羊群
DOG: 小狗, 狗狗, 犬
CAT: 小猫, 猫咪
DEER: 小鹿
UMBRELLA: 雨伞, 阳伞
BENCH: 长凳, 椅子
LAMP: 路灯, 街灯, 灯
FLAG: 旗
BALL: 皮球
BARREL: 桶
FENCE: 围栏, 篱笆
HORSE COW SHEEP DOG CAT CAMEL DEER SWAN DUCK BIRD: 动物
DOG CAT: 宠物
CAR BUS TRUCK TRACTOR BICYCLE TRAIN: 车辆, 交通工具
HOUSE BARN CHURCH TOWER CASTLE WINDMILL LIGHTHOUSE: 建筑, 建筑物
TREE PALM FLOWER CACTUS MUSHROOM: 植物
BEACH: 海滩, 沙滩, 海边, 海岸
BEACH HARBOUR: 海, 大海
BEACH DESERT: 沙子
BEACH HARBOUR LAKE: 水
HARBOUR: 港口, 码头, 海港
MOUNTAINS: 山, 群山, 高山, 大山
CITY: 城市, 街道, 城里
FARM: 农场, 田野, 乡村, 乡下
DESERT: 沙漠, 沙丘
FOREST: 森林, 树林
SNOWFIELD SNOW: 雪, 冬天
SNOWFIELD: 雪地, 雪原
LAKE: 湖, 湖边, 湖泊
PARK: 公园, 花园
DAWN: 黎明, 日出, 清晨, 早晨, 早上
NOON: 中午, 正午, 白天
SUNSET: 日落, 黄昏, 傍晚, 夕阳
NIGHT: 夜晚, 晚上, 夜, 夜里
CLEAR: 晴朗
CLEAR & NOON: 晴天, 阳光
RAIN: 雨, 下雨, 雨天, 雨中
SNOW: 下雪, 雪中
FOG: 雾, 大雾, 雾中
"""
_SPANISH = """
SAILBOAT ROWBOAT SHIP: barco/barcos, embarcación/embarcaciones
SAILBOAT: barco velero/barcos veleros
ROWBOAT: barca/barcas, bote/botes
SHIP: buque/buques, barco grande/barcos grandes
BALLOON: globo/globos
PLANE: aeroplano/aeroplanos, avion/aviones
BIRD: ave/aves, pajarito/pajaritos
HOUSE: casita/casitas, hogar/hogares
TENT: tienda/tiendas, carpa/carpas
CAR: auto/autos, coche/coches
BUS: bus/buses, colectivo/colectivos
TRUCK: camioneta/camionetas
BICYCLE: bici/bicis
TRAIN: ferrocarril/ferrocarriles
TREE: arbol/arboles
PALM: palma/palmas
MUSHROOM: champiñón/champiñones
COW: toro/toros
SHEEP: cordero/corderos
DOG: perrito/perritos, cachorro/cachorros
CAT: gatito/gatitos
DEER: reno/renos
UMBRELLA: sombrilla/sombrillas
BENCH: banca/bancas
LAMP: farol/faroles
SNOWMAN: muñeco nieve/muñecos nieve
BALL: balón/balones
BARREL: barrica/barricas
FENCE: cerco/cercos
HORSE COW SHEEP DOG CAT CAMEL DEER SWAN DUCK BIRD: animal/animales
DOG CAT: mascota/mascotas
CAR BUS TRUCK TRACTOR BICYCLE TRAIN: vehículo/vehículos
HOUSE BARN CHURCH TOWER CASTLE WINDMILL LIGHTHOUSE: edificio/edificios
TREE PALM FLOWER CACTUS MUSHROOM: planta/plantas
BEACH: playa, costa, orilla
BEACH HARBOUR: mar, océano
BEACH DESERT: arena
BEACH HARBOUR LAKE: agua
HARBOUR: puerto, muelle
MOUNTAINS: montaña, montañas, sierra
CITY: ciudad, calle, pueblo
FARM: granja, campo
DESERT: desierto, dunas
FOREST: bosque
SNOWFIELD SNOW: nieve, invierno, nevado
SNOWFIELD: campo nevado
LAKE: lago
PARK: parque, jardín
DAWN: amanecer, alba, madrugada, salida del sol
NOON: mediodía, día, de día
SUNSET: atardecer, puesta de sol, anochecer, ocaso
NIGHT: noche, de noche, oscuridad
CLEAR: cielo despejado, despejado
CLEAR & NOON: soleado, sol
RAIN: lluvia, lluvioso, llueve
SNOW: nevando, nevada
FOG: niebla, bruma
"""
_GERMAN = """
SAILBOAT ROWBOAT SHIP: Boot/Boote, Wasserfahrzeug/Wasserfahrzeuge
SAILBOAT: Segler/Segler
ROWBOAT: Kahn/Kähne
SHIP: Schiff/Schiffe
BALLOON: Ballon/Ballons
PLANE: Flieger/Flieger
BIRD: Vögelchen/Vögelchen
HOUSE: Wohnhaus/Wohnhäuser, Hütte/Hütten
BARN: Scheune/Scheunen
CASTLE: Festung/Festungen
TENT: Camping/Camping
CAR: PKW/PKWs
BUS: Omnibus/Omnibusse
TRUCK: Laster/Laster
BICYCLE: Rad/Räder, Velo/Velos
TRAIN: Bahn/Bahnen, Dampflok/Dampfloks
MUSHROOM: Fliegenpilz/Fliegenpilze
HORSE: Pony/Ponys
COW: Rind/Rinder
SHEEP: Lamm/Lämmer
DOG: Hündchen/Hündchen, Welpe/Welpen
CAT: Kätzchen/Kätzchen, Kater/Kater
DEER: Rentier/Rentiere
UMBRELLA: Sonnenschirm/Sonnenschirme
BENCH: Parkbank/Parkbänke
LAMP: Lampe/Lampen, Straßenlampe/Straßenlampen
BALL: Wasserball/Wasserbälle
BARREL: Holzfass/Holzfässer
FENCE: Holzzaun/Holzzäune
HORSE COW SHEEP DOG CAT CAMEL DEER SWAN DUCK BIRD: Tier/Tiere
DOG CAT: Haustier/Haustiere
CAR BUS TRUCK TRACTOR BICYCLE TRAIN: Fahrzeug/Fahrzeuge
HOUSE BARN CHURCH TOWER CASTLE WINDMILL LIGHTHOUSE: Gebäude/Gebäude
TREE PALM FLOWER CACTUS MUSHROOM: Pflanze/Pflanzen
BEACH: Strand, Küste, Sandstrand
BEACH HARBOUR: Meer, Ozean
BEACH DESERT: Sand
BEACH HARBOUR LAKE: Wasser
HARBOUR: Hafen, Kai
MOUNTAINS: Berge, Gebirge, Berg, Alpen
CITY: Stadt, Straße
FARM: Bauernhof, Feld, Land
DESERT: Wüste, Dünen
FOREST: Wald
SNOWFIELD SNOW: Schnee, Winter, verschneit
SNOWFIELD: Schneefeld
LAKE: See, Seeufer
PARK: Park, Garten
DAWN: Sonnenaufgang, Morgen, Morgengrauen
NOON: Mittag, Tag, tagsüber
SUNSET: Sonnenuntergang, Abend, Abenddämmerung
NIGHT: Nacht, nachts, dunkel
CLEAR: klarer Himmel, wolkenlos
CLEAR & NOON: sonnig, Sonnenschein
RAIN: Regen, regnerisch, Regenwetter
SNOW: Schneefall, schneit
FOG: Nebel, neblig
"""
_FRENCH = """
SAILBOAT ROWBOAT SHIP: bateau/bateaux, embarcation/embarcations
SAILBOAT: bateau a voile/bateaux a voile
ROWBOAT: canot/canots
SHIP: navire/navires, paquebot/paquebots
PLANE: aéronef/aéronefs
BIRD: oisillon/oisillons
HOUSE: baraque/baraques, chalet/chalets
CASTLE: chateau/chateaux
TENT: camping/camping
CAR: auto/autos, bagnole/bagnoles
TRUCK: poids lourd/poids lourds
BICYCLE: velo/velos, bécane/bécanes
TRAIN: locomotive/locomotives
HORSE: poney/poneys
COW: taureau/taureaux
SHEEP: brebis/brebis, agneau/agneaux
DOG: chiot/chiots, toutou/toutous
CAT: chaton/chatons
DEER: biche/biches, renne/rennes
UMBRELLA: ombrelle/ombrelles
LAMP: lampe/lampes, réverbère/réverbères
SNOWMAN: bonhomme neige/bonshommes neige
BALL: ballon/ballons
BARREL: fût/fûts
FENCE: palissade/palissades
HORSE COW SHEEP DOG CAT CAMEL DEER SWAN DUCK BIRD: animal/animaux
DOG CAT: animal de compagnie/animaux de compagnie
CAR BUS TRUCK TRACTOR BICYCLE TRAIN: véhicule/véhicules
HOUSE BARN CHURCH TOWER CASTLE WINDMILL LIGHTHOUSE: bâtiment/bâtiments
TREE PALM FLOWER CACTUS MUSHROOM: plante/plantes
BEACH: plage, bord de mer, côte
BEACH HARBOUR: mer, océan
BEACH DESERT: sable
BEACH HARBOUR LAKE: eau
HARBOUR: port, quai
MOUNTAINS: montagne, montagnes, alpes
CITY: ville, rue
FARM: ferme, campagne, champ
DESERT: désert, dunes
FOREST: forêt, bois
SNOWFIELD SNOW: neige, hiver, enneigé
SNOWFIELD: champ enneigé
LAKE: lac
PARK: parc, jardin
DAWN: aube, lever du soleil, matin
NOON: midi, jour, journée
SUNSET: coucher du soleil, coucher de soleil, crépuscule, soir
NIGHT: nuit, de nuit, la nuit
CLEAR: ciel dégagé, ciel clair
CLEAR & NOON: ensoleillé, soleil
RAIN: pluie, pluvieux, il pleut
SNOW: chute de neige, il neige
FOG: brouillard, brume
"""
_JAPANESE = """
SAILBOAT ROWBOAT SHIP: 船, 舟, ふね
SAILBOAT: セーリングボート
SHIP: 大型船, 客船
SWAN: ハクチョウ
DUCK: 鴨, あひる
BALLOON: 風船, 熱気球
KITE: カイト, たこ
PLANE: ジェット機
BIRD: 小鳥, とり
HOUSE: 家屋, いえ
BARN: 小屋
CHURCH: チャペル
TOWER: タワー
CASTLE: 古城
TENT: キャンプ
CAR: 自動車, くるま
BUS: 観光バス
TRUCK: 貨物車
BICYCLE: チャリ
TRAIN: 電車, 機関車
TREE: 樹, き
PALM: 椰子
FLOWER: お花, はな
MUSHROOM: 茸
HORSE: うま, ウマ
COW: うし, ウシ
SHEEP: ひつじ, ヒツジ
DOG: いぬ, イヌ, 子犬, ワンちゃん
CAT: ねこ, 子猫
CAMEL: らくだ
DEER: しか, トナカイ
UMBRELLA: かさ, 雨傘
LAMP: 電灯, ランプ
FLAG: はた, フラッグ
SNOWMAN: ゆきだるま
BALL: 球
BARREL: たる
FENCE: 垣根
HORSE COW SHEEP DOG CAT CAMEL DEER SWAN DUCK BIRD: 動物, どうぶつ
DOG CAT: ペット
CAR BUS TRUCK TRACTOR BICYCLE TRAIN: 乗り物, 車両
HOUSE BARN CHURCH TOWER CASTLE WINDMILL LIGHTHOUSE: 建物, 建築
TREE PALM FLOWER CACTUS MUSHROOM: 植物
BEACH: 砂浜, ビーチ, 海辺, 浜辺, 海岸
BEACH HARBOUR: 海, うみ
BEACH DESERT: 砂
BEACH HARBOUR LAKE: 水
HARBOUR: 港, 波止場, みなと
MOUNTAINS: 山, 山々, やま
CITY: 街, 都会, 町, 都市
FARM: 農場, 牧場, 田舎, 畑
DESERT: 砂漠, 砂丘
FOREST: 森, 林, 森林
SNOWFIELD SNOW: 雪, 冬, ゆき
SNOWFIELD: 雪原
LAKE: 湖, 湖畔, みずうみ
PARK: 公園, 庭園, 庭
DAWN: 夜明け, 日の出, 朝, 早朝
NOON: 昼, 正午, 昼間, 日中
SUNSET: 夕方, 日没, 夕暮れ, 夕焼け, 夕日
NIGHT: 夜, 夜中, 夜間
CLEAR: 快晴, 晴れた空
CLEAR & NOON: 晴れ
RAIN: 雨, 雨天, 雨の日
SNOW: 雪降り, 降雪
FOG: 霧, もや
"""
_COLOURS = {
    Language.ENGLISH: "red, orange, yellow, green, blue, purple, pink, brown, black, white",
    Language.CHINESE: "红色, 橙色, 黄色, 绿色, 蓝色, 紫色, 粉色, 棕色, 黑色, 白色",
    Language.SPANISH: "rojo, naranja, amarillo, verde, azul, morado, rosa, marrón, negro, blanco",
    Language.GERMAN: "rot, orange, gelb, grün, blau, lila, rosa, braun, schwarz, weiß",
    Language.FRENCH: "rouge, orange, jaune, vert, bleu, violet, rose, marron, noir, blanc",
    Language.JAPANESE: "赤, オレンジ, 黄色, 緑, 青, 紫, ピンク, 茶色, 黒, 白",
}
_TABLES = {
    Language.ENGLISH: _ENGLISH,
    Language.CHINESE: _CHINESE,
    Language.SPANISH: _SPANISH,
    Language.GERMAN: _GERMAN,
    Language.FRENCH: _FRENCH,
    Language.JAPANESE: _JAPANESE,
}
_MEMBERS: dict[str, StrEnum] = {
    member.name: member for group in (Kind, Setting, Time, Weather) for member in group
}


def keywords(language: Language) -> dict[tuple[Clause, ...], tuple[tuple[str, str], ...]]:
    """Words by what they mean: singular and plural; the same twice where there is but one form."""
    found: dict[tuple[Clause, ...], tuple[tuple[str, str], ...]] = {}
    for line in _TABLES[language].strip().splitlines():
        names, _, words = line.partition(":")
        meaning = tuple(frozenset(_MEMBERS[name] for name in part.split()) for part in names.split("&"))
        found[meaning] = tuple(_forms(word.strip()) for word in words.split(","))
    return found


def colour_words(language: Language) -> dict[Colour, str]:
    """The plain word for each colour."""
    return dict(zip(Colour, _COLOURS[language].split(", "), strict=True))


def _forms(word: str) -> tuple[str, str]:
    singular, _, plural = word.partition("/")
    return singular, plural or singular
