"""Runs are owed once, held by one, and never lost (C2, FACTS 6)."""

from __future__ import annotations

import threading
from datetime import timedelta

from django.db import connection
from django.test import TestCase, TransactionTestCase
from django.utils import timezone

from classifier.choices import RunState
from classifier.models import WorkflowRun
from classifier.services.runs import (
    due_runs,
    missing_runs_request,
    run_claim,
    run_failed,
    run_release,
    run_request,
    runs_nudge,
    worn_out_stop,
)
from classifier.tests.support import load_world, open_ticket
from teams.models import Alert
from ticketing.models import Ticket


class RunTests(TestCase):
    """One run in one process."""

    @classmethod
    def setUpTestData(cls) -> None:
        cls.client_row, _ = load_world()

    def setUp(self) -> None:
        self.ticket = open_ticket(self.client_row)

    def test_asking_twice_for_the_same_content_gives_the_same_run(self) -> None:
        """C2: one effective run per ticket, content, configuration, purpose and generation."""
        self.assertEqual(run_request(ticket=self.ticket), run_request(ticket=self.ticket))

    def test_other_content_is_another_run(self) -> None:
        """C2: what was judged has changed."""
        first = run_request(ticket=self.ticket)
        Ticket.objects.filter(pk=self.ticket.pk).update(body="Something else.")
        self.ticket.refresh_from_db()
        self.assertNotEqual(first, run_request(ticket=self.ticket))

    def test_asking_again_raises_the_generation_and_replaces_the_waiting_run(self) -> None:
        """C2: asking again on purpose is a new generation."""
        first = run_request(ticket=self.ticket)
        second = run_request(ticket=self.ticket, again=True)
        first.refresh_from_db()
        self.assertEqual(second.generation, first.generation + 1)
        self.assertEqual(first.state, RunState.SUPERSEDED)

    def test_a_claim_is_taken_once_and_counts_the_attempt(self) -> None:
        """FACTS 6: the attempt is counted before the slow work."""
        run = run_request(ticket=self.ticket)
        now = timezone.now()
        self.assertIsNotNone(run_claim(run_id=run.pk, now=now))
        self.assertIsNone(run_claim(run_id=run.pk, now=now))
        run.refresh_from_db()
        self.assertEqual((run.attempts, run.state), (1, RunState.RUNNING))

    def test_an_expired_lease_can_be_taken_over(self) -> None:
        """C2: a crash at any point leaves a run that the sweeper finds."""
        run = run_request(ticket=self.ticket)
        run_claim(run_id=run.pk, now=timezone.now())
        later = timezone.now() + timedelta(hours=1)
        self.assertEqual(due_runs(now=later), [run.pk])
        self.assertIsNotNone(run_claim(run_id=run.pk, now=later))

    def test_an_inline_run_is_born_leased(self) -> None:
        """C1: entry points that answer open the ticket with a run leased to the request."""
        run = run_request(ticket=self.ticket, inline=True)
        self.assertIsNone(run_claim(run_id=run.pk, now=timezone.now()))
        self.assertEqual(due_runs(now=timezone.now()), [])
        self.assertEqual(due_runs(now=timezone.now() + timedelta(minutes=5)), [run.pk])

    def test_only_the_holder_gives_a_run_back(self) -> None:
        """FACTS 6: the token decides who writes."""
        run = run_request(ticket=self.ticket)
        token = run_claim(run_id=run.pk, now=timezone.now())
        later = timezone.now() + timedelta(hours=1)
        other = run_claim(run_id=run.pk, now=later)
        assert token is not None
        assert other is not None
        self.assertFalse(run_release(run_id=run.pk, token=token, next_at=later))
        self.assertTrue(run_release(run_id=run.pk, token=other, next_at=later))

    def test_waiting_is_no_failed_attempt(self) -> None:
        """C1: a ticket whose files are still read waits without using up its tries."""
        run = run_request(ticket=self.ticket)
        token = run_claim(run_id=run.pk, now=timezone.now())
        assert token is not None
        run_release(run_id=run.pk, token=token, next_at=timezone.now(), counts=False)
        run.refresh_from_db()
        self.assertEqual((run.attempts, run.state), (0, RunState.PENDING))

    def test_a_run_that_fails_too_often_is_given_to_a_person(self) -> None:
        """C2: nothing stays processing for ever, and no ticket is dropped."""
        run = run_request(ticket=self.ticket)
        now = timezone.now()
        for _ in range(5):
            now += timedelta(hours=1)
            token = run_claim(run_id=run.pk, now=now)
            assert token is not None
            run_failed(run_id=run.pk, token=token, error="ValueError", now=now)
        run.refresh_from_db()
        self.assertEqual(run.state, RunState.STUCK)
        self.assertEqual(Alert.objects.get(rule="classifier.run_stuck").subject, self.ticket.reference)
        self.ticket.refresh_from_db()
        self.assertTrue(self.ticket.needs_review)

    def test_a_run_that_kills_its_worker_every_time_is_stopped(self) -> None:
        """FACTS 1: attempts are counted in the database, because a killed process reports nothing."""
        run = run_request(ticket=self.ticket)
        now = timezone.now()
        for _ in range(5):
            now += timedelta(hours=1)
            self.assertIsNotNone(run_claim(run_id=run.pk, now=now))
        self.assertIsNone(run_claim(run_id=run.pk, now=now + timedelta(hours=1)))
        self.assertEqual(worn_out_stop(now=now + timedelta(hours=1)), 1)
        run.refresh_from_db()
        self.assertEqual(run.state, RunState.STUCK)

    def test_the_sweeper_owes_the_run_that_a_failed_receiver_left_out(self) -> None:
        """C2: a broken receiver never costs a ticket its triage."""
        Ticket.objects.filter(pk=self.ticket.pk).update(created_at=timezone.now() - timedelta(minutes=5))
        (run_id,) = missing_runs_request(now=timezone.now())
        self.assertEqual(WorkflowRun.objects.get(pk=run_id).ticket, self.ticket)
        self.assertEqual(missing_runs_request(now=timezone.now()), [])

    def test_a_nudge_makes_waiting_runs_due(self) -> None:
        """C1: the run goes on as soon as the files are read."""
        run = run_request(ticket=self.ticket)
        WorkflowRun.objects.filter(pk=run.pk).update(next_at=timezone.now() + timedelta(hours=1))
        self.assertEqual(due_runs(now=timezone.now()), [])
        self.assertEqual(runs_nudge(ticket_id=self.ticket.pk), [run.pk])
        self.assertEqual(due_runs(now=timezone.now()), [run.pk])


class TwoWorkers(TransactionTestCase):
    """Two workers and one run."""

    def test_only_one_of_many_claims_wins(self) -> None:
        """C2: claims are conditional updates; the row count decides."""
        client, _ = load_world()
        run = run_request(ticket=open_ticket(client))
        tokens: list[object] = []
        start = threading.Barrier(4)

        def claim() -> None:
            start.wait()
            try:
                tokens.append(run_claim(run_id=run.pk, now=timezone.now()))
            finally:
                connection.close()

        threads = [threading.Thread(target=claim) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(len([token for token in tokens if token]), 1)
        self.assertEqual(len(tokens), 4)
