"""Storage: atomic writes, originals behind uris, archives, file systems, and names of any bytes."""
