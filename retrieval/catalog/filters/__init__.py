"""The filter language: grammar to values to SQL to ids."""
