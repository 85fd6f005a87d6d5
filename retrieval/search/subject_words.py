"""Subjects of photographs: common nouns beside which a bare year says when ("red car 2016", "gatos 2016").

English, German, Spanish and French, folded, in the singular. A year beside a word that is not here stays a word.
"""

from __future__ import annotations


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


SUBJECTS = _words(
    """animal ape bear bee bird bull bunny butterfly calf camel cat chick chicken cow crab deer dog dolphin donkey
    duck duckling eagle elephant fish flamingo fox frog giraffe goat goose hamster hawk hedgehog hen hippo horse
    insect kitten lamb lion lizard monkey mouse octopus owl panda parrot peacock penguin pet pig pigeon pony
    puppy rabbit rooster seal shark sheep snake spider squirrel swan tiger turtle whale wolf zebra apple barn
    bay beach bench bicycle bike blossom boat bonfire bridge building bush cabin cactus camp campfire campground
    campsite campus canyon car caravan cave chair church cliff cloud coast cottage countryside creek desert door
    dune farm fence ferry field firework flat flower foliage forest fountain garage garden glacier grass harvest
    hike hill home hut iceberg island jetty jungle kayak lagoon lake landscape lawn leaf lighthouse meadow mill
    moon mountain ocean orchard path pier pond pool porch prairie rainbow reef roof rose ruin sailboat sailing
    sand sea seaside shore sky snow snowman spring stable star storm stream sunflower surf swamp tent terrace
    tower trail tree tulip tunnel valley village vineyard volcano waterfall waterfront wave windmill woods yacht
    yard aunt baby boy boyfriend bride brother bridesmaid class classmate colleague couple cousin crew crowd dad
    daddy daughter family father fiance friend gang girl girlfriend grandchild granddad granddaughter
    grandfather grandma grandmother grandpa grandparent grandson granny groom group guest husband kid man mom
    mommy mother mum nephew neighbour neighbor newborn niece parent people person sibling sister son stepdad
    team teacher toddler twin uncle us wife woman anniversary apartment ball balloon ballet baptism barbecue bbq
    bedroom birth breakfast brunch cake camping canoe capture celebration ceremony christening classroom coffee
    communion concert conference confirmation costume cruise dance demonstration dessert dinner dress engagement
    excursion exhibition exam fair feast festival fishing flight flood furniture gallery game getaway gig
    graduation gym hunt quinceanera hairdo haircut hat holiday honeymoon hospital house housewarming internship jam
    journey kitchen kindergarten living lunch market match meal meetup move nursery office outing painting parade party
    performance picnic pie play playground prom protest rally recital reception rehearsal renovation reunion
    road roadtrip room school semester shower skating ski sled sledding sleepover snowboard soccer football
    sport stay street studio sunrise sunset swim tour tournament toy train tram travel trip vacation visit
    video volunteer walk wedding weekend work workshop yoga zoo gymnastics swimming judo karate choir orchestra
    basketball handball volleyball tennis rugby hockey athletics tooth teeth scouts preschool fundraiser
    surgery injury pregnancy bump scan remodel extension grandad screenshot screengrab bildschirmfoto jpg jpeg png
    hanukkah chanukah diwali deepavali ramadan ramadhan eid passover purim holi kwanzaa songkran juneteenth
    rosenmontag nikolaus martinstag sanfermines fallas
    abiball abschlussball affe bar baum bauernhof berg besuch biene blume boot
    bruder brucke bus dorf ei ente einschulung elefant enkel erntedank esel fahrrad familie fasching fasnacht
    ferien fest feld feier fisch fluss fohlen frau freund freundin fuchs garten gebirge gans geburt geburtstag
    gewitter grillen grosseltern grossmutter grossvater haus hafen hase hof hochzeit huhn hund hutte huttentour
    igel insel jagd jubilaum junge kaninchen karneval katze kind kirche kita klasse klassenfahrt klassentreffen
    kommunion konfirmation konzert kuh kueste kuste kuchen lagerfeuer mann maus meer messe mutter madchen nacht
    nachbar nebel neffe nichte oma opa ostsee nordsee papa mama park pferd picknick radtour regenbogen reise
    reiten sandburg schaf schiff schloss schlitten schnee schneemann schule schultag schwan schwester see segeln
    segelboot skifahren skiurlaub sohn sonne sonnenaufgang sonnenuntergang stadt stall strand strasse tag tante
    tanz taufe teich tier tochter treffen turm turnier umzug urlaub urgrossmutter vater vogel wald wanderung
    wasserfall weihnachtsfeier weinlese wiese wolke zelt zelten ziege zug abeja abuela abuelo acampada amanecer
    amiga amigo arbol atardecer avion ballena barco bautizo bebe bici bicicleta boda bosque caballo cabra camino
    campamento campo carnaval carretera casa castillo celebracion clase colegio cena cerdo ciudad coche comida
    comunion futbol partido concierto conejo cosecha costa cumpleanos desfile dia elefante escuela familia feria fiesta
    flor fuegos fuente gallina gata gatito gato graduacion granja hermana hermano hija hijo hoguera iglesia isla jardin
    lago
    leon lluvia luna madre mercado montana mujer nacimiento nieta nieto nieve nina nino nube oso oveja padre
    pajaro palmera parque paseo pato perrito perro pesca pez piscina playa primo prima puente puerto pueblo
    puesta raton rio romeria selva senderismo sobrina sobrino tia tio torre tormenta tren vaca vacacion
    vacaciones valle vendimia viaje volcan zorro mamie papi papy mami papie abuelita abuelito yaya omi opi uroma
    uropa tata tonton nana nanny gran abeille agneau ami amie anniversaire arbre baleine bapteme bateau bois bal
    balade campagne canard chat chateau chaton chemin cheval chevre chien chiot ciel cochon colline copain
    copine cousine cygne ecole eglise enfant enterrement etang etoile famille femme ferme fete feu fille fils
    fleur foret fontaine frere garcon gateau grand-mere grand-pere ile kermesse lac lapin lever loup lune maison
    maman manege mariage marche mer mere montagne moulin mouton naissance neige neveu noce noces nuage oiseau
    oncle orage ours pere plage plongee pique-nique pluie poisson pont port poule poussin promenade randonnee
    remise rentree repas riviere route rue ruisseau sortie soeur spectacle soleil tempete tournoi vacance
    vacances vache vallee velo vendange vendanges ville voilier voiture vol voyage
    muttertag vatertag
    scheune muhle brunnen balkon terrasse wohnung kuche wohnzimmer kinderzimmer lagune klippe wuste acker weinberg
    schmetterling libelle eule storch reh hirsch welpe eichhornchen papagei pinguin robbe delfin
    grange balcon appartement cuisine salon chantier papillon grenouille renard cerf hibou phoque dauphin barque falaise
    champ verger moisson feuille granero molino balcon terraza cocina obra mariposa rana ciervo buho foca delfin
    acantilado desierto huerto"""
)
# Between a noun and the year, where adjectives follow their nouns: coche rojo 2016, chat noir 2016.
COLOURS = _words(
    """rojo roja rojos rojas azul azules verde verdes negro negra negros negras blanco blanca blancos blancas
    amarillo amarilla gris grises pequeno pequena grande rouge rouges bleu bleue bleus bleues vert verte verts
    vertes noir noire noirs noires blanc blanche blancs blanches jaune jaunes grise rose roses petit petite"""
)
# German subjects of photographs as the end of a longer word: Skiurlaub, Abschlussfeier.
SUBJECT_ENDS = (
    "urlaub",
    "feier",
    "fest",
    "reise",
    "fahrt",
    "hochzeit",
    "geburtstag",
    "ausflug",
    "tour",
    "treffen",
    "party",
    "wanderung",
    "garten",
    "haus",
    "hund",
    "katze",
    "kirche",
    "berg",
    "markt",
    "umzug",
    "konzert",
    "turnier",
    "blumen",
    "strand",
    "ferien",
    "lager",
    "foto",
    "fotos",
)
# Of whom and of which feasts a year is told though it be long ago: grandma 1962, Hochzeit 1974.
FAMILY = _words(
    """aunt baby boyfriend bride brother class classmate couple cousin dad daddy daughter family father fiance
    girlfriend grandchild granddad granddaughter grandfather grandma grandmother grandpa grandparent grandson granny
    husband mom mommy mother mum nephew niece parent school sibling sister son twin uncle wife wedding birth birthday
    bday anniv anniversary baptism christening communion confirmation engagement graduation holiday honeymoon
    housewarming reunion vacation geburt nacimiento naissance cumple
    einschulung enkel familie ferien geburtstag grosseltern grossmutter grossvater hochzeit jubilaum kommunion
    konfirmation klassenfahrt klassentreffen mutter mama neffe nichte oma opa papa omi opi uroma uropa
    urgrosseltern urgrossmutter urgrossvater schulanfang
    grandad schulklasse schwester
    bruder sohn tante taufe tochter urlaub vater abuela abuelo bautizo boda comunion cumpleanos
    clase colegio
    familia graduacion hermana hermano hija hijo madre mami mamie mamy nieta nieto padre papi papy papie prima primo
    sobrina sobrino tia tio vacaciones abuelita abuelito yaya nana nanny gran anniversaire bapteme cousine famille fille
    fils frere maman mariage mere neveu noce noces oncle pere soeur tonton tata vacances"""
)


def is_german_trip(word: str) -> bool:
    """Whether a folded word is a German compound for a journey or feast: Städtereise, Skiurlaub, Abschlussfeier."""
    return any(word.endswith(end) and len(word) > (7 if len(end) > 4 else 8) for end in SUBJECT_ENDS)


def is_subject(word: str) -> bool:
    """Whether a folded word is one of them, in the singular or a plural in -s, -es, -n, -en, -e, -er or -x."""
    return _is_one_of(word, SUBJECTS) or _is_one_of(word, FAMILY)


def is_of_a_family(word: str) -> bool:
    """Whether a folded word is a relative or a feast of a family, in the singular or a plural."""
    return _is_one_of(word, FAMILY)


def _is_one_of(word: str, these: frozenset[str]) -> bool:
    if word in these or (word.endswith("ies") and f"{word[:-3]}y" in these):
        return True
    if word.endswith("ves") and f"{word[:-3]}f" in these:
        return True
    endings = ("es", "en", "er", "s", "n", "e", "x") if len(word) > 5 else ("s", "n", "e", "x")
    return any(word.endswith(end) and word[: -len(end)] in these for end in endings)
