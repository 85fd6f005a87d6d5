"""Opening what a uri names: local files, files at URLs, and members of archives and tables."""
