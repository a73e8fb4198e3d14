"""The history cannot be changed unnoticed, and can be partly erased (T6)."""

from __future__ import annotations

from io import StringIO

from django.core.management import call_command
from django.core.management.base import CommandError
from django.test import TestCase

from ticketing.models import TicketEvent
from ticketing.services.tickets import TicketChanges, status_change, ticket_update
from ticketing.tests.world import World


class AuditTests(TestCase):
    """``manage.py verify_audit``."""

    @classmethod
    def setUpTestData(cls) -> None:
        cls.world = World()

    def setUp(self) -> None:
        self.ticket = self.world.ticket()
        actor = self.world.actor(self.world.agent)
        ticket_update(ticket=self.ticket, changes=TicketChanges(severity="high"), actor=actor)
        status_change(ticket=self.ticket, status="open", actor=actor)

    def verify(self) -> str:
        """Run the command."""
        out = StringIO()
        call_command("verify_audit", stdout=out)
        return out.getvalue()

    def test_an_untouched_history_is_proved(self) -> None:
        """T6: three events, one chain."""
        self.assertEqual(TicketEvent.objects.filter(ticket=self.ticket).count(), 3)
        self.assertIn("1 tickets", self.verify())

    def test_a_changed_value_is_named(self) -> None:
        """T6: the first broken link."""
        TicketEvent.objects.filter(ticket=self.ticket, sequence=2).update(new_value="low")
        with self.assertRaisesMessage(CommandError, f"{self.ticket.reference}, event 2"):
            self.verify()

    def test_a_missing_event_is_named(self) -> None:
        """T6: nothing disappears unnoticed."""
        TicketEvent.objects.filter(ticket=self.ticket, sequence=2).delete()
        with self.assertRaisesMessage(CommandError, f"{self.ticket.reference}, event"):
            self.verify()

    def test_erasing_the_values_keeps_the_chain(self) -> None:
        """T6, O4: personal data can go; the commitments stay."""
        rows = TicketEvent.objects.filter(ticket=self.ticket)
        rows.update(salt=None, old_value=None, new_value=None)
        self.assertIn("unbroken", self.verify())
