"""Sources: folders, tables, shards, buckets, texts."""
