"""Proof that the history of tickets is unbroken (T6)."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from ticketing.models import Ticket
from ticketing.services.audit import chain_verify


class Command(BaseCommand):
    """``manage.py verify_audit``."""

    help = "Check the hash chain of every ticket, or of the one named; name the first broken link."

    def add_arguments(self, parser: Any) -> None:
        """Options."""
        parser.add_argument("reference", nargs="?", help="A ticket such as SW-1042; all when left out.")

    def handle(self, *args: Any, **options: Any) -> None:
        """Walk the chains."""
        rows = Ticket.objects.order_by("pk")
        if options["reference"]:
            rows = rows.filter(reference=options["reference"])
        checked = 0
        for ticket in rows.iterator(chunk_size=500):
            broken = chain_verify(ticket=ticket)
            if broken is not None:
                where = f"{broken.reference}, event {broken.sequence}"
                raise CommandError(f"The history is broken at {where}: {broken.problem}.")
            checked += 1
        self.stdout.write(self.style.SUCCESS(f"The history of {checked} tickets is unbroken."))
