"""Keep pictures in order from a program: python examples/albums_and_tags.py URL WORDS, beside `vasari serve`.

What is found gets a tag, stars and a place in an album; then all of it is taken back.
"""

import sys

from vasari import Client


def main(url: str, words: str) -> None:
    """Rate what is found, put it into an album, list the album, and undo it."""
    with Client(url) as client:
        found = [hit.item.id for hit in client.search(words, limit=3).hits]
        said = client.annotate(found, add_tags=["found"], attributes={"favourite": True, "rating": 5})
        album = client.create_album(f"Found: {words}")
        client.add_to_album(album.id, found)
        best = client.create_album("Best of all", filter="favourite and rating = 5")
        print(f"{said.changed} changed, {best.count} in {best.name}")
        for item in client.items(f'album:"{album.name}"'):
            print(f"  {item.uri}  {', '.join(item.tags)}")
        print(f"one stack of {len(client.stack(found))}")
        client.unstack(found)
        # Right for these words: `vasari eval --queries judgments` measures by it.
        client.judge(words, found[:1])
        print(f"{len(client.judgments(words))} judged")
        client.withdraw(words)
        client.undo(said)
        print(f"{client.album(best.id).count} in {best.name}")
        for made in (album, best):
            client.delete_album(made.id)


if __name__ == "__main__":
    main(*sys.argv[1:])
