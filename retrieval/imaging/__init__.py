"""Pictures as files: what is refused, what headers tell, how each format is decoded, and its colours."""
