"""Sheets as people send them: which column means what, and what its cells say. Plain Python."""
