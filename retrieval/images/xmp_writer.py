"""XMP writer: keywords, description and rating into a sidecar, beside all else that is in it.

What is not known here stays, byte for byte where it matters to XML: other properties, languages, comments, packets'
wrappers. The three properties are taken out where they are and written anew in a block of their own, so that no
spelling (attribute or element, whatever the prefix) has to be imitated.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from xml.dom.minidom import CDATASection, Document, Element, Node, Text
from xml.parsers.expat import ExpatError

from defusedxml.common import DefusedXmlException
from defusedxml.minidom import parseString

from vasari.retrieval.images.xmp import (
    LARGEST,
    NOT_XML,
    XmpError,
    as_xml,
    distinct,
    facts_of,
    properties_of,
)

_RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
_DC = "http://purl.org/dc/elements/1.1/"
_XMP = "http://ns.adobe.com/xap/1.0/"
_XML = "http://www.w3.org/XML/1998/namespace"
_XMLNS = "http://www.w3.org/2000/xmlns/"
_NEW = (
    '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>\n'
    f'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="{_RDF}"></rdf:RDF></x:xmpmeta>\n<?xpacket end="w"?>'
)


@dataclass(frozen=True, slots=True)
class Words:
    """What is to be in a sidecar; what is None stays as it is there."""

    keywords: Sequence[str] = ()  # added to those that are there
    descriptions: Mapping[str, str] | None = None  # by language, "x-default" among them; others stay
    rating: float | None = None


def with_words(packet: bytes | None, words: Words) -> bytes | None:
    """The packet with these words, UTF-8; None where it says them already. XmpError for what is no XMP.

    `packet` None begins a new one.
    """
    before = {} if packet is None else properties_of(packet)
    keywords, rating = _keywords(before, words), words.rating
    document = _parsed(_NEW if packet is None else as_xml(packet))
    root = next(iter(document.getElementsByTagNameNS(_RDF, "RDF")))
    described = _descriptions(root, words)
    if keywords is None and described is None and (rating is None or _same(before.get("xmp:Rating"), rating)):
        return None
    block = _block(document, root)
    if keywords is not None:
        _take_out(root, _DC, "subject")
        _put_list(block, "dc:subject", "Bag", [(None, word) for word in keywords])
    if described is not None:
        _take_out(root, _DC, "description")
        _put_list(block, "dc:description", "Alt", list(described.items()))
    if rating is not None:
        _take_out(root, _XMP, "Rating")
        _put(block, "xmp:Rating", f"{rating:g}")
    root.appendChild(block)
    return _written(document)


def _keywords(before: Mapping[str, object], words: Words) -> list[str] | None:
    """Those that are there and the new ones, spelled as they will be read; None where nothing is new."""
    there = before.get("dc:subject") or facts_of(before).get("keywords", [])
    there = [entry for entry in (there if isinstance(there, list) else [there]) if isinstance(entry, str)]
    known = distinct(there)
    new = [word for word in distinct(list(words.keywords)) if word not in known]
    return [*there, *new] if new else None


def _descriptions(root: Element, words: Words) -> dict[str, str] | None:
    """Descriptions by language, the default first; None where nothing is new."""
    if not words.descriptions:
        return None
    there: dict[str, str] = {}
    for node in root.getElementsByTagNameNS(_DC, "description"):
        for entry in node.getElementsByTagNameNS(_RDF, "li"):
            there[entry.getAttributeNS(_XML, "lang") or "x-default"] = _text_of(entry)
    both = there | {language: NOT_XML.sub(" ", text) for language, text in words.descriptions.items()}
    return None if both == there else {"x-default": both["x-default"]} | both


def _same(there: object, rating: float) -> bool:
    try:
        return isinstance(there, str) and float(there) == rating
    except ValueError:
        return False


def _parsed(text: str) -> Document:
    if len(text) > LARGEST:
        raise XmpError(f"is larger than {LARGEST // 2**20} MB")
    try:
        document: Document = parseString(text, forbid_dtd=True)
    except (DefusedXmlException, ExpatError, ValueError) as error:
        raise XmpError(f"is damaged: {error}") from error
    return document


def _block(document: Document, root: Element) -> Element:
    """A new rdf:Description about the same as the others."""
    rdf = f"{root.prefix}:" if root.prefix else ""
    others = [node for node in root.childNodes if isinstance(node, Element)]
    block: Element = document.createElementNS(_RDF, f"{rdf}Description")
    about = next((node.getAttributeNS(_RDF, "about") for node in others), "")
    block.setAttributeNS(_RDF, f"{root.prefix or 'rdf'}:about", about)
    for prefix, uri in (("dc", _DC), ("xmp", _XMP), *(() if root.prefix else (("rdf", _RDF),))):
        block.setAttributeNS(_XMLNS, f"xmlns:{prefix}", uri)
    return block


def _take_out(root: Element, namespace: str, name: str) -> None:
    """Remove a property of the picture, be it attribute or element; not of what is inside other properties."""
    for node in (child for child in root.childNodes if isinstance(child, Element)):
        if node.hasAttributeNS(namespace, name):
            node.removeAttributeNS(namespace, name)
        for child in list(node.childNodes):
            if isinstance(child, Element) and (child.namespaceURI, child.localName) == (namespace, name):
                node.removeChild(child)


def _put(block: Element, name: str, text: str | None = None) -> Element:
    document = Document()
    node = document.createElement(name)
    if text is not None:
        node.appendChild(document.createTextNode(text))
    block.appendChild(node)
    return node


def _put_list(block: Element, name: str, kind: str, entries: Sequence[tuple[str | None, str]]) -> None:
    prefix = block.tagName.rpartition(":")[0]
    rdf = f"{prefix}:" if prefix else ""
    inner = _put(_put(block, name), f"{rdf}{kind}")
    for language, text in entries:
        entry = _put(inner, f"{rdf}li", text)
        if language is not None:
            entry.setAttribute("xml:lang", language)


def _text_of(node: Element) -> str:
    return "".join(child.data for child in node.childNodes if isinstance(child, Text))


# Line ends that were written as references: as they are, the next reader would make spaces of them. Letters of a
# plane that nobody uses stand for them while minidom, which does not know this before Python 3.13, writes.
_ENDS = {"\n": "\U0010fff1", "\r": "\U0010fff2", "\t": "\U0010fff3"}
_TABLE = {ord(end): letter for end, letter in _ENDS.items()}


def _written(document: Document) -> bytes:
    for node in _nodes(document):
        if isinstance(node, Element):
            for attribute in node.attributes.values():
                attribute.value = attribute.value.translate(_TABLE)
        elif isinstance(node, Text) and not isinstance(node, CDATASection):
            node.data = node.data.replace("\r", _ENDS["\r"])
    text = "\n".join(node.toxml() for node in document.childNodes)
    for end, letter in _ENDS.items():
        text = text.replace(letter, f"&#{ord(end)};")
    return f"{text.strip()}\n".encode()


def _nodes(node: Node) -> Iterator[Node]:
    for child in node.childNodes:
        yield child
        yield from _nodes(child)
