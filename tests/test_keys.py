"""API keys: shown once, limited, and over when they are over (A2)."""

from __future__ import annotations

from datetime import timedelta

from django.test import TestCase
from django.utils import timezone
from rest_framework.test import APIClient

from common.actors import system_actor
from common.exceptions import NotAllowed, ValidationFailed
from teams.choices import Scope
from teams.models import ApiKey
from teams.services.keys import api_key_issue, api_key_revoke, api_key_use
from ticketing.tests.world import World


class KeyTests(TestCase):
    """One key."""

    @classmethod
    def setUpTestData(cls) -> None:
        cls.world = World()

    def issue(self, **more: object) -> str:
        """A key that may read tickets."""
        issued = api_key_issue(
            client=self.world.client_a,
            name="tests",
            scopes=[Scope.TICKETS_READ],
            actor=system_actor(),
            **more,  # type: ignore[arg-type]
        )
        return issued.secret

    def status(self, secret: str) -> int:
        """What the ticket list answers to a key."""
        api = APIClient()
        api.credentials(HTTP_AUTHORIZATION=f"Bearer {secret}")
        return api.get("/api/v1/tickets").status_code

    def test_only_its_hash_is_kept(self) -> None:
        """A2: hashed."""
        secret = self.issue()
        row = ApiKey.objects.get()
        self.assertNotIn(secret, str(vars(row)))
        self.assertEqual(self.status(secret), 200)

    def test_a_wrong_an_expired_and_a_revoked_key_are_nobody(self) -> None:
        """A2: 401."""
        self.assertEqual(self.status("sw_something-else"), 401)
        self.assertEqual(self.status(self.issue(expires_at=timezone.now() - timedelta(minutes=1))), 401)
        ApiKey.objects.all().delete()
        secret = self.issue()
        api_key_revoke(key=ApiKey.objects.get(), actor=system_actor())
        self.assertEqual(self.status(secret), 401)

    def test_a_client_that_is_switched_off_takes_its_keys_along(self) -> None:
        """T10."""
        secret = self.issue()
        self.world.client_a.is_active = False
        self.world.client_a.save()
        self.assertEqual(self.status(secret), 401)

    def test_its_use_is_remembered(self) -> None:
        """A2: last used."""
        api_key_use(secret=self.issue(), now=timezone.now())
        self.assertIsNotNone(ApiKey.objects.get().last_used_at)

    def test_only_leads_of_the_client_issue_keys(self) -> None:
        """R3."""
        for user in (self.world.agent, self.world.stranger):
            with self.assertRaises(NotAllowed):
                api_key_issue(client=self.world.client_a, name="x", scopes=[], actor=self.world.actor(user))
        with self.assertRaises(ValidationFailed):
            api_key_issue(client=self.world.client_a, name="x", scopes=["everything"], actor=system_actor())
