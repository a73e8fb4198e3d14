"""Teams and presence in the back office (R1, R3)."""

from __future__ import annotations

from typing import Any

from django.db import connection
from django.test import TestCase
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from common.actors import system_actor
from teams.choices import Group
from teams.models import BusinessCalendar, Team, TeamMember, User
from teams.services.presence import presence_set
from ticketing.models import Ticket
from ticketing.services.assignments import ticket_assign
from ticketing.tests.world import World, make_user


class TeamsListTests(TestCase):
    """The list, its actions, and the form of a team."""

    @classmethod
    def setUpTestData(cls) -> None:
        cls.world = World()
        cls.world.lead.is_staff = True
        cls.world.lead.save()
        cls.own = Team.objects.create(client=cls.world.client_a, slug="own", name="Own team")
        TeamMember.objects.create(team=cls.own, user=cls.world.agent, capacity=5)
        cls.url = reverse("admin:teams_team_changelist")

    def setUp(self) -> None:
        self.client.force_login(self.world.lead)

    def assigned(self, person: User | None) -> Ticket:
        """A ticket of the team."""
        return ticket_assign(ticket=self.world.ticket(), team=self.own, assignee=person, actor=system_actor())

    def away(self, user: User) -> None:
        """Gone."""
        presence_set(user=user, presence="away", actor=system_actor(), now=timezone.now())

    def test_the_list_says_who_is_there_how_full_they_are_and_what_waits(self) -> None:
        """R1: at a glance."""
        self.assigned(self.world.agent)
        self.assigned(None)
        second = make_user("second", Group.AGENTS, self.world.client_a)
        TeamMember.objects.create(team=self.own, user=second, capacity=3)
        self.away(second)
        page = self.client.get(self.url)
        for words in ("1 of 2", "1 of 8", f"team__id__exact={self.own.pk}&amp;assignee__isnull=True"):
            self.assertContains(page, words)
        listed = self.client.get(
            reverse("admin:ticketing_ticket_changelist"),
            {"team__id__exact": self.own.pk, "assignee__isnull": "True"},
        )
        self.assertEqual(listed.context["cl"].result_count, 1)

    def test_the_list_costs_the_same_with_many_teams(self) -> None:
        """STYLE 9: constant, with members, calendars and tickets."""
        before = self.queries()
        calendar = BusinessCalendar.objects.create(slug="c", name="C")
        for number in range(20):
            team = Team.objects.create(
                client=self.world.client_a, slug=f"t{number}", name=f"T{number}", calendar=calendar
            )
            user = make_user(f"u{number}", Group.AGENTS, self.world.client_a)
            TeamMember.objects.create(team=team, user=user)
        self.assigned(self.world.agent)
        # The first team with a calendar costs its hours and days, once.
        self.assertLessEqual(self.queries(), before + 2)

    def queries(self) -> int:
        """What the list costs."""
        with CaptureQueriesContext(connection) as seen:
            self.client.get(self.url)
        return len(seen)

    def test_tickets_of_the_absent_are_handed_on(self) -> None:
        """R1: whatever the policy; of a shared team only by an administrator."""
        ticket = self.assigned(self.world.agent)
        self.away(self.world.agent)
        data: dict[str, Any] = {"action": "hand_on_absent", "_selected_action": [self.own.pk]}
        self.assertContains(self.client.post(self.url, data, follow=True), "1 ticket handed on.")
        self.assertIsNone(Ticket.objects.get(pk=ticket.pk).assignee)
        data["_selected_action"] = [self.world.network.pk]
        self.assertContains(self.client.post(self.url, data, follow=True), "Only leads hand on")

    def test_skills_are_written_as_words_and_the_queue_is_told(self) -> None:
        """R1: a changed team gives out what waits."""
        ticket = self.assigned(None)
        member = self.own.members.get()
        url = reverse("admin:teams_team_change", args=[self.own.pk])
        form = self.client.get(url)
        self.assertContains(form, "With commas")
        data = {
            "client": self.world.client_a.pk, "slug": "own", "name": "Own team", "kind": "regular",
            "strategy": "round_robin", "skills_mode": "require", "absence_policy": "keep",
            "absence_hours": 4, "waiting_counts": "on", "is_active": "on",
            "members-TOTAL_FORMS": 1, "members-INITIAL_FORMS": 1, "members-0-id": member.pk,
            "members-0-team": self.own.pk, "members-0-user": self.world.agent.pk, "members-0-role": "agent",
            "members-0-capacity": 9, "members-0-skills": "DE, billing , de",
            "escalation_steps-TOTAL_FORMS": 0, "escalation_steps-INITIAL_FORMS": 0,
        }  # fmt: skip
        with self.captureOnCommitCallbacks() as owed:
            response = self.client.post(url, data)
        self.assertEqual(response.status_code, 302)
        member.refresh_from_db()
        self.assertEqual((member.skills, member.capacity), (["de", "billing"], 9))
        self.assertEqual(len(owed), 1)
        self.assertIsNone(Ticket.objects.get(pk=ticket.pk).assignee)


class PresenceActionTests(TestCase):
    """Leads set the presence of their people."""

    @classmethod
    def setUpTestData(cls) -> None:
        cls.world = World()
        for user in (cls.world.lead, cls.world.stranger):
            user.is_staff = True
            user.save()
        cls.url = reverse("admin:teams_user_changelist")

    def send(self, **values: Any) -> Any:
        """Choose the agent."""
        data = {"action": "set_presence", "_selected_action": [self.world.agent.pk], **values}
        return self.client.post(self.url, data, follow=True)

    def test_a_lead_sets_it_with_an_end(self) -> None:
        """R1: asked for on a page of its own first."""
        self.client.force_login(self.world.lead)
        self.assertContains(self.send(), "Away until")
        self.send(apply="1", presence="away", until="2030-01-07T09:00")
        user = User.objects.get(pk=self.world.agent.pk)
        assert user.away_until is not None
        self.assertEqual((user.presence, user.away_until.hour), ("away", 9))

    def test_an_end_in_the_past_is_refused_by_name(self) -> None:
        """STYLE 12: a sentence that names the person."""
        self.client.force_login(self.world.lead)
        page = self.send(apply="1", presence="away", until="2001-01-07T09:00")
        self.assertContains(page, "Agent: The end of the absence lies in the past.")

    def test_a_lead_of_another_client_reaches_nobody(self) -> None:
        """T10: the person is not even named."""
        self.client.force_login(self.world.stranger)
        self.send(apply="1", presence="away")
        self.assertEqual(User.objects.get(pk=self.world.agent.pk).presence, "available")
