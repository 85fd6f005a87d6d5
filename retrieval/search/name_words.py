"""Words by which a name in a sentence is told from the same word meaning something else, folded.

Places and people share their names with each other, with things and with months. Lists of such words, of what stands
around a place or a person, and of nouns that scenes are described by; in English, German, Spanish and French.
"""

from __future__ import annotations


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# Places that are ordinary words, too: taken for one where capital letters and the rest of the sentence say so.
COMMON_PLACES = _words(
    """turkey china chile nice bath reading split essen orange mobile cork tours lima rice hull wells deal sandwich
    rugby ware diss eye beer angers lens sens bari bar male chad guinea togo niger cuba java hamburger cologne
    buffalo phoenix champagne bologna parma brie cheddar bordeaux burgundy panama manila jersey limerick worms
    halle hall singen hof zug baden bad wels most same faro santa vic mar sol paz cruz general libertad union
    cat man dog boulder aurora sunrise paradise surprise flint independence concord eden normal battle hope love
    liberty bend sparks rocky anchorage home ham hamm leer bergen ulm spa pau tula vale mora lagos natal
    salvador mercedes rosario pearl sale horn bulle china grenada granada guernsey dover polish lund"""
)
# In one language a country or region, in another what is from there: restaurant italien, carne argentina.
ADJECTIVES = _words(
    """algerien argentina armenien australien bolivien corse georgien indien indonesien italien jordanien libyen suisse
    syrien toscane"""
)
# Places that are as often part of a person's, a thing's or a team's name.
SHARED_PLACES = _words(
    """paris london sydney brooklyn florence vienna georgia jordan chelsea austin dallas savannah asia india kenya
    alexandria victoria charlotte madison lourdes sofia adelaide carolina virginia dakota montana nevada orlando
    houston lincoln jackson cleveland washington denver chester kent lancaster york boston berlin hamburg
    deutschland frankreich italien spanien
    frankfurt wien israel brazil holland ireland england france germany ireland milan milano roma rome troy
    athens memphis nashville hollywood broadway manchester liverpool madrid barcelona munich munchen valencia
    sevilla cordoba toledo leon moscow moskau shanghai peking tokyo texas alaska hawaii oxford cambridge camden
    windsor brussels belgium danish france spain mexico lisa lorraine nancy verona siena vera ravenna geneva
    odessa tunis colombia ecuador philadelphia phillipsburg bristol chandler parker kingston stanley tyler
    carson clinton pierce garland irving arlington logan douglas marion salem trinidad santiago diego antonio
    francisco jose cruz monica barbara rosa paulo andrea maria anna san saint st"""
)
# Names that are words, months or places as well.
SHARED_NAMES = _words(
    """may june april august rose lily lilly daisy violet iris ivy olive hazel holly ruby pearl amber jade crystal joy
    hope faith grace summer autumn dawn eve star sky skye sunny angel bill mark jack rob will drew chase hunter
    mason carter cooper taylor forest cliff dale glen heath rock stone frank ernest earnest dean duke earl king
    prince max gene art grant pat sue penny ginger sandy candy cherry peach robin jay wren raven dove martin
    drake colt wolf bear fox tiger leo lion paris london brooklyn sydney florence vienna georgia jordan israel
    chelsea austin dallas savannah phoenix asia india china kenya alexandria victoria regina charlotte madison
    lourdes mercedes dolores soledad sol luz mar blanca rosa flor perla paz nieves rocio estrella luna
    marguerite pierre claire blanche aurore oceane marine fleur prune clementine ange stern ernst falk winter
    jasmine jasmin heather myrtle willow poppy fern sage basil rosemary coral opal melody harmony carol bella
    linda storm river brook brooke lake rain snow misty stormy destiny chance miles sterling buck bud chip dick
    don guy harry jean josh major norm pierce ray red rich rusty skip sonny trip van wade ward woody cat kitty
    bunny birdie ace archer baker smith miller fisher porter piper shepherd cruz angeles concepcion consuelo
    pilar remedios milagros esperanza alba aurora celeste cielo coco dolly barbie ken nick nike apple sasha
    misha panda pepper cookie oreo daisy lucky happy buddy lady baby junior sugar honey maple peanut victor
    roman tony oscar emmy jolly rainer horst bernhard dorn rita olympia venus ares mars apollo athena diana
    victoria gloria viola cello mira mai juli june juni august lenz sommer herbst friedrich lotte mina"""
)

# Of these, those that are seldom a word for anything to be seen: in capital letters they may begin a sentence.
SELDOM_WORDS = _words(
    """max frank ernest harry victor nick ken tony oscar rob drew sue dean josh gloria linda bella carol martin
    charlotte sasha misha leo claire pierre marguerite jean jay robin rita lotte mina friedrich pat gene andrea maria
    anna madison regina dolores clementine jasmin"""
)
# Chinese and Japanese names that are words: people only where they are addressed, さくらちゃん.
CJK_SHARED_NAMES = _words(
    """さくら もも すみれ ひまわり かえで あおい ひかり つばさ そら うみ ゆき はな つばめ あかり いちご りんご みかん
    ローズ リリー ジャスミン 太陽 大地 百合 紅葉 小雪 小雨 小花 玫瑰 牡丹 茉莉 春天 夏天 白雪 明月 彩虹 海洋 天天
    糖糖 果果 豆豆"""
)
CJK_HONORIFICS = ("さん", "ちゃん", "くん", "君", "先生", "小姐")

PLACE_PREPOSITIONS = _words(
    "in at near around outside from to towards through across en a hacia por desde cerca bei nach aus auf um nahe rund"
    " durch dans vers chez pres au aux autour over uber sobre sur"
)
# Behind these a German noun is as large: aus Stein, bei Regen.
GERMAN_PREPOSITIONS = _words("bei nach aus um nahe rund durch")
ARTICLES = _words("the der die das den dem el la los las le les l")
INDEFINITE = _words("a an ein eine einer un una une")
PEOPLE_PREPOSITIONS = _words("w with of by von mit con de d avec et y und and & for fur para pour ohne")
# Sights that may have an adjective behind them: el puente viejo de Florencia.
SIGHTS = _words(
    "puente torre plaza playa calle iglesia catedral pont tour plage rue eglise cathedrale vue vista"
)
# Streets, gates, stations, towers and bridges are called by where they lead or what they recall: gare de Lyon in Paris.
NAMED_AFTER = _words(
    """gare tour torre puerta porte pont puente rue calle plaza place avenida avenue boulevard quai chemin camino tower
    gate gateway tor turm"""
)
# Behind a name that people have as well: Victoria station, Sydney park.
CALLED_BY_SOMEBODY = NAMED_AFTER | _words(
    "station park hall school college hospital line crescent terrace embankment"
)
SCENE_PREPOSITIONS = _words(
    "at by in from with under bei im am mit unter zu zur de en con desde por bajo par sous avec dans a au aux"
)
BOUND = _words("to nach bis a hasta")
LEADING_THERE = _words("to nach bis hasta")
# Of somebody's, what is only about them: Anna's name on a list.
SIGNED = _words("name names initials signature autograph nickname surname username")
GREETING = _words("happy joyeux joyeuse feliz merry frohe froher alles")  # happy birthday Anna, on a cake
# Whose way it is, or which: trip to Lisbon, Ausflug nach Rom.
GOING = _words(
    """trip trips travel travels travelling traveling journey journeys voyage visit visits excursion excursions outing
    tour getaway cruise pilgrimage move went go gone came come drove drive flew moved travelled traveled walked cycled
    sailed hiked ride hike walk arrived back return returned reise reisen ausflug ausfluge fahrt umzug tour rundreise
    wanderung gefahren gereist geflogen pilgerreise hochzeitsreise exkursion trek zuruck"""
)
# What is for somebody or goes to them, who need not be there: letter to Tom, Torte für Clara.
FOR = _words("for fur para pour to an a")
# Of a person who is to be seen, not of a word: clara asleep on the couch.
STATES = _words(
    """asleep awake alone happy sad tired angry upset dressed barefoot pregnant dormida dormido sola solo feliz triste
    cansada cansado embarazada disfrazada disfrazado vestida vestido endormie endormi seule seul fatigue fatiguee
    enceinte deguisee deguise assise assis sentada sentado bebe baby schlafend verkleidet schwanger glucklich muede"""
)
BESIDE = _words("next close married engaged party shower surprise nah junto cerca frente fete pres")
TOGETHER = _words("w and n und y e et & with mit con avec")
# Behind these a clause tells what somebody does: fotos donde anna lleva un vestido rojo.
CLAUSES = _words("where when donde cuando ou quand wo wenn denen dem")
# What is bound for a place and kept elsewhere: boarding pass to Lisbon, letter to Paris.
TICKETS = _words(
    """pass ticket tickets letter letters postcard postcards card invitation guide sign signs signpost map ticket karte
    fahrkarte brief schild wegweiser billete billetes carta postal entrada billet billets lettre carte panneau
    border grenze frontera frontiere tren trenes camino autobus bus vuelo avion carretera autopista ferry barco"""
)
# What tells where others are bound for, wherever it hangs: Zug nach Hamburg an der Anzeigetafel.
DISPLAYS = _words(
    """board boards display departures sign signs signpost screen anzeigetafel anzeige tafel schild bildschirm panel
    pantalla letrero cartel panneau ecran affichage"""
)
# What cities have, and is called by nothing but its city: catedral de Granada, harbour of Split.
CIVIC = _words(
    """cathedral catedral cathedrale dom kathedrale airport aeropuerto aeroport flughafen hafen harbour harbor puerto
    port rathaus ayuntamiento mairie altstadt innenstadt casco centre centro zentrum skyline streets calles rues
    strassen"""
)
# Before a person's name and behind it: aunt Rose, Blanca con su abuela.
KIN = _words(
    """aunt auntie uncle cousin grandma grandpa granny nana tante onkel cousine oma opa tia tio prima primo
    abuela abuelo tata tonton oncle mamie papi papy"""
)
THEIR = _words("his her their ihr ihrem ihrer ihren seinem seiner seinen su sus sa son ses leur leurs")
OF = _words("of de du des del von d")
NOT = _words(
    "not no except without ohne nicht kein keine ausser sin excepto menos salvo sans sauf pas hormis"
)
# What is like it is not it: looks like Anna, eine Straße wie in Lissabon.
LIKE = _words("like resembling wie como comme ressemble parece")

# Before a name they say that it is only written: Aufschrift Anna im Sand.
INSCRIPTIONS = _words(
    """aufschrift schriftzug inscription inscripcion letras letters word words wort mot palabra called namens
    namen nomme nommee appele appelee ship schiff barco navire bateau yacht saying says named
    llamado"""
)

# After these a name goes on no more.
FUNCTION = _words(
    """w in at near on from to of by with without and n & or but aber pero mais for
    during since before after until last this the a an is are
    was were while when where who that under over beside behind between next taken shot made as into onto
    against along im am in an auf bei mit ohne und oder von vom zu zum zur nach vor seit ab bis aus um der die
    das den dem ein eine einer einem letzten letztes letzte diesen dieses dieser beim hinter neben zwischen wahrend
    ist war waren en con
    sin y o de del desde hasta para por durante el la los las un una al es son cuando delante detras junto hace
    dans sur devant derriere sous avec sans et
    ou qui que de du des depuis jusqu pour par pendant le la les l un une au aux a est sont quand il
    pris prise prises tomada tomadas hecha hechas aufgenommen gemacht fotografiert"""
)

# What scenes are called: beside these nouns a place or person is itself.
SCENE = _words(
    """coast coastline kuste cote
    road roads roadtrip ski city town ville stadt ciudad pueblo dorf village temple temples shrine shrines
    mosque palace ruins canal canals alley alleys sky nightlife waterfront cityscape beach sunset sunrise
    sunsets harbour harbor port street streets night nights trip trips holiday holidays vacation vacations
    skyline market markets tram trams food people party wedding birthday family kids children friends weekend
    summer winter spring autumn snow rain fog morning evening day days old centre center downtown airport
    station zoo park museum cathedral castle river hotel restaurant cafe dinner lunch breakfast photos photo
    pictures picture pics images image shots album selfie selfies boats boat ferry train metro bus bike bikes
    walk hike hiking concert festival marathon conference meeting christmas xmas bday easter halloween graduation
    baptism funeral visit tour view views architecture buildings houses rooftops roofs churches gardens garden lights
    fireworks carnival parade portrait portraits smiling laughing dancing running swimming playing surfing
    skiing sleeping eating reading cooking jumping sitting standing riding climbing painting singing strand
    sonnenuntergang sonnenaufgang hafen strasse strassen nacht reise urlaub ferien markt strassenbahn essen
    leute hochzeit geburtstag familie kinder freunde wochenende sommer schnee regen nebel morgen abend altstadt
    zentrum flughafen bahnhof dom schloss burg fluss abendessen fotos foto bilder bild boote boot fahre zug
    wanderung konzert konferenz weihnachten ostern besuch ausflug aussicht kirche garten feuerwerk karneval
    geburtstagsfeier geburtstagsparty lacht tanzt spielt schlaft schwimmt isst liest playa atardecer puesta
    amanecer puerto calle calles noche viaje vacaciones mercado tranvia comida gente fiesta boda cumpleanos
    familia ninos amigos verano invierno nieve lluvia manana tarde centro aeropuerto estacion parque museo
    catedral castillo rio cena imagenes barco barcos tren paseo excursion concierto navidad visita vista vistas
    iglesia jardin bailando corriendo nadando jugando durmiendo comiendo sonriendo plage coucher lever rue rues
    nuit voyage vacances marche tramway fete mariage anniversaire famille enfants amis ete hiver neige pluie
    matin soir gare aeroport parc musee cathedrale chateau fleuve diner bateau bateaux promenade randonnee noel
    visite vue vues eglise carnaval bridge bridges brucke puente puentes pont ponts torre bahia baie herbst fruhling
    fruhjahr otono primavera automne printemps
    ruinas ruines ruinen murallas remparts canales canaux kanale tejados toits dacher mercados tempel templo templos
    mezquita moschee mosquee
    panorama panoramas traffic verkehr trafico trafic
    innenstadt oktoberfest biergarten
    schnappschuss schnappschusse eindrucke impressionen snapshot snapshots impressions recuerdos souvenirs"""
)
_STATES = """
AL Alabama · AK Alaska · AZ Arizona · AR Arkansas · CA California · CO Colorado · CT Connecticut · DE Delaware
FL Florida · GA Georgia · HI Hawaii · ID Idaho · IL Illinois · IN Indiana · IA Iowa · KS Kansas · KY Kentucky
LA Louisiana · ME Maine · MD Maryland · MA Massachusetts · MI Michigan · MN Minnesota · MS Mississippi
MO Missouri · MT Montana · NE Nebraska · NV Nevada · NH New Hampshire · NJ New Jersey · NM New Mexico
NY New York · NC North Carolina · ND North Dakota · OH Ohio · OK Oklahoma · OR Oregon · PA Pennsylvania
RI Rhode Island · SC South Carolina · SD South Dakota · TN Tennessee · TX Texas · UT Utah · VT Vermont
VA Virginia · WA Washington · WV West Virginia · WI Wisconsin · WY Wyoming · DC District of Columbia
"""
# What people append to a city in the United States (USPS): Paris, TX.
STATES_BY_CODE = {
    state[:2]: state[3:] for line in _STATES.strip().splitlines() for state in line.split(" · ")
}
NOBLES = _words(
    """queen king princess prince lady lord duke duchess count countess emperor empress reina rey princesa principe
    duque duquesa conde condesa infanta emperador emperatriz reine roi princesse duc duchesse comte comtesse empereur
    imperatrice konigin konig prinz prinzessin herzog herzogin graf grafin kaiser kaiserin zar zarin"""
)
# Before these names are others': Saint Anna, New York, FC Barcelona, the map of Lisbon.
TITLES = NOBLES | _words(
    """saint st sankt heiliger heilige heiligen
    santa santo san sao sant sainte lake lago lac see mount mt monte mont cape cap hurricane storm miss sir
    dame new neu nueva nuevo nouvelle nouveau old little mini small east
    west north south fc ac real club team map flag hotel cafe restaurant bar university universitat universidad
    universite bank air song film movie book album"""
)
# Houses that are called by a place or person: Hotel de Paris, Mark's Diner.
BUSINESSES = _words(
    """hotel cafe restaurant bar pub diner bakery pizza pizzeria grill bistro brasserie brewery shop store boutique
    salon deli rice sauce ice chips cookies crackers chocolate brand logo fries burgers burger bbq chicken
    backerei gasthof kneipe laden eis panaderia tienda taberna boulangerie auberge librairie foundation academy
    hardware website blog
    channel"""
)
# Waters and lands that are called by a place and may lie elsewhere: Jordan river, Panama canal, Victoria falls.
WATERS = _words("river lake bay falls sea gulf canal strait island islands")
# At the end of a phrase they say that its names are those of a firm or a work: Anna's Archive logo.
EMBLEMS = _words("logo logos emblem sign poster posters plakat affiche cartel cover covers trademark")
# Ends of German nouns for things that show a place: Weltkarte.
MADE_ENDS = ("karte", "karten", "plakat", "poster", "buch", "fuhrer", "plan", "modell", "gemalde")
# Called by a place and made elsewhere, at the end of a phrase or before "of": london bus toy, carte du métro de Paris.
MADE = EMBLEMS | _words(
    """book books libro libros livre livres buch toy toys map maps model models figurine figurines replica replicas
    magnet magnets souvenir souvenirs postcard
    postcards stamp stamps mug mugs snowglobe puzzle puzzles drawing drawings painting paintings watercolor watercolors
    watercolour watercolours etching etchings engraving engravings advert ad brochure guidebook
    karte landkarte stadtplan spielzeug figur modell postkarte briefmarke tasse puzzle
    mapa plano juguete maqueta iman postal sello taza figura carte plan jouet maquette aimant timbre tasse figurine"""
)
# A work that says behind a comma what the name before it is that of: Roma, la película de Cuarón.
WORKS = MADE | _words(
    """film movie novel song series pelicula novela cancion disco serie roman chanson gemalde lied
    cuadro tableau musical videogame videojuego videospiel opera oper operette apellido nombre marca surname name brand
    nachname marke nom prenom marque dvd dvds vhs soundtrack trailer"""
)
TITLED = WORKS - {"opera", "oper"}  # houses, too
# What has a subject behind a preposition, wherever it lies: Buch über Rom, documental sobre Cuba.
ABOUT = _words("about uber sobre sur")
SET_IN = _words("set takes place ambientada ambientado passe situe spielt")  # a novel set in Paris
TREATISES = WORKS | _words(
    """documentary documental documentaire dokumentation doku article articulo artikel lecture news nachrichten
    noticias nouvelles actualites talk charla conferencia
    vortrag expose report reportage reportaje bericht podcast magazine revista zeitschrift presentation presentacion
    prasentation"""
)
# Before a name they say that it is another's, a street's or only written.
BEFORE_OTHERS = TITLES | NAMED_AFTER | WORKS | INSCRIPTIONS
# What one person writes or gives to another, and is seldom shown in: letter from Anna, lettre de Pierre.
SENT = _words(
    """letter letters postcard postcards card note email message gift present brief briefe postkarte karte nachricht
    geschenk zettel carta cartas nota mensaje regalo correo lettre lettres mot message cadeau"""
)
# Deeds of somebody, by which a name that is a word is told: Max schläft, Rose plays the piano.
DEEDS = _words(
    """plays eats sleeps reads rides swims dances sings smiles laughs learns wears holds feeds cooks drives sits climbs
    throws catches kicks hugs kisses
    schlaft lacht tanzt spielt isst liest schwimmt malt singt kocht fahrt reitet klettert springt lernt tragt halt
    futtert backt weint sitzt steht winkt duerme rie baila juega come lee nada canta cocina corre aprende lleva monta
    salta llora sopla dort rit danse joue mange lit nage chante cuisine court apprend porte fait saute pleure souffle
    tient regarde peint boit"""
)
STREETS_BEHIND = _words("street avenue road square lane boulevard")
# Behind a comma they say that the name before it is that of a place: Sofía, capital de Bulgaria.
MADE_IN = _words(
    """made hecho hecha hechos hechas fabricado fabricada fabrique fabriquee hergestellt produced produziert producido
    produit grown brewed imported importado importe bought gekauft comprado achete"""
)
PLACE_NOUNS = _words("capital city town village hauptstadt stadt dorf ciudad pueblo villa capitale ville")
# Animals and plants that are called by their finder: Anna's hummingbird, Steller's jay. Pets are no such species.
SPECIES = _words(
    """hummingbird hummingbirds jay jays warbler warblers gull gulls sparrow sparrows hawk hawks owl owls woodpecker
    woodpeckers finch finches thrush wren wrens swift swallow tern petrel albatross booby goose plover sandpiper eagle
    falcon vulture kingfisher parrot macaw cockatoo parakeet penguin pheasant crane stork ibis bunting grouse nuthatch
    flycatcher vireo gazelle antelope zebra deer monkey lemur bat shrew vole mouse squirrel whale dolphin porpoise
    tortoise turtle lizard gecko chameleon frog toad salamander viper moth butterfly beetle spider snail orchid lily
    fern spruce pine fir oak kolibri haher mowe specht kauz eule gazelle schildkrote frosch kolibrie colibri gaviota
    colibris mouette pic chouette tortue grenouille papillon orchidee"""
)
FILLERS = _words(
    """photo photos photograph photographs picture pictures pic pics image images shot shots show me all my our the a
    an of some any from in with find please search everything what i took taken we foto fotos bild bilder
    aufnahme aufnahmen zeige zeig mir alle meine unsere von aus die der das mit im fotografia fotografias imagen
    imagenes todas todos mis las los de del con en ensename muestrame toutes tous mes les des du d la le nos
    avec montre moi 照片 图片 相片 写真 画像 的 の 我 我的 所有 所有的 给我看 見たい 見せて"""
)
TAKING = _words(
    """shot taken captured photographed made photo photos picture pictures image images using with aufgenommen
    fotografiert geschossen gemacht mit foto fotos bild bilder aufnahmen con tomada tomadas tomado tomados hecha
    hechas hecho hechos sacada sacadas imagen imagenes avec prise prises pris faite faites file files dateien
    archivos ficheros fichiers"""
)
CAMERA_TAILS = _words("pro max mini plus ultra mark mk ii iii iv v se s x xs xr air lite")
