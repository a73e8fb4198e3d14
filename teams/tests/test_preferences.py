"""The page on which a person chooses what to be told of (S5)."""

from __future__ import annotations

from unittest import mock

from cryptography.fernet import Fernet
from django.contrib.auth.models import Group as AuthGroup
from django.test import TestCase, override_settings
from django.urls import reverse

from teams.choices import Group
from teams.models import NotificationTarget, User
from teams.services.notifications import notification_tell

MAIL = {
    "mail-kinds": ["ticket"], "mail-digest": "daily", "mail-quiet_from": "22:00", "mail-quiet_until": "07:00",
    "mail-time_zone": "Europe/Berlin",
}  # fmt: skip


class PreferencePageTests(TestCase):
    """Form, rights, effect."""

    def setUp(self) -> None:
        self.agent = self.person("ada", Group.AGENTS)
        self.client.force_login(self.agent)
        self.page = reverse("notices:mine")

    def person(self, name: str, group: Group) -> User:
        """Somebody with a role."""
        user = User.objects.create_user(name, f"{name}@example.org", "x")
        user.groups.add(AuthGroup.objects.get(name=group.value))
        return user

    def test_a_choice_is_kept_and_takes_effect(self) -> None:
        """S5: kinds, digest, quiet hours in the person's zone."""
        self.assertRedirects(self.client.post(reverse("notices:mail"), MAIL), self.page)
        target = NotificationTarget.objects.get()
        self.agent.refresh_from_db()
        self.assertEqual((target.user, target.kinds, target.digest), (self.agent, ["ticket"], "daily"))
        self.assertEqual((target.urgent_passes, self.agent.time_zone), (False, "Europe/Berlin"))
        told = [
            notification_tell(event_key=kind, kind=kind, payload={}, people=[self.agent])
            for kind in ("sla.breach", "ticket.assigned")
        ]
        self.assertEqual(told, [0, 1])
        self.assertContains(self.client.get(self.page), 'value="22:00"')

    def test_choosing_nothing_is_silence(self) -> None:
        """An empty list in the table means everything; an empty form must not."""
        self.client.post(reverse("notices:mail"), {"mail-time_zone": "UTC"})
        told = notification_tell(event_key="x", kind="sla.breach", payload={}, people=[self.agent])
        self.assertEqual(told, 0)

    def test_half_quiet_hours_are_refused_in_words(self) -> None:
        """The form comes back with what was typed."""
        answer = self.client.post(reverse("notices:mail"), {**MAIL, "mail-quiet_until": ""})
        self.assertContains(answer, "Give both ends", status_code=422)
        self.assertFalse(NotificationTarget.objects.exists())

    def test_alerts_are_offered_to_leads_only(self) -> None:
        """S7: an agent cannot ask for them, whatever is posted."""
        self.assertNotContains(self.client.get(self.page), "Alerts of the house")
        answer = self.client.post(reverse("notices:mail"), {**MAIL, "mail-kinds": ["alert"]})
        self.assertEqual(answer.status_code, 422)
        self.client.force_login(self.person("lea", Group.LEADS))
        self.assertContains(self.client.get(self.page), "Alerts of the house")

    @override_settings(CREDENTIAL_KEYS=[Fernet.generate_key().decode()])
    def test_a_chat_is_judged_kept_secret_and_replaced(self) -> None:
        """S5: no inward address; a person has one chat."""
        chat = {"chat-channel": "slack", "chat-kinds": ["sla"], "chat-url": "https://127.0.0.1/hook"}
        answer = self.client.post(reverse("notices:chat"), chat)
        self.assertContains(answer, "private network", status_code=422)
        found = [(2, 1, 6, "", ("93.184.216.34", 443))]
        with mock.patch("common.outbound.socket.getaddrinfo", return_value=found):
            self.client.post(
                reverse("notices:chat"), {**chat, "chat-url": "https://hooks.example.org/s3cret"}
            )
            page = self.client.get(self.page)
            self.assertContains(page, "hooks.example.org")
            self.assertNotContains(page, "s3cret")
            chat = {**chat, "chat-channel": "msteams", "chat-url": "https://teams.example.org/x"}
            self.client.post(reverse("notices:chat"), chat)
        self.assertEqual([row.channel for row in NotificationTarget.objects.all()], ["msteams"])

    def test_requesters_find_nothing_here(self) -> None:
        """R3: the page is for people who work on tickets."""
        self.client.force_login(self.person("rita", Group.REQUESTERS))
        self.assertEqual(self.client.get(self.page).status_code, 404)
        self.assertEqual(self.client.post(reverse("notices:mail"), MAIL).status_code, 404)
