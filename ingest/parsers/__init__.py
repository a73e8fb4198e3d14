"""Plain-Python file parsers; `ingest.parsers.sandbox.parse_file` is the one way in.

This module stays empty: every child process imports it, and each import costs start-up time.
"""
