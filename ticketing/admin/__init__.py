"""The back office of tickets and of the reference data they are sorted by."""

from ticketing.admin import clients, reference, teams, tickets

__all__ = ["clients", "reference", "teams", "tickets"]
