"""Bulk jobs: from files to a searchable library."""

import logging

logging.getLogger(__name__).addHandler(
    logging.NullHandler()
)  # a library is quiet until a program shows its records
