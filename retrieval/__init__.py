"""The search engine: everything that a query touches."""

import logging

logging.getLogger(__name__).addHandler(
    logging.NullHandler()
)  # a library is quiet until a program shows its records
