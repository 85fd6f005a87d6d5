"""`python -m vasari.api.cli`: the command line where the command `vasari` is not on the path."""

from vasari.api.cli.main import main

main()
