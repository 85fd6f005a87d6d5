"""Docker files against their specification."""
