"""Rating the help: signed link, portal, API; once, changeable, by the requester alone (T11)."""

from __future__ import annotations

from datetime import timedelta
from unittest.mock import patch

from django.test import TestCase
from django.urls import reverse
from django.utils import timezone
from rest_framework.test import APIClient

from classifier.models import ResponseDraft
from classifier.selectors.satisfaction import by_draft
from common.exceptions import NotAllowed
from ticketing.models import Ticket, TicketEvent, TicketFeedback
from ticketing.selectors.satisfaction import by_category, by_team, overall
from ticketing.selectors.volume import span_of
from ticketing.services.assignments import ticket_assign
from ticketing.services.audit import chain_verify
from ticketing.services.feedback import feedback_give, feedback_ticket, feedback_token
from ticketing.services.tickets import status_change
from ticketing.tests.world import World


class RatingWorld(TestCase):
    """One resolved ticket of the requester."""

    @classmethod
    def setUpTestData(cls) -> None:
        cls.world = World()
        cls.lead = cls.world.actor(cls.world.lead)
        cls.rita = cls.world.actor(cls.world.requester)
        cls.ticket = cls.resolved("VPN drops")

    @classmethod
    def resolved(cls, subject: str) -> Ticket:
        """A resolved ticket."""
        return status_change(ticket=cls.world.ticket(subject), status="resolved", actor=cls.lead)

    def link(self) -> str:
        """The address in the mail."""
        return reverse("portal:rate", args=[feedback_token(ticket=self.ticket)])


class LinkTests(RatingWorld):
    """Without log-in."""

    def test_looking_stores_nothing_and_sending_stores_once(self) -> None:
        """T11: GET shows, POST stores, the second POST changes."""
        page = self.client.get(f"{self.link()}?rating=4")
        self.assertContains(page, self.ticket.reference)
        self.assertContains(page, 'value="4"')
        self.assertFalse(TicketFeedback.objects.exists())
        self.assertRedirects(self.client.post(self.link(), {"rating": "4", "comment": "Fast."}), self.link())
        self.client.post(self.link(), {"rating": "2", "comment": ""})
        row = TicketFeedback.objects.get()
        self.assertEqual((row.rating, row.comment, row.source), (2, "", "link"))
        changes = TicketEvent.objects.filter(verb="ticket.rated").values_list("old_value", "new_value")
        self.assertEqual(list(changes), [(None, 4), (4, 2)])
        self.assertIsNone(chain_verify(ticket=self.ticket))

    def test_the_page_gives_nothing_else_away(self) -> None:
        """T11: the holder of a link sees number and subject, is not indexed, and leaves no referrer."""
        page = self.client.get(self.link())
        self.assertNotContains(page, self.ticket.body)
        self.assertEqual(page["Referrer-Policy"], "no-referrer")
        self.assertEqual(page["X-Robots-Tag"], "noindex")

    def test_a_tampered_link_is_no_link(self) -> None:
        """T11: 404, whatever was changed."""
        token = feedback_token(ticket=self.ticket)
        for bad in (token[:-1] + ("A" if token[-1] != "A" else "B"), "x", token.split(":")[0]):
            for call in (self.client.get, self.client.post):
                self.assertEqual(call(reverse("portal:rate", args=[bad]), {"rating": "1"}).status_code, 404)
        self.assertFalse(TicketFeedback.objects.exists())

    def test_a_link_expires_after_thirty_days(self) -> None:
        """T11."""
        token = feedback_token(ticket=self.ticket)
        self.assertEqual(feedback_ticket(token=token), self.ticket)
        later = timezone.now().timestamp() + timedelta(days=30, minutes=1).total_seconds()
        with patch("django.core.signing.time.time", return_value=later):
            self.assertIsNone(feedback_ticket(token=token))

    def test_a_rating_without_a_number_is_refused(self) -> None:
        """T11: one to five."""
        for rating in ("", "0", "6", "x"):
            page = self.client.post(self.link(), {"rating": rating, "comment": "Typed words"})
            self.assertContains(page, "Typed words", status_code=422)

    def test_an_open_ticket_cannot_be_rated(self) -> None:
        """T11: reopened after the mail went out."""
        status_change(ticket=self.ticket, status="open", actor=self.lead)
        self.assertContains(self.client.get(self.link()), "cannot be rated now")
        self.assertEqual(self.client.post(self.link(), {"rating": "5"}).status_code, 409)
        self.assertFalse(TicketFeedback.objects.exists())


class PortalAndApiTests(RatingWorld):
    """With log-in."""

    def test_the_own_ticket_is_rated_on_its_page(self) -> None:
        """T11: shown on resolved tickets only; somebody else's is not there."""
        self.client.force_login(self.world.requester)
        page = reverse("portal:ticket", args=[self.ticket.uuid])
        self.assertContains(self.client.get(page), "How was our help?")
        url = reverse("portal:rate-own", args=[self.ticket.uuid])
        self.assertRedirects(self.client.post(url, {"rating": "5"}), page)
        self.assertContains(self.client.get(page), "You rated our help 5 of 5")
        self.client.force_login(self.world.other_requester)
        self.assertEqual(self.client.post(url, {"rating": "1"}).status_code, 404)
        self.assertEqual(TicketFeedback.objects.get().rating, 5)

    def test_the_api_takes_a_rating_of_the_requester_alone(self) -> None:
        """T11: 201, then 200; agents are refused."""
        api = APIClient()
        api.force_authenticate(self.world.requester)
        url = f"/api/v1/tickets/{self.ticket.reference}/feedback"
        first = api.post(url, {"rating": 3, "comment": "Slow."}, format="json")
        self.assertEqual((first.status_code, first.json()["rating"]), (201, 3))
        self.assertEqual(api.post(url, {"rating": 4}, format="json").status_code, 200)
        self.assertEqual(api.post(url, {"rating": 9}, format="json").status_code, 400)
        api.force_authenticate(self.world.lead)
        self.assertEqual(api.post(url, {"rating": 5}, format="json").status_code, 403)
        with self.assertRaises(NotAllowed):
            feedback_give(ticket=self.ticket, rating=5, comment="", source="api", actor=self.lead)

    def test_a_requester_resolves_and_reopens(self) -> None:
        """T2: "this solved it", and a reply within the window."""
        ticket = self.world.ticket("Printer")
        self.client.force_login(self.world.requester)
        page = reverse("portal:ticket", args=[ticket.uuid])
        self.assertContains(self.client.get(page), "This solved it")
        self.client.post(reverse("portal:solved", args=[ticket.uuid]))
        ticket.refresh_from_db()
        self.assertEqual(ticket.status, "resolved")
        self.assertContains(self.client.get(page), "Send and reopen")
        self.client.post(reverse("portal:reply", args=[ticket.uuid]), {"body": "Not solved after all."})
        ticket.refresh_from_db()
        self.assertEqual(ticket.status, "open")

    def test_after_the_window_a_follow_up_is_offered(self) -> None:
        """T2: the page says so before it happens."""
        Ticket.objects.filter(pk=self.ticket.pk).update(resolved_at=timezone.now() - timedelta(days=400))
        self.client.force_login(self.world.requester)
        page = self.client.get(reverse("portal:ticket", args=[self.ticket.uuid]))
        self.assertContains(page, "Open a follow-up")
        self.assertNotContains(page, "How was our help?")


class FiguresTests(RatingWorld):
    """Shown per team, category, and by whether a draft was used."""

    def test_satisfaction_by_team_category_and_draft(self) -> None:
        """T11, O5: counts, means and shares; another client's ratings count for nobody here."""
        other = self.resolved("Laptop")
        ticket_assign(ticket=self.ticket, team=self.world.network, assignee=None, actor=self.lead)
        ResponseDraft.objects.create(ticket=self.ticket, content="x", state="edited")
        for ticket, rating in ((self.ticket, 5), (other, 2)):
            feedback_give(ticket=ticket, rating=rating, comment="", source="portal", actor=self.rita)
        span = span_of(days=7, now=timezone.now() + timedelta(seconds=1))
        teams = {line.label: (line.count, line.mean) for line in by_team(actor=self.lead, span=span)}
        self.assertEqual(teams, {"Network": (1, 5.0), "No team": (1, 2.0)})
        drafts = {line.label: line.content for line in by_draft(actor=self.lead, span=span)}
        self.assertEqual(drafts, {"With a draft": 1.0, "Without a draft": 0.0})
        self.assertEqual([line.count for line in by_category(actor=self.lead, span=span)], [2])
        self.assertEqual(overall(actor=self.lead, span=span)["mean"], 3.5)
        stranger = self.world.actor(self.world.stranger)
        self.assertEqual(overall(actor=stranger, span=span)["count"], 0)
