"""Many requesters, one incident (C19)."""

from __future__ import annotations

from datetime import timedelta

from django.test import TestCase
from django.utils import timezone

from classifier.services.execution import run_process
from classifier.services.runs import run_request
from classifier.tests.support import load_world, open_ticket
from teams.models import Alert
from ticketing.choices import LinkKind
from ticketing.models import Ticket, TicketLink

TEXT = "The mail server in Hamburg is down, nobody in our office can send or receive mail since ten."


class BurstTests(TestCase):
    """Tickets that come in one after the other."""

    @classmethod
    def setUpTestData(cls) -> None:
        cls.client_row, cls.other_row = load_world()

    def arrive(self, requester: str, *, client: object = None, text: str = TEXT, ago: float = 0) -> Ticket:
        """One more ticket, triaged."""
        ticket = open_ticket(client or self.client_row, text, requester=requester)  # type: ignore[arg-type]
        if ago:
            moment = timezone.now() - timedelta(minutes=ago)
            Ticket.objects.filter(pk=ticket.pk).update(created_at=moment)
        run = run_request(ticket=ticket)
        self.assertTrue(run_process(run_id=run.pk))
        return ticket

    def parents(self) -> set[tuple[int, int]]:
        """The proposed incidents."""
        rows = TicketLink.objects.filter(kind=LinkKind.PARENT)
        return set(rows.values_list("source_id", "target_id"))

    def test_five_requesters_within_minutes_are_an_incident_and_the_lead_is_told_once(self) -> None:
        """C19: the oldest is proposed as parent of the others; later ones join it; nothing is closed."""
        first, *others = [self.arrive(f"u-{number}") for number in range(5)]
        self.assertEqual(self.parents(), {(first.pk, other.pk) for other in others})
        late = self.arrive("u-late")
        self.assertIn((first.pk, late.pk), self.parents())
        alert = Alert.objects.get(rule="classifier.burst")
        self.assertEqual((alert.subject, alert.client), (first.reference, self.client_row))
        self.assertEqual(alert.count, 1)
        self.assertFalse(Ticket.objects.filter(status__in=["closed", "resolved"]).exists())

    def test_few_or_slow_or_foreign_tickets_are_none(self) -> None:
        """C19: four requesters, one who writes five times, an hour apart, or another client."""
        for number in range(4):
            self.arrive(f"u-{number}")
        self.arrive("u-0")
        self.arrive("u-0")
        self.arrive("u-8", ago=60)
        self.arrive("u-9", client=self.other_row)
        self.assertEqual(self.parents(), set())
        self.assertFalse(Alert.objects.filter(rule="classifier.burst").exists())
