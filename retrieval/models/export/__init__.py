"""How the torch-free forms are made."""
