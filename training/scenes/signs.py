"""Signs in scenes: number plates, street names, shop signs, rules and posters, whose text is known exactly."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from random import Random

from PIL import Image, ImageDraw, ImageEnhance, ImageFilter, ImageFont

from vasari.training.scenes.scene import Time

_SHARES = (0.05, 0.09)  # height of a line of text, of the picture's height
_TILT = 9.0  # degrees to either side
_DARKER: Mapping[Time, float] = {Time.NIGHT: 0.55, Time.SUNSET: 0.85}
_MARGIN = 0.55  # around the text, in heights of a line
_WIDEST = 0.85  # of the picture's width

Ink = tuple[int, int, int]


class SignKind(StrEnum):
    """What a sign is for, and so what it says and how it looks."""

    PLATE = "number plate"
    STREET = "street name"
    SHOP = "shop sign"
    RULE = "rule"
    POSTER = "poster"


@dataclass(frozen=True, slots=True)
class Sign:
    """A board with lines of text."""

    kind: SignKind
    lines: tuple[str, ...]
    paper: Ink
    ink: Ink

    @property
    def text(self) -> str:
        """All that it says."""
        return " ".join(self.lines)


def sample_sign(rng: Random) -> Sign:
    """A sign of any kind."""
    kind = rng.choice(list(SignKind))
    paper, ink = rng.choice(_PAINTS[kind])
    return Sign(kind, _TEXTS[kind](rng), paper, ink)


def put_up(picture: Image.Image, sign: Sign, time: Time, rng: Random) -> Image.Image:
    """The picture with the sign somewhere in it: tilted, and as bright and sharp as the hour allows."""
    board = _board(sign, round(picture.height * rng.uniform(*_SHARES)), round(picture.width * _WIDEST))
    board = board.rotate(rng.uniform(-_TILT, _TILT), Image.Resampling.BICUBIC, expand=True)
    colours, mask = board.convert("RGB"), board.getchannel("A")
    colours = ImageEnhance.Brightness(colours).enhance(_DARKER.get(time, 1.0))
    colours = colours.filter(ImageFilter.GaussianBlur(rng.uniform(0.0, 0.7)))
    left = rng.randint(0, max(0, picture.width - board.width))
    top = rng.randint(picture.height // 5, max(picture.height // 5, picture.height - board.height))
    hung = picture.copy()
    hung.paste(colours, (left, top), mask)
    return hung


def _board(sign: Sign, height: int, widest: int) -> Image.Image:
    """The sign upright, RGBA, its lines `height` pixels high, or less where they would be wider than `widest`."""
    boxes = [_font(height).getbbox(line) for line in sign.lines]
    width = max(right - left for left, _, right, _ in boxes) + 2 * _MARGIN * height
    if width > widest:
        height = max(8, int(height * widest / width))
    font, margin = _font(height), round(_MARGIN * height)
    inner = max(font.getlength(line) for line in sign.lines)
    size = (round(inner) + 2 * margin, round(1.3 * height * len(sign.lines)) + margin)
    board = Image.new("RGBA", size, (0, 0, 0, 0))
    draw = ImageDraw.Draw(board)
    draw.rounded_rectangle((0, 0, size[0] - 1, size[1] - 1), height // 4, sign.paper, sign.ink, height // 12)
    for number, line in enumerate(sign.lines):
        middle = (size[0] / 2, margin / 2 + 1.3 * height * (number + 0.5))
        draw.text(middle, line, sign.ink, font, "mm", stroke_width=height // 30)
    return board


def _font(height: int) -> ImageFont.FreeTypeFont:
    font = ImageFont.load_default(height)  # which comes with Pillow: the same pixels on every machine
    assert isinstance(font, ImageFont.FreeTypeFont)
    return font


def _letters(rng: Random, count: int) -> str:
    return "".join(rng.choices("ABCDEFGHJKLMNPRSTUVWXY", k=count))


def _plate(rng: Random) -> tuple[str, ...]:
    return (f"{_letters(rng, 2)}{rng.randint(10, 79)} {_letters(rng, 3)}",)


def _street(rng: Random) -> tuple[str, ...]:
    return (f"{rng.choice(_NAMES)} {rng.choice(('Street', 'Road', 'Lane', 'Avenue', 'Square'))}".upper(),)


def _shop(rng: Random) -> tuple[str, ...]:
    first, second = rng.sample(_NAMES, 2)
    return (rng.choice((f"{first} & {second}", f"Bistro {first}", f"{first} {rng.choice(_TRADES)}")),)


def _rule(rng: Random) -> tuple[str, ...]:
    subject = rng.choice(_SUBJECTS)
    return rng.choice(((f"NO {subject}",), (f"{subject} ONLY",), ("NO", subject), (subject, "PROHIBITED")))


def _poster(rng: Random) -> tuple[str, ...]:
    day = f"{rng.randint(1, 28)} {rng.choice(('May', 'June', 'July'))} {rng.randint(2019, 2035)}"
    return (f"{rng.choice(_NAMES)} {rng.choice(('Festival', 'Market', 'Concert'))}".upper(), day)


_TEXTS: Mapping[SignKind, Callable[[Random], tuple[str, ...]]] = {
    SignKind.PLATE: _plate,
    SignKind.STREET: _street,
    SignKind.SHOP: _shop,
    SignKind.RULE: _rule,
    SignKind.POSTER: _poster,
}
_BLACK, _WHITE, _YELLOW, _RED = (12, 12, 14), (248, 248, 244), (250, 208, 40), (190, 24, 30)
_BLUE, _GREEN, _CREAM, _BROWN = (20, 60, 150), (16, 104, 64), (244, 232, 205), (90, 50, 30)
_PAINTS: Mapping[SignKind, tuple[tuple[Ink, Ink], ...]] = {
    SignKind.PLATE: ((_WHITE, _BLACK), (_YELLOW, _BLACK)),
    SignKind.STREET: ((_GREEN, _WHITE), (_BLUE, _WHITE), (_WHITE, _BLACK)),
    SignKind.SHOP: ((_CREAM, _BROWN), (_BROWN, _CREAM), (_BLACK, _YELLOW), (_RED, _WHITE)),
    SignKind.RULE: ((_WHITE, _RED), (_RED, _WHITE), (_YELLOW, _BLACK)),
    SignKind.POSTER: ((_YELLOW, _BLUE), (_CREAM, _RED), (_BLUE, _YELLOW), (_WHITE, _BLACK)),
}
# fmt: off
_NAMES = (
    "Abbott", "Barlow", "Calder", "Dalton", "Eastwick", "Fairfax", "Gresham", "Hadley", "Ingram", "Jarvis",
    "Kendal", "Langley", "Merton", "Norwood", "Oakham", "Prescott", "Quincy", "Radley", "Selwyn",
    "Thornton", "Ulverston", "Vernon", "Wexford", "Yarmouth", "Zennor", "Amaro", "Benedetti", "Caravel",
    "Delacroix", "Esteban", "Fontaine", "Giraldi", "Hoffmann", "Iversen", "Janssen", "Kowalski",
    "Lindqvist", "Moreau", "Novak", "Okonkwo", "Petrov", "Quiroga", "Rossi", "Svensson", "Takeda",
    "Umberto", "Valdez", "Winkler", "Yamada", "Zimmer", "Ashby", "Birch", "Clover", "Dovecote",
    "Elderberry", "Foxglove", "Goldcrest", "Heron", "Kingfisher", "Larkspur", "Magpie", "Nightjar",
    "Osprey", "Plover", "Quail", "Redwing", "Skylark", "Teal", "Wren",
)
_TRADES = (
    "Bakery", "Books", "Garage", "Florist", "Pharmacy", "Optician", "Tailor", "Ironmonger", "Records",
)
_SUBJECTS = (
    "ENTRY", "PARKING", "CYCLING", "FISHING", "SWIMMING", "SMOKING", "CAMPING", "DIVING", "MOORING",
    "BALL GAMES", "TAXIS", "BUSES", "DELIVERIES", "RESIDENTS", "VISITORS", "STAFF", "MEMBERS", "PASSENGERS",
    "PEDESTRIANS", "CAMERAS", "DRONES", "DOGS", "HORSES", "CARAVANS", "TRAILERS", "SKATEBOARDS",
)
# fmt: on
