"""One figure per kind of object, a module per family."""
