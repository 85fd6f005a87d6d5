"""Runtime state of the service: batching, caches, thread pools, jobs, uploads, metrics."""
