#!/usr/bin/env bash
# Made library-0.1.0.zip: a library as version 0.1.0 leaves it on a disk, for test_older_libraries.py.
# Run in a checkout of that version (e368861) whose environment has its packages.
# Left out: models/, 5.6 MB of exported towers that are made again when one is needed.
set -euo pipefail
root=/var/tmp/vasari-0.1.0 here=$(cd "$(dirname "$0")" && pwd)
export VASARI_OFFLINE=1 VASARI_THREADS=1 VASARI_LIBRARY="$root/library"
rm -rf "$root" && mkdir "$root"
vasari scenes render "$root/drawn" --count 8 --size 64 --seed 11
mv "$root/drawn/images" "$root/pictures" && rm -r "$root/drawn"
cp "$root/pictures/000003.jpg" "$root/sent.jpg"
mkdir "$root/pictures/below" && mv "$root/pictures/000004.jpg" "$root/pictures/below/déjà vu %20.jpg"
head -c 700 "$root/pictures/000000.jpg" > "$root/pictures/broken.jpg"
printf 'a red boat on a lake\nsnow falls on a village\n' > "$root/texts.txt"
rm "$root/pictures/000003.jpg"

vasari index "$root/pictures" --model scenes || true    # one file is broken
vasari index "$root/texts.txt" --texts
rm "$root/pictures/000005.jpg"
vasari index "$root/pictures" || true
vasari rebuild
vasari keys create page --scope search > "$root/key.txt"
python - "$root" <<'PYTHON'
"""What people write, an upload, a key, and a second space, which `tests.grey` fills without a model."""
import sys
from pathlib import Path

from indexer.engines.local import index
from indexer.sources.folder import FolderSource
from retrieval.domain import Caption, CaptionSource
from tests.grey import GreyLibrary

root = Path(sys.argv[1])
with GreyLibrary.open(root / "library") as library:
    catalog = library.catalog
    item = catalog.item_by_uri(str(root / "pictures" / "000001.jpg"))
    catalog.set_tags(item.id, ["postcard", "été"])
    catalog.set_captions(item.id, [Caption("the first of the drawn ones", "en", CaptionSource.USER)], CaptionSource.USER)
    catalog.set_attributes(item.id, {"rating": 5, "album": {"name": "drawn"}})
    scenes = catalog.default_space().name
    library.use_model("grey")
    catalog.set_default_space("grey")
    index(library, FolderSource([root / "pictures"]))
    catalog.set_default_space(scenes)
PYTHON
python - "$root" <<'PYTHON'
import sys

from retrieval.library import Library

with Library.open(f"{sys.argv[1]}/library") as library:
    library.add(open(f"{sys.argv[1]}/sent.jpg", "rb").read())
PYTHON
cd "$root" && rm -rf library/models && python -m zipfile -c "$here/library-0.1.0.zip" library pictures
