"""Two reviewers at the same moment (C4)."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

from django.db import connection
from django.test import TransactionTestCase

from classifier.models import LabelledExample, ReviewItem
from classifier.services.reviews import AlreadyReviewed, review_answer, review_item_open
from teams.choices import Group
from ticketing.models import Ticket
from ticketing.tests.world import World, make_user


class TwoReviewers(TransactionTestCase):
    """C4: one answer counts."""

    def test_the_first_answer_stands_and_the_second_changes_nothing(self) -> None:
        """C4: however close they come, exactly one label is kept."""
        world = World()
        second = make_user("second-lead", Group.LEADS, world.client_a)
        ticket = world.triage(world.ticket())
        item = review_item_open(ticket=ticket, run=None, reasons=[], urgency=1)
        start = Barrier(2)

        def answer(user: object, category: str) -> str:
            try:
                own = ReviewItem.objects.select_related("ticket__client", "ticket__taxonomy").get(pk=item.pk)
                start.wait(timeout=10)
                review_answer(item=own, decisions={"category": category}, actor=world.actor(user))
            except AlreadyReviewed:
                return ""
            finally:
                connection.close()
            return category

        with ThreadPoolExecutor(2) as pool:
            jobs = [
                pool.submit(answer, world.lead, "network"),
                pool.submit(answer, second, "hardware"),
            ]
            kept = [job.result(timeout=30) for job in jobs]
        winners = [category for category in kept if category]
        self.assertEqual(len(winners), 1)
        self.assertEqual(Ticket.objects.get().category.slug, winners[0])
        self.assertEqual(LabelledExample.objects.get().category.slug, winners[0])
