"""Bodies of requests and answers, with their limits and examples. Field names are those of the command line's JSON."""
