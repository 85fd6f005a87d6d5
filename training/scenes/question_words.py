"""Words of typed questions: facts on place, time and weather, things no postcard shows, what no picture tells."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from hashlib import blake2b

from vasari.training.scenes.scene import Scene, Setting, Split, Time, Weather

_MEMBERS: dict[str, StrEnum] = {member.name: member for group in (Setting, Time, Weather) for member in group}

_YES_OR_NO = """
NIGHT / DAWN NOON SUNSET: is it night, is it night time, is it nighttime, is this at night, is it a night scene
NIGHT / NOON: is it dark, is it dark outside, is it late, is the sky dark, is the sky black
NOON / NIGHT: is it day, is it daytime, is it bright, is it light outside, is it bright outside, is it in daylight
DAWN / NOON SUNSET NIGHT: is it morning, is it dawn, is it early morning, is the sun rising, is it sunrise, is it early
SUNSET / NOON DAWN NIGHT: is it sunset, is the sun setting, is the sun going down, is it dusk, is there a sunset
SUNSET / NOON DAWN: is it evening, is it in the evening
NOON / NIGHT DAWN SUNSET: is it noon, is it midday, is it the middle of the day, is it lunchtime
NOON+CLEAR / NIGHT RAIN SNOW: is it sunny, is the sun shining, is it a sunny day, is there sunshine, is the sky blue
CLEAR+DAWN CLEAR+NOON CLEAR+SUNSET / NIGHT NOON+RAIN: is the sun visible, can you see the sun, is there a sun
NIGHT+CLEAR NIGHT+FOG / DAWN NOON SUNSET: is the moon visible, can you see the moon, is there a moon, is the moon out
NIGHT+CLEAR / DAWN NOON SUNSET: are there stars, can you see stars, are the stars out, is the sky full of stars
RAIN / CLEAR SNOW FOG: is it raining, is it rainy, is there rain, does it rain, is it wet, is rain falling,
is it pouring
RAIN / CLEAR: do i need an umbrella, should i take an umbrella
SNOW / CLEAR RAIN FOG: is it snowing, is snow falling, does it snow, are there snowflakes, are there snow flakes
FOG / CLEAR RAIN SNOW: is it foggy, is there fog, is it misty, is there mist, is it hazy, is the view foggy
RAIN SNOW FOG / CLEAR: is the weather bad, is it bad weather, is the weather awful
CLEAR / RAIN SNOW FOG: is the sky clear, is the weather nice, is the weather good, is it clear, is it fair, is it dry
RAIN SNOW / : is it cloudy, are there clouds, are there dark clouds, is the sky grey, is it overcast
SNOW SNOWFIELD / BEACH DESERT: is it winter, is it winter time, is there snow on the ground, is it snowy
SNOW SNOWFIELD / DESERT: is it cold, is it freezing, does it look cold
DESERT+NOON / SNOW SNOWFIELD: is it hot, is it warm, is it summer
BEACH HARBOUR LAKE / DESERT CITY FOREST FARM MOUNTAINS SNOWFIELD: is there water, can you see water, is there any water
BEACH HARBOUR / DESERT CITY FOREST FARM MOUNTAINS SNOWFIELD PARK: is there the sea, can you see the sea,
is it by the sea, is there an ocean
BEACH DESERT / CITY FOREST SNOWFIELD FARM PARK: is there sand, can you see sand, is there any sand
MOUNTAINS / CITY BEACH HARBOUR PARK: are there mountains, can you see mountains, is there a mountain, any mountains
FOREST / DESERT BEACH CITY SNOWFIELD HARBOUR: are there lots of trees, are there many trees, is it in the woods
CITY / BEACH DESERT FOREST FARM LAKE SNOWFIELD MOUNTAINS: are there skyscrapers, is there a street, is there a road
BEACH / HARBOUR MOUNTAINS CITY FARM DESERT FOREST SNOWFIELD PARK: is this a beach, is it a beach,
are we at the beach, is this the seaside
HARBOUR / MOUNTAINS CITY FARM DESERT FOREST SNOWFIELD LAKE PARK: is this a harbour, is it a port, is this a harbor,
are we in a harbour
MOUNTAINS / BEACH HARBOUR CITY FARM PARK: is this in the mountains, are we in the mountains, is it in the mountains
CITY / BEACH MOUNTAINS FARM DESERT FOREST SNOWFIELD LAKE PARK: is this a city, are we in a city, is it in a town,
is this a town, is it in the city
FARM / BEACH HARBOUR MOUNTAINS CITY DESERT FOREST SNOWFIELD: is this a farm, is it on a farm, are we on a farm,
is this the countryside
DESERT / HARBOUR MOUNTAINS CITY FARM FOREST SNOWFIELD LAKE PARK: is this a desert, are we in the desert,
is it in the desert, is this the sahara
FOREST / BEACH HARBOUR CITY FARM DESERT SNOWFIELD: is this a forest, are we in the forest, is it in a forest,
are these the woods
SNOWFIELD / BEACH HARBOUR CITY DESERT FOREST: is this a snowfield, is it a snowy field
LAKE / MOUNTAINS CITY FARM DESERT FOREST SNOWFIELD PARK: is this a lake, is there a lake, are we at a lake,
is it by a lake
PARK / BEACH HARBOUR MOUNTAINS CITY DESERT SNOWFIELD: is this a park, are we in a park, is it in a park,
is this a garden
ANY / : is this a drawing, is it a painting, is it outside, is it outdoors, is this a picture, is there a sky,
are we outside, is this a cartoon
 / ANY: is this a photo, is it a photograph, is it inside, is it indoors, are we in a house, is this a kitchen,
is it a real photo, is this a selfie, is there text, is this a map, is it a portrait, is this a room,
is this black and white, is it underwater, is this a video, is this in space, is this a restaurant,
is this a stadium
"""
"""When to say yes, when no (else nobody can tell), and how it is asked. Facts joined by + have to hold together."""

_CHOICES = """
is it day or night, day or night, is it daytime or nighttime: NIGHT night; DAWN NOON SUNSET day
is it dark or bright, is it bright or dark: NIGHT dark; NOON bright
is it morning or evening: DAWN morning; SUNSET evening
is it sunrise or sunset: DAWN sunrise; SUNSET sunset
is it raining or snowing: RAIN raining; SNOW snowing
is it rain or snow: RAIN rain; SNOW snow
is the weather good or bad: CLEAR good; RAIN SNOW bad
is it summer or winter, is it winter or summer: SNOW SNOWFIELD winter
what season is it, which season is it,
what time of year is it: SNOW SNOWFIELD winter; BEACH DESERT FARM+CLEAR CITY+CLEAR I can't tell
is it inside or outside, are we inside or outside: ANY outside
is it indoors or outdoors, indoor or outdoor: ANY outdoors
is this a photo or a drawing, photo or drawing, is it a drawing or a photo, what kind of image is this: ANY drawing
is it a photo or a painting: ANY painting
is it the sun or the moon in the sky: NIGHT+CLEAR moon; NOON+CLEAR DAWN+CLEAR SUNSET+CLEAR sun
what colour is the sky, what color is the sky,
sky color: NOON+CLEAR blue; NIGHT dark blue; SUNSET+CLEAR orange; DAWN+CLEAR pink; NOON+FOG NOON+RAIN grey
is it a city or a forest: CITY city; FOREST forest
is this the sea or a lake: BEACH HARBOUR sea; LAKE lake
is it warm or cold: SNOW SNOWFIELD cold
"""
_NAMED = {
    Time: (
        "what time is it, what time of day is it, what is the time of day, which time of day is this, when is this, "
        "what part of the day is it, time of day, what time of the day is shown"
    ),
    Weather: (
        "what's the weather, what is the weather, how is the weather, what's the weather like, how's the weather, "
        "weather, what is the weather like today, what weather is it, what kind of weather is it"
    ),
    Setting: (
        "where is this, where is it, where are we, what place is this, where was this taken, what kind of place is it, "
        "where does this take place, which place is shown, what is the setting, what is the place, where am i"
    ),
}

_ABSENT = """
dragon unicorn dinosaur robot ghost monster witch wizard alien mermaid angel fairy giant vampire zombie knight
person/people man/men woman/women child/children boy girl baby/babies kid human family/families soldier farmer
fisherman/fishermen sailor driver king queen pirate policeman/policemen tourist cowboy doctor teacher clown skier
elephant lion tiger giraffe zebra monkey snake spider frog turtle fish/fish shark whale dolphin octopus/octopuses bee
butterfly/butterflies penguin rabbit squirrel fox/foxes wolf/wolves bear kangaroo crocodile hippo rhino panda koala
pig goat donkey mouse/mice rat hedgehog lizard snail ant crab seal polar~bear gorilla parrot peacock flamingo
ostrich/ostriches chicken rooster turkey goldfish/goldfish worm insect mosquito tortoise llama bison moose/moose
helicopter rocket spaceship submarine motorcycle motorbike scooter tram ambulance taxi/taxis police~car fire~engine
tank skateboard sled ski canoe kayak surfboard parachute drone satellite ufo jet~ski wheelchair shopping~cart
table sofa bed computer laptop phone television radio camera guitar piano violin drum trumpet book newspaper
letter pencil sword knife/knives fork spoon plate cup bottle glass/glasses teapot pan bucket rope ladder hammer saw
suitcase backpack toothbrush/toothbrushes mirror candle lightbulb microphone telescope
pizza burger hot~dog sandwich/sandwiches cake cookie ice~cream bread cheese apple banana orange~juice lemon
tomato/tomatoes
potato/potatoes onion egg pumpkin strawberry/strawberries grape pineapple melon chocolate coffee
volcano/volcanoes waterfall cave tunnel airport hospital school factory/factories pyramid igloo stadium museum
supermarket swimming~pool statue fountain well billboard traffic~light stop~sign mailbox/mailboxes anchor
treasure~chest present gift crown ring necklace shoe sock glove dress/dresses
rainbow lightning tornado/tornadoes comet planet campfire explosion firework trophy/trophies scarecrow
trampoline playground slide swing carousel ferris~wheel roller~coaster chess~board dice puzzle doll
teddy~bear logo barcode letterbox/letterboxes credit~card coin banknote
tattoo moustache beard nurse bride astronaut chef football~player ballerina ninja superhero/superheroes
princess/princesses
"""

_UNTOLD = """
what is the {x}'s name, what's the name of the {x}, what is the {x} called, how old is the {x}, how much is the {x},
how much does the {x} cost, what does the {x} cost, who owns the {x}, whose {x} is this, who made the {x},
who built the {x}, how heavy is the {x}, how tall is the {x} in metres, how fast is the {x}, what is the {x} thinking,
what is in the {x}, what is inside the {x}, who is in the {x}, who lives in the {x}, where does the {x} come from,
where is the {x} going, where is the {x} from, is the {x} hungry, is the {x} expensive, is the {x} happy,
is the {x} old,
is the {x} friendly, is the {x} a boy or a girl, is the {x} male or female, what brand is the {x},
what breed is the {x},
why is the {x} there, why is the {x} here, what does the {x} smell like, how long has the {x} been there,
when was the {x} built, how many years old is the {x}, does the {x} belong to someone, what did the {x} do yesterday,
what will the {x} do next, is the {x} tired, is the {x} new, is the {x} broken, what does the {x} weigh
who painted this, who drew this, who made this picture, who is the artist, when was this painted, when was this drawn,
what year is it, which year is this, what day is it, what is the date, what month is it, which country is this,
what country is it, in which country is this, what is the name of this place, what city is this, what is the title,
which town is this, what is the name of the city, what is the temperature, how many degrees is it, how warm is it,
what happened before, what happens next, what will happen, why was this painted, what does it mean, what is the story,
how much is it worth, where can i buy this, what is your name, who are you, how are you, what is the capital of france,
what is two plus two, who is the president, what sound is it, what music is playing, what is the phone number,
what is the price, who took this, what is the address, what was here before, what is outside the picture,
how many people live here, what language do they speak, which street is this, what is on the other side, who sent this,
how far is it, how long does it take, how do i get there, what is the distance, what is the wind speed, is it monday,
is it a holiday, is it true, is it expensive, what will the weather be tomorrow, was it raining yesterday, is it july
"""


def _lines(table: str) -> list[str]:
    """The entries of a table; a line that ends in a comma goes on in the next."""
    return table.strip("\n").replace(",\n", ", ").split("\n")


def true_of(facts: str, scene: Scene) -> bool:
    """Whether one of several facts, written `NIGHT+CLEAR NOON`, is true of the scene; ANY always is."""
    shown = {scene.setting, scene.time, scene.weather}
    return any(
        fact == "ANY" or all(_MEMBERS[name] in shown for name in fact.split("+")) for fact in facts.split()
    )


def yes_or_no(scene: Scene, answer: bool) -> list[str]:
    """Questions about place, time and weather whose answer is yes (or no)."""
    found = []
    for line in _lines(_YES_OR_NO):
        facts, _, questions = line.partition(":")
        yes, no = (true_of(part, scene) for part in facts.split("/"))
        if (yes and not no, no and not yes)[not answer]:
            found.append(questions)
    return found


def choices(scene: Scene) -> Iterator[tuple[str, str]]:
    """Lists of questions with something to choose from or to name, and their answer."""
    for line in _lines(_CHOICES):
        questions, _, rest = line.partition(":")
        for option in rest.split("; "):
            words = option.split()
            facts = [word for word in words if word.isupper() and len(word) > 1]
            if true_of(" ".join(facts), scene):
                yield questions, " ".join(words[len(facts) :])
                break
    for named, value in ((Time, scene.time), (Weather, scene.weather), (Setting, scene.setting)):
        yield _NAMED[named], value.value


@dataclass(frozen=True, slots=True)
class Absent:
    """A thing that no postcard shows."""

    one: str
    many: str


def _kept_back(words: str) -> bool:
    """Whether only questions of heldout scenes have these words: one in six, by a fixed hash."""
    return blake2b(words.encode(), digest_size=2).digest()[0] % 6 == 0


def _absent() -> Iterator[Absent]:
    for entry in _ABSENT.split():
        one, _, many = entry.replace("~", " ").partition("/")
        yield Absent(one, many or f"{one}s")


_UNTOLD_QUESTIONS = [
    question.strip() for question in _UNTOLD.strip().replace(",\n", "\n").replace("\n", ", ").split(", ")
]

ABSENT = {
    split: tuple(thing for thing in _absent() if _kept_back(thing.one) is (split is Split.HELDOUT))
    for split in Split
}
"""What training asks about in vain, and what heldout scenes do: no thing is in both."""

UNTOLD = {
    split: tuple(text for text in _UNTOLD_QUESTIONS if _kept_back(text) is (split is Split.HELDOUT))
    for split in Split
}
"""Questions that no picture answers, likewise."""
