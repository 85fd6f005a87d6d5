"""Bulk jobs: from files to a searchable library."""
