"""Reads of ticketing that do not chain."""
