"""A small scripted day of a help desk: every ticket is accounted for (C17, R1)."""

from __future__ import annotations

from datetime import timedelta
from unittest.mock import patch

import pytest
from django.test import TransactionTestCase

from bench import day
from teams.choices import Group
from ticketing.models import Assignment
from ticketing.selectors import handout
from ticketing.tests.world import group_of


class ScriptedDayTests(TransactionTestCase):
    """``bench/day.py`` with 60 tickets and three agents, so that queues form."""

    def setUp(self) -> None:
        group_of(Group.AGENTS)

    def test_the_day_adds_up(self) -> None:
        """C17, R1: no ticket lost or passed over, no capacity exceeded, nobody given work while away."""
        with patch.object(day, "SWEEP", timedelta(minutes=15)):
            report = day.simulate(tickets=60, agents=3)
        self.assertEqual(report.violations, [])
        self.assertEqual(report.closed.total(), 60)
        self.assertEqual(sum(len(waits) for waits in report.waits.values()), 60)
        self.assertTrue(any(report.highest[name] == report.full[name] for name in report.full))
        reasons = Assignment.objects.values_list("reason", flat=True)
        for word in ("next in the queue", "is away"):
            self.assertTrue(any(word in reason for reason in reasons), word)

    @pytest.mark.once
    def test_a_broken_promise_is_reported(self) -> None:
        """The report can say no: without a look at the capacity it is exceeded."""
        with patch.object(handout.Seat, "has_room", True), patch.object(day, "LAST_ARRIVAL", 15):
            report = day.simulate(tickets=20, agents=3)
        self.assertTrue(any(" of " in text for text in report.violations))
