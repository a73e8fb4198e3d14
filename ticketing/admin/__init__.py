"""The back office of tickets and of the reference data they are sorted by."""

from ticketing.admin import clients, mail, reference, teams, tickets

__all__ = ["clients", "mail", "reference", "teams", "tickets"]
