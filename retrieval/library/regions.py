"""Regions by their names in other languages: Bayern, Toscana and 托斯卡纳 to what GeoNames calls them.

The gazetteer has names in other languages for cities and countries; these are the regions people travel to.
"""

from __future__ import annotations

from collections.abc import Mapping

from vasari.retrieval.search.typed_words import fold

_NAMES = """
Bavaria: Bayern, Baviera, Bavière, 巴伐利亚, バイエルン
Saxony: Sachsen, Sajonia, Saxe, 萨克森, ザクセン
Lower Saxony: Niedersachsen, Baja Sajonia, Basse-Saxe
Saxony-Anhalt: Sachsen-Anhalt
Thuringia: Thüringen, Turingia, Thuringe, 图林根, テューリンゲン
Hesse: Hessen, 黑森
North Rhine-Westphalia: Nordrhein-Westfalen, Renania del Norte-Westfalia, Rhénanie-du-Nord-Westphalie
Rheinland-Pfalz: Rhineland-Palatinate, Renania-Palatinado, Rhénanie-Palatinat
Baden-Wurttemberg: Baden-Württemberg, Bade-Wurtemberg
Tyrol: Tirol, 蒂罗尔, チロル
Styria: Steiermark, Estiria, Styrie
Carinthia: Kärnten, Carintia, Carinthie
Lower Austria: Niederösterreich, Baja Austria, Basse-Autriche
Upper Austria: Oberösterreich, Alta Austria, Haute-Autriche
Ticino: Tessin
Valais: Wallis
Vaud: Waadt
Grisons: Graubünden, Grigioni, Grisones
Tuscany: Toskana, Toscana, Toscane, 托斯卡纳, トスカーナ
Sicily: Sizilien, Sicilia, Sicile, 西西里, シチリア
Sardinia: Sardinien, Sardegna, Cerdeña, Sardaigne, 撒丁岛, サルデーニャ
Lombardy: Lombardei, Lombardia, Lombardía, Lombardie
Piedmont: Piemont, Piemonte, Piamonte, Piémont
Apulia: Apulien, Puglia, Pouilles
Umbria: Umbrien, Umbría, Ombrie
Liguria: Ligurien, Ligurie
Veneto: Venetien, Véneto, Vénétie
Catalonia: Katalonien, Cataluña, Catalunya, Catalogne, 加泰罗尼亚, カタルーニャ
Andalusia: Andalusien, Andalucía, Andalousie, 安达卢西亚, アンダルシア
Galicia: Galicien, Galice
Basque Country: Baskenland, País Vasco, Euskadi, Pays basque
Balearic Islands: Balearen, Islas Baleares, Baleares, Baléares
Canary Islands: Kanarische Inseln, Kanaren, Islas Canarias, Canarias, Îles Canaries, Canaries
Brittany: Bretagne, Bretaña, 布列塔尼, ブルターニュ
Normandy: Normandie, Normandía, 诺曼底, ノルマンディー
Corsica: Korsika, Córcega, Corse, 科西嘉
Flanders: Flandern, Flandes, Flandre, Vlaanderen
Wallonia: Wallonien, Valonia, Wallonie
Scotland: Schottland, Escocia, Écosse, 苏格兰, スコットランド
England: Inglaterra, Angleterre, 英格兰, イングランド
Wales: Gales, Pays de Galles, 威尔士, ウェールズ
Northern Ireland: Nordirland, Irlanda del Norte, Irlande du Nord
Crete: Kreta, Creta, Crète, 克里特, クレタ島
Peloponnese: Peloponnes, Peloponeso, Péloponnèse
Azores: Azoren, Açores, 亚速尔群岛
Madeira: Madère, 马德拉
California: Kalifornien, Californie, 加利福尼亚, 加州, カリフォルニア
Florida: Floride, 佛罗里达, フロリダ
Hawaii: Hawái, Hawaï, 夏威夷, ハワイ
Quebec: Québec, 魁北克
Tibet: 西藏, チベット
Sichuan: 四川
Yunnan: 云南
Hokkaido: 北海道
Okinawa: 沖縄, 冲绳
"""

# GeoNames' name of a region, by each of the others, folded.
REGIONS: Mapping[str, str] = {
    fold(other): name
    for name, _, others in (line.partition(": ") for line in _NAMES.strip().splitlines())
    for other in others.split(", ")
}
