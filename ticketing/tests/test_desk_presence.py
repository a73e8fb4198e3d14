"""Presence and escalation at the desk and in the API (R1, C17)."""

from __future__ import annotations

from datetime import timedelta

from django.test import TestCase
from django.urls import reverse
from django.utils import timezone

from teams.choices import Group
from teams.models import EscalationStep, TeamMember, User
from ticketing.models import Ticket
from ticketing.services.assignments import ticket_assign
from ticketing.services.tickets import status_change
from ticketing.tests.world import World, make_user


class PresencePageTests(TestCase):
    """The menu and the page behind it; both work without script."""

    @classmethod
    def setUpTestData(cls) -> None:
        cls.world = World()

    def setUp(self) -> None:
        self.client.force_login(self.world.agent)
        self.url = reverse("desk:presence")

    def me(self) -> User:
        """The agent as stored."""
        return User.objects.get(pk=self.world.agent.pk)

    def test_the_menu_offers_it_on_the_desk(self) -> None:
        """R1: one press, and back to the page it was pressed on."""
        queue = reverse("desk:queue")
        self.assertContains(self.client.get(queue), 'name="presence" value="away"')
        response = self.client.post(self.url, {"presence": "away", "next": queue})
        self.assertRedirects(response, queue)
        self.assertEqual(self.me().presence, "away")

    def test_an_address_outside_is_not_followed(self) -> None:
        """The form leads nowhere else."""
        response = self.client.post(self.url, {"presence": "away", "next": "https://example.org/"})
        self.assertRedirects(response, self.url)

    def test_the_end_is_read_in_the_persons_time_zone(self) -> None:
        """R1: nine in the morning is nine where the person is."""
        User.objects.filter(pk=self.world.agent.pk).update(time_zone="Asia/Kolkata")
        self.client.post(self.url, {"presence": "away", "until": "2030-01-07T09:00"})
        until = self.me().away_until
        assert until is not None
        self.assertEqual(until.isoformat(), "2030-01-07T03:30:00+00:00")
        self.assertContains(self.client.get(self.url), "2030-01-07T09:00")

    def test_what_is_wrong_is_said(self) -> None:
        """STYLE 12: a whole sentence, and nothing changes."""
        for values in (
            {"presence": "asleep"},
            {"presence": "away", "until": "2001-01-01T09:00"},
            {"presence": "away", "until": "tomorrow"},
        ):
            self.assertEqual(self.client.post(self.url, values).status_code, 422, values)
        self.assertEqual(self.me().presence, "available")

    def test_requesters_find_nothing(self) -> None:
        """R3: the page is the desk's."""
        self.client.force_login(self.world.requester)
        self.assertEqual(self.client.get(self.url).status_code, 404)

    def test_the_page_shows_the_own_teams_in_a_constant_number_of_queries(self) -> None:
        """R1: load and capacity, whatever the number of tickets."""
        TeamMember.objects.filter(user=self.world.agent).update(capacity=7, skills=["de"])
        lead = self.world.actor(self.world.lead)
        for number in range(3):
            ticket_assign(
                ticket=self.world.ticket(f"{number}"), team=self.world.network, assignee=self.world.agent,
                actor=lead,
            )  # fmt: skip
        page = self.client.get(self.url)
        self.assertContains(page, "3 of 7")
        with self.assertNumQueries(9):
            self.client.get(self.url)


class EscalateTests(TestCase):
    """A press on the ticket's page, a call of the API."""

    @classmethod
    def setUpTestData(cls) -> None:
        cls.world = World()
        EscalationStep.objects.create(team=cls.world.network, target=cls.world.hardware, position=1)
        lead = cls.world.actor(cls.world.lead)
        cls.ticket = ticket_assign(
            ticket=cls.world.ticket(), team=cls.world.network, assignee=None, actor=lead
        )

    def test_the_page_names_the_next_team_and_hands_over(self) -> None:
        """C17: an agent who no longer sees the ticket lands in the queue."""
        self.client.force_login(self.world.agent)
        page = self.client.get(self.ticket.get_absolute_url())
        self.assertContains(page, "To Hardware")
        response = self.client.post(reverse("desk:escalate", args=[self.ticket.uuid]))
        self.assertRedirects(response, reverse("desk:queue"))
        self.assertEqual(Ticket.objects.get(pk=self.ticket.pk).team, self.world.hardware)

    def test_the_api_gives_the_reason_its_place_in_the_history(self) -> None:
        """T7: and says when there is nobody further."""
        self.client.force_login(self.world.lead)
        url = f"/api/v1/tickets/{self.ticket.reference}/escalate"
        options = {"content_type": "application/json"}
        answer = self.client.post(url, {"reason": "All sites are down."}, **options)
        self.assertEqual((answer.status_code, answer.json()["team"]), (200, "hardware_team"))
        newest = self.ticket.assignments.first()
        assert newest is not None
        self.assertEqual(newest.reason, "Escalated: All sites are down.")
        again = self.client.post(url, {}, **options)
        self.assertEqual((again.status_code, again.json()["error"]["code"]), (409, "conflict"))

    def test_a_solved_ticket_is_not_escalated(self) -> None:
        """C17: there is nothing to solve."""
        status_change(ticket=self.ticket, status="resolved", actor=self.world.actor(self.world.lead))
        self.client.force_login(self.world.lead)
        url = f"/api/v1/tickets/{self.ticket.reference}/escalate"
        answer = self.client.post(url, {}, content_type="application/json")
        self.assertEqual(answer.status_code, 409)


class AwayInTheFutureTests(TestCase):
    """What the menu shows of an absence."""

    def test_the_menu_says_until_when(self) -> None:
        """R1: seen on every page of the desk."""
        world = World()
        person = make_user("away", Group.AGENTS, world.client_a)
        User.objects.filter(pk=person.pk).update(
            presence="away", away_until=timezone.now() + timedelta(days=1)
        )
        self.client.force_login(person)
        self.assertContains(self.client.get(reverse("desk:queue")), "Away until")
