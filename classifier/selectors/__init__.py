"""Reads of triage that do not chain."""
