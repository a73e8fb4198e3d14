"""The back office of tickets and of the reference data they are sorted by."""

from ticketing.admin import clients, feedback, reference, tickets

__all__ = ["clients", "feedback", "reference", "tickets"]
