"""Image headers: format sniffing by magic bytes, and what JPEG and PNG say before they are decoded.

JPEG and PNG are walked here rather than by Pillow, because size, profile and EXIF are then known before any decoder
has seen the file, and because a PNG's text and animation chunks never reach the decoder.
"""

from __future__ import annotations

import codecs
import struct
import zlib
from dataclasses import dataclass, replace
from enum import StrEnum

from vasari.retrieval.errors import ImageError, Sentence
from vasari.retrieval.images.iptc import iptc_of_photoshop

_LARGEST_PROFILE = 8 * 1024 * 1024  # bytes, unpacked; CMYK press profiles have 0.5 to 3 MB


class Format(StrEnum):
    """The formats that are read."""

    JPEG = "jpeg"
    PNG = "png"
    WEBP = "webp"
    GIF = "gif"
    TIFF = "tiff"
    BMP = "bmp"
    AVIF = "avif"
    HEIC = "heic"
    RAW = "raw"


_MAGIC = (
    (b"\xff\xd8\xff", Format.JPEG),
    (b"\x89PNG\r\n\x1a\n", Format.PNG),
    (b"GIF87a", Format.GIF),
    (b"GIF89a", Format.GIF),
    (b"BM", Format.BMP),
    (b"II*\0", Format.TIFF),
    (b"MM\0*", Format.TIFF),
    (b"II+\0", Format.TIFF),  # BigTIFF
    (b"MM\0+", Format.TIFF),
    (b"IIRO", Format.RAW),  # Olympus
    (b"IIRS", Format.RAW),
    (b"MMOR", Format.RAW),
    (b"IIU\0", Format.RAW),  # Panasonic
    (b"FUJIFILMCCD-RAW", Format.RAW),
    (b"FOVb", Format.RAW),  # Sigma
)
_BRANDS = {b"avif": Format.AVIF, b"avis": Format.AVIF, b"crx ": Format.RAW}
_BRANDS |= dict.fromkeys(
    (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs"), Format.HEIC
)
_GENERIC_BRANDS = (b"mif1", b"msf1", b"mif2")  # "some HEIF": the compatible brands tell the codec

_OTHERS = (
    (b"%PDF", Sentence("it is a PDF document")),
    (b"PK\x03\x04", Sentence("it is a ZIP archive")),
    (b"\x1f\x8b", Sentence("it is a gzip archive")),
    (b"8BPS", Sentence("Photoshop files are not supported")),
    (b"\0\0\x01\0", Sentence("icons are not supported")),
    (b"\0\0\0\x0cJXL ", Sentence("JPEG XL is not supported")),
    (b"\xff\x0a", Sentence("JPEG XL is not supported")),
    (b"\0\0\0\x0cjP  ", Sentence("JPEG 2000 is not supported")),
    (b"\xff\x4f\xff\x51", Sentence("JPEG 2000 is not supported")),
    (b"\x1a\x45\xdf\xa3", Sentence("it is a video")),
    (b"\x7fELF", Sentence("it is a program")),
    (b"MZ", Sentence("it is a program")),
)
_UNKNOWN = Sentence("its first bytes belong to no known format")


def sniff(data: bytes) -> Format:
    """The format by magic bytes, whatever the file is called; ImageError says what else it is."""
    for magic, image_format in _MAGIC:
        if data.startswith(magic):
            return image_format
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return Format.WEBP
    if data[4:8] == b"ftyp":
        return _by_brand(data)
    raise _no_image(_what_else(data))


def _by_brand(data: bytes) -> Format:
    length = min(int.from_bytes(data[:4], "big"), 256)
    brands = [data[8:12], *(data[place : place + 4] for place in range(16, length, 4))]
    if brands[0] in _BRANDS:
        return _BRANDS[brands[0]]
    if brands[0] in _GENERIC_BRANDS:
        return next((_BRANDS[brand] for brand in brands if brand in _BRANDS), Format.HEIC)
    raise _no_image(Sentence("it is a video"))


def _no_image(what: Sentence) -> ImageError:
    return ImageError(Sentence("this is not an image ({what})", what=what))


def _what_else(data: bytes) -> Sentence:
    for magic, words in _OTHERS:
        if data.startswith(magic):
            return words
    start = data[:512].lstrip()
    if start[:1] == b"<":
        lower = start.lower()
        if b"<svg" in lower:
            return Sentence("SVG drawings are not supported")
        if b"<html" in lower or b"<!doctype" in lower:
            return Sentence("it begins with HTML")
        return Sentence("it begins with XML")
    if not any(data[:512]):
        return Sentence("it begins with zeros")
    try:
        text = codecs.getincrementaldecoder("utf-8")().decode(data[:512])  # may end inside a letter
    except UnicodeDecodeError:
        return _UNKNOWN
    readable = all(x.isprintable() or x.isspace() for x in text)
    return Sentence("it begins with text") if readable else _UNKNOWN


@dataclass(frozen=True, slots=True)
class Header:
    """What is known of a JPEG or PNG before decoding; `width` and `height` as stored, before orientation."""

    width: int
    height: int
    components: int  # JPEG: 1, 3 or 4; PNG: 0
    exif: bytes = b""
    profile: bytes = b""  # ICC
    progressive: bool = False  # JPEG: all of it is unpacked before the first pixel
    xmp: bytes = b""
    extended_xmp: tuple[bytes, ...] = ()  # JPEG: GUID, length, offset, and a part of a packet
    iptc: bytes = b""  # an IIM block
    stored_rgb: bool = False  # JPEG: three colours that are not YCbCr


def jpeg_header(data: bytes) -> Header:
    """Walk a JPEG's segments up to its pixels (ITU T.81, annex B); ImageError if it ends or has none."""
    exif, profile, frame, progressive, adobe = b"", {}, None, False, True
    xmp, extended, photoshop = b"", [], []
    place, end = 2, len(data)
    while place + 4 <= end:
        if data[place] != 0xFF:  # padding of careless programs
            place = data.find(b"\xff", place)
            if place < 0:
                break
            continue
        marker = data[place + 1]
        # Fill bytes, and markers without length.
        if marker in (0xFF, 0x00, 0x01, 0xD8) or 0xD0 <= marker <= 0xD7:
            place += 1 if marker == 0xFF else 2
            continue
        if marker in (0xDA, 0xD9):  # pixels, or the end
            break
        length = data[place + 2] << 8 | data[place + 3]
        body = place + 4
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            frame, progressive = data[body : body + 15], marker in (0xC2, 0xC6, 0xCA, 0xCE)
        elif marker == 0xE1:
            if not exif and data.startswith(b"Exif\0\0", body):
                exif = data[body + 6 : place + 2 + length]
            elif not xmp and data.startswith(_XMP, body):
                xmp = data[body + len(_XMP) : place + 2 + length]
            elif data.startswith(_EXTENDED_XMP, body):
                extended.append(data[body + len(_EXTENDED_XMP) : place + 2 + length])
        elif marker == 0xED and data.startswith(_PHOTOSHOP, body):
            photoshop.append(data[body + len(_PHOTOSHOP) : place + 2 + length])
        elif marker == 0xE2 and data.startswith(b"ICC_PROFILE\0", body):
            profile[data[body + 12 : body + 13]] = data[body + 14 : place + 2 + length]
        elif marker == 0xEE and data.startswith(b"Adobe", body):
            adobe = data[body + 11 : body + 12] != b"\0"  # which colours: none that were turned
        place += 2 + max(length, 2)
    if place + 4 > end or place < 0:
        raise truncated(data, _BEFORE_PIXELS)
    if frame is None or len(frame) < 6:
        raise ImageError(Sentence("the JPEG is damaged: it has no picture header"))
    height, width, components = struct.unpack_from(">HHB", frame, 1)
    scans = data.count(b"\xff\xda", place) if progressive else 1  # looks at every byte
    if scans > _USUAL_SCANS and scans * width * height > _MOST_SCANNED:
        raise ImageError(
            Sentence(
                "the JPEG goes over its {width} × {height} pixels {n} times",
                width=width,
                height=height,
                n=scans,
            ),
            stage="limit",
        )
    parts = b"".join(profile[number] for number in sorted(profile))
    stored_rgb = components == 3 and (not adobe or frame[6::3] == b"RGB")
    iptc = iptc_of_photoshop(b"".join(photoshop))
    return Header(width, height, components, exif, parts, progressive, xmp, tuple(extended), iptc, stored_rgb)


_USUAL_SCANS = 20  # of a progressive JPEG; programs write 10 or fewer
# Pixels of all scans; a few bytes make a scan, and it takes as long as a whole picture.
_MOST_SCANNED = 500_000_000


_XMP = b"http://ns.adobe.com/xap/1.0/\0"
_EXTENDED_XMP = b"http://ns.adobe.com/xmp/extension/\0"
_PHOTOSHOP = b"Photoshop 3.0\0"

_PNG_PICTURE = frozenset((b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND"))


def png_header(data: bytes) -> Header:
    """A PNG's size, from its first chunk; EXIF and profile are left to `png_picture`."""
    if len(data) < 33:
        raise truncated(data, _IN_HEADER)
    if data[12:16] != b"IHDR":
        raise ImageError(Sentence("the PNG is damaged: it does not begin with its header"))
    width, height = struct.unpack_from(">LL", data, 16)
    return Header(width, height, 0)


def png_picture(data: bytes) -> tuple[bytes, Header]:
    """The PNG reduced to the chunks that make its (first) picture, and what the others say about it.

    Text, animation and private chunks are left out: damaged or oversized ones can do no harm. The checksum of
    each chunk kept is checked. Raises ImageError where the pixels are truncated or damaged.
    """
    size = png_header(data)
    kept, exif, profile, place, pixels = [data[:8]], b"", b"", 8, 0
    said: dict[str, bytes] = {}
    while place + 8 <= len(data):
        length, kind = struct.unpack_from(">L4s", data, place)
        end = place + 12 + length
        if kind in _PNG_PICTURE:
            if end > len(data):
                raise truncated(data, _IN_PIXELS if kind == b"IDAT" else _IN_HEADER)
            if zlib.crc32(memoryview(data)[place + 4 : end - 4]) != int.from_bytes(
                data[end - 4 : end], "big"
            ):
                raise ImageError(
                    Sentence(
                        "the PNG is damaged: wrong checksum of {kind} at byte {place:,}",
                        kind=kind.decode(),
                        place=place,
                    )
                )
            kept.append(data[place:end])
            pixels += length if kind == b"IDAT" else 0
        elif kind == b"eXIf":
            exif = data[place + 8 : end - 4]
        elif kind == b"iCCP":
            profile = _unpacked(data[place + 8 : end - 4].partition(b"\0")[2][1:])
        elif kind in (b"iTXt", b"zTXt", b"tEXt"):
            said |= _png_text(kind, data[place + 8 : end - 4])
        place = end
        if kind == b"IEND":
            break
    if not pixels:
        raise truncated(data, _BEFORE_PIXELS)
    header = Header(size.width, size.height, 0, exif, profile)
    return b"".join(kept), replace(header, xmp=said.get("xmp", b""), iptc=said.get("iptc", b""))


def _png_text(kind: bytes, chunk: bytes) -> dict[str, bytes]:
    """XMP and IPTC among a PNG's texts: Adobe's iTXt, and the raw profiles of ImageMagick."""
    keyword, _, rest = chunk.partition(b"\0")
    if kind == b"iTXt" and keyword == b"XML:com.adobe.xmp":
        packed, body = rest[:1] == b"\1", rest[2:].split(b"\0", 2)[-1]
        return {"xmp": _unpacked(body) if packed else body}
    name = {b"Raw profile type xmp": "xmp", b"Raw profile type iptc": "iptc"}.get(keyword)
    if name is None:
        return {}
    text = _unpacked(rest[1:]) if kind == b"zTXt" else rest
    try:
        raw = bytes.fromhex(text.lstrip().split(b"\n", 2)[2].decode("ascii"))  # after its name and length
    except (IndexError, ValueError):
        return {}
    return {name: raw if name == "xmp" else iptc_of_photoshop(raw) or raw}


def _unpacked(packed: bytes) -> bytes:
    """An ICC profile or a text of a PNG; empty if it is damaged or too large to be one."""
    unpacker = zlib.decompressobj()
    try:
        profile = unpacker.decompress(packed, _LARGEST_PROFILE)
    except zlib.error:
        return b""
    return profile if unpacker.eof else b""


def webp_size(data: bytes) -> tuple[int, int]:
    """Width and height of the canvas (RFC 9649, section 2)."""
    if len(data) < 30:
        raise truncated(data, _IN_HEADER)
    kind = data[12:16]
    if kind == b"VP8X":
        return int.from_bytes(data[24:27], "little") + 1, int.from_bytes(data[27:30], "little") + 1
    if kind == b"VP8L":
        bits = int.from_bytes(data[21:25], "little")
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    if kind == b"VP8 ":
        width, height = struct.unpack_from("<HH", data, 26)
        return width & 0x3FFF, height & 0x3FFF
    raise ImageError(Sentence("the WebP is damaged: its first chunk holds no picture"))


def declared_length(data: bytes) -> int:
    """File length by its headers, at least, in bytes; 0 where the format does not tell."""
    image_format = sniff(data)
    if image_format is Format.WEBP:
        return int.from_bytes(data[4:8], "little") + 8
    if image_format is Format.BMP:
        return int.from_bytes(data[2:6], "little")
    if image_format is Format.TIFF:  # programs often write the directory last
        return int.from_bytes(data[4:8], "little" if data[:1] == b"I" else "big") + 2
    if image_format not in (Format.AVIF, Format.HEIC):
        return 0
    place = 0
    while place + 8 <= len(data):  # boxes (ISO/IEC 14496-12): length, kind, content
        length = int.from_bytes(data[place : place + 4], "big")
        if length < 8:  # 0: up to the end; 1: a 64-bit length follows
            break
        place += length
    return place


def damaged(image_format: Format, words: str) -> ImageError:
    """The error for data that a decoder refuses; `words` are its own."""
    return ImageError(
        Sentence("the {kind} data is damaged or cut off ({words})", kind=image_format.upper(), words=words)
    )


_BEFORE_PIXELS = Sentence("before its pixels begin")
_IN_HEADER = Sentence("inside its header")
_IN_PIXELS = Sentence("inside its pixels")


def truncated(data: bytes, where: Sentence | None = None) -> ImageError:
    """The error for a file that stops too early."""
    if where is None:
        return ImageError(Sentence("the file is truncated: it ends after {n:,} bytes", n=len(data)))
    return ImageError(
        Sentence("the file is truncated: it ends after {n:,} bytes, {where}", n=len(data), where=where)
    )
