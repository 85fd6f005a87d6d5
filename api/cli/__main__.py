"""`python -m api.cli`: the command line where the command `vasari` is not on the path."""

from api.cli.main import main

main()
