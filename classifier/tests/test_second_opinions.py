"""Whether people agree (C4)."""

from __future__ import annotations

from datetime import timedelta

from django.test import TestCase, override_settings
from django.urls import reverse
from django.utils import timezone

from classifier.engine.metrics import cohens_kappa
from classifier.models import ReviewItem, SecondOpinion
from classifier.selectors.figures import agreement
from classifier.services.reviews import review_answer, review_item_open, review_undo
from teams.choices import Group
from ticketing.models import Ticket
from ticketing.selectors.volume import Span
from ticketing.tests.world import World, make_user

SECOND = reverse("review:second")


@override_settings(SECOND_REVIEW_RATE=1.0)
class SecondOpinionTests(TestCase):
    """Every answer is put to a second lead."""

    @classmethod
    def setUpTestData(cls) -> None:
        cls.world = World()
        cls.other = make_user("second-lead", Group.LEADS, cls.world.client_a)

    def answered(self, category: str = "network") -> ReviewItem:
        """A review the lead has answered."""
        ticket = self.world.triage(self.world.ticket())
        item = review_item_open(ticket=ticket, run=None, reasons=["Unsure."], urgency=1.0)
        actor = self.world.actor(self.world.lead)
        return review_answer(item=item, decisions={"category": category, "severity": "high"}, actor=actor)

    def give(self, opinion: SecondOpinion, **labels: str) -> str:
        """Answer as the one who is logged in; what the page then says."""
        address = reverse("review:second_answer", args=[opinion.pk])
        response = self.client.post(address, labels, follow=True)
        return " ".join(str(message) for message in response.context["messages"])

    def test_the_second_person_sees_neither_prediction_nor_first_answer(self) -> None:
        """C4: from the text alone; the first reviewer is not asked."""
        self.answered()
        self.client.force_login(self.world.lead)
        self.assertIsNone(self.client.get(SECOND).context["item"])
        self.client.force_login(self.other)
        page = self.client.get(SECOND)
        item = page.context["item"]
        self.assertTrue(item.blind)
        self.assertEqual({(row.value, row.confidence) for row in item.fields}, {("", None)})
        self.assertNotContains(page, "checked")
        self.assertContains(self.client.get(reverse("review:queue")), "1 second opinion")

    def test_a_second_opinion_is_kept_once_and_the_ticket_stays(self) -> None:
        """C4: the ticket follows the first answer; both are compared."""
        item = self.answered()
        version = Ticket.objects.get(pk=item.ticket_id).version
        opinion = SecondOpinion.objects.get(item=item)
        self.client.force_login(self.other)
        self.assertIn("said otherwise: category “network”", self.give(opinion, category="hardware"))
        self.assertIn("already", self.give(opinion, category="network"))
        opinion.refresh_from_db()
        self.assertEqual((opinion.answer, opinion.reviewed_by), ({"category": "hardware"}, self.other))
        ticket = Ticket.objects.get(pk=item.ticket_id)
        self.assertEqual((ticket.category.slug, ticket.version), ("network", version))

    def test_kappa_is_shown_to_leads(self) -> None:
        """C4: agreement beyond chance, of the own clients."""
        for first, second in (("network", "network"), ("hardware", "hardware"), ("network", "hardware")):
            opinion = SecondOpinion.objects.get(item=self.answered(first))
            self.client.force_login(self.other)
            self.give(opinion, category=second)
        now, week = timezone.now() + timedelta(minutes=1), timedelta(days=7)
        span = Span(now - week, now, now - 2 * week, now - week, 7)
        found = agreement(actor=self.world.actor(self.world.lead), span=span)
        self.assertEqual((found.tickets, round(found.kappa or 0, 2)), (3, 0.4))
        self.assertEqual(agreement(actor=self.world.actor(self.world.stranger), span=span).tickets, 0)
        type(self.other).objects.filter(pk=self.other.pk).update(is_staff=True)
        self.assertContains(self.client.get("/admin/"), "κ 0.40")

    def test_only_an_opinion_that_is_given_is_called_kept(self) -> None:
        """C4: the script asks again what was refused, and passes over what somebody else has answered."""
        self.answered()
        opinion = SecondOpinion.objects.get()
        address = reverse("review:second_answer", args=[opinion.pk])
        self.client.force_login(self.other)
        for category, kept in (("no-such", False), ("network", True), ("network", True)):
            answer = self.client.post(address, {"category": category}, HTTP_ACCEPT="application/json").json()
            self.assertEqual(answer["kept"], kept, answer["text"])
        self.assertEqual(answer["level"], "warning")

    def test_wrong_values_the_first_reviewer_and_strangers_are_refused(self) -> None:
        """C4, T10: with a message, or 404."""
        opinion = SecondOpinion.objects.get(item=self.answered())
        self.client.force_login(self.other)
        self.assertIn("offered", self.give(opinion, category="nonsense"))
        self.assertIn("offered", self.give(opinion))
        self.client.force_login(self.world.lead)
        self.assertIn("another person", self.give(opinion, category="network"))
        self.client.force_login(self.world.stranger)
        address = reverse("review:second_answer", args=[opinion.pk])
        self.assertEqual(self.client.post(address, {"category": "network"}).status_code, 404)
        opinion.refresh_from_db()
        self.assertIsNone(opinion.reviewed_at)

    def test_an_answer_taken_back_needs_no_second_opinion(self) -> None:
        """C4: the question is open again."""
        item = self.answered()
        review_undo(item=item, actor=self.world.actor(self.world.lead))
        self.assertFalse(SecondOpinion.objects.exists())

    def test_the_rate_decides(self) -> None:
        """C4: configurable; 0 asks nobody twice."""
        with override_settings(SECOND_REVIEW_RATE=0.0):
            self.answered()
        self.assertFalse(SecondOpinion.objects.exists())


def test_kappa_against_known_values() -> None:
    """C4: the textbook table 20, 5, 10, 15 gives 0.4."""
    pairs = [("y", "y")] * 20 + [("y", "n")] * 5 + [("n", "y")] * 10 + [("n", "n")] * 15
    assert round(cohens_kappa(pairs) or 0, 3) == 0.4
    assert cohens_kappa([]) is None
    assert cohens_kappa([("a", "a")] * 3) is None
