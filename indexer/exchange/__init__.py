"""Import and export: the formats of other tools."""
