"""The back office of tickets and of the reference data they are sorted by."""

from ticketing.admin import clients, feedback, mail, reference, teams, tickets, tools

__all__ = ["clients", "feedback", "mail", "reference", "teams", "tickets", "tools"]
