"""The back office of tickets and of the reference data they are sorted by."""

from ticketing.admin import clients, reference, tickets, tools

__all__ = ["clients", "reference", "tickets", "tools"]
