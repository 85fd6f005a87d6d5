"""What programs and notebooks in Python use: a library that indexes, lists and shows what is in it."""
