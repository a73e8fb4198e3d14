"""The single steps of triage; each takes what it needs and can be called alone."""
