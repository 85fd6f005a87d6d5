"""Authentication, rate limits, quotas, path and URL guards (SSRF)."""
