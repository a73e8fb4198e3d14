"""Targets in the back office: a lead reaches no further than the own clients' teams (S5, T10)."""

from __future__ import annotations

from django.contrib.auth.models import Group as AuthGroup
from django.test import TestCase
from django.urls import reverse

from teams.choices import Group, NotificationState
from teams.models import Client, Notification, NotificationTarget, Team, User


class TargetAdminTests(TestCase):
    """Add, see, replay."""

    def setUp(self) -> None:
        self.own, other = (Client.objects.create(slug=slug, name=slug) for slug in ("a", "b"))
        self.team = Team.objects.create(client=self.own, slug="a-team", name="A team")
        self.foreign = Team.objects.create(client=other, slug="b-team", name="B team")
        self.shared = Team.objects.create(slug="shared", name="Shared")
        self.lead = User.objects.create_user("lea", "lea@example.org", "x", is_staff=True)
        self.lead.groups.add(AuthGroup.objects.get(name=Group.LEADS.value))
        self.lead.clients.add(self.own)
        self.client.force_login(self.lead)

    def add(self, **values: object) -> None:
        """Send the form."""
        data = {
            "channel": "email",
            "address": "x@example.org",
            "time_zone": "UTC",
            "is_active": "on",
            **values,
        }
        self.client.post(reverse("admin:teams_notificationtarget_add"), data)

    def test_a_lead_adds_targets_to_own_teams_only(self) -> None:
        """A target of the house or of a shared team would hear of other clients."""
        self.add()
        self.add(team=self.foreign.pk)
        self.add(team=self.shared.pk)
        self.assertFalse(NotificationTarget.objects.exists())
        self.add(team=self.team.pk, user=self.lead.pk)
        target = NotificationTarget.objects.get()
        self.assertEqual((target.team, target.user), (self.team, None))

    def test_a_lead_sees_no_target_of_others(self) -> None:
        """Targets of the house, of shared teams and of other clients stay unseen."""
        for team in (None, self.foreign, self.shared):
            NotificationTarget.objects.create(team=team, address="hidden@example.org")
        page = self.client.get(reverse("admin:teams_notificationtarget_changelist"))
        self.assertNotContains(page, "hidden@example.org")

    def test_send_again_reaches_own_messages_only(self) -> None:
        """S4: the button in the outbox."""
        common = {"kind": "sla.breach", "channel": "email", "recipient": "x", "state": "failed"}
        mine = Notification.objects.create(event_key="mine", client=self.own, **common)
        theirs = Notification.objects.create(event_key="theirs", client=self.foreign.client, **common)
        self.client.post(
            reverse("admin:teams_notification_changelist"),
            {"action": "replay", "_selected_action": [mine.pk, theirs.pk]},
        )
        for row, state in ((mine, NotificationState.PENDING), (theirs, NotificationState.FAILED)):
            row.refresh_from_db()
            self.assertEqual(row.state, state)
