"""Write facts of your own on items and search among some of them: python examples/facts_and_filters.py LIBRARY.

Attributes are any JSON, and a filter asks for them by name; k results come back wherever k items match.
"""

import sys

from vasari import Library, Modality, SearchRequest, Term, TermKind


def main(folder: str) -> None:
    """Give every second picture a price, and search among the cheap ones."""
    with Library.open(folder) as library:
        catalog = library.catalog
        for number, item in enumerate(catalog.items.live_ids(Modality.IMAGE).tolist()):
            catalog.annotations.set_attributes(item, {"price": 10 * number} if number % 2 else {"sold": True})
            catalog.annotations.set_tags(item, ["exhibition"])
        request = SearchRequest(
            (Term(TermKind.TEXT, text="a boat"), Term(TermKind.TEXT, weight=-0.5, text="snow")),
            filter="tag = exhibition and price between 10 and 50 and not sold = true",
            limit=3,
        )
        for hit in library.search(request).hits:
            print(f"{hit.item.attributes['price']:3} for {hit.item.uri}")


if __name__ == "__main__":
    main(*sys.argv[1:])
