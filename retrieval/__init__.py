"""The search engine: everything that a query touches."""
