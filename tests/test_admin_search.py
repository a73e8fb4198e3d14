"""Finding things in the back office, and nothing of other clients (T9, T10)."""

from __future__ import annotations

from django.contrib import admin
from django.test import TestCase
from django.urls import reverse

from teams.models import User
from ticketing.models import Article, Requester, RequesterAddress
from ticketing.tests.world import World


class AdminSearchTest(TestCase):
    """T9, T10."""

    @classmethod
    def setUpTestData(cls) -> None:
        cls.world = world = World()
        User.objects.filter(pk__in=[world.lead.pk, world.stranger.pk]).update(is_staff=True)
        cls.ticket = world.ticket("Zebra crossing", body="Stripes.")
        cls.person = Requester.objects.create(client=world.client_a, name="Zebra Zoe")
        RequesterAddress.objects.create(
            requester=cls.person, client=world.client_a, email="zoe@zebra.example"
        )
        Article.objects.create(client=world.client_a, slug="z", title="Zebra care", body="Hay.")

    def found(self, user: User, term: str) -> str:
        self.client.force_login(user)
        answer = self.client.get(reverse("admin:search"), {"s": term, "extended": "1"})
        self.assertEqual(answer.status_code, 200)
        return answer.content.decode()

    def test_tickets_requesters_and_articles_are_found(self) -> None:
        """T9: by reference, word, name, address and title."""
        everything = self.found(self.world.lead, "zebra")
        for words in ("Zebra crossing", "Zebra Zoe", "Zebra care"):
            self.assertIn(words, everything)
        self.assertIn("Zebra crossing", self.found(self.world.lead, self.ticket.reference.lower()))
        self.assertIn("Zebra Zoe", self.found(self.world.lead, "zoe@zeb"))

    def test_nothing_of_another_client_is_found(self) -> None:
        """T10: the palette follows the same rule as the lists."""
        for term in ("zebra", self.ticket.reference, "zoe@zebra.example"):
            self.assertNotIn("Zebra", self.found(self.world.stranger, term))

    def test_autocomplete_names_nothing_of_another_client(self) -> None:
        """T10: every field of every page that completes what is typed."""
        asked = 0
        inlines = [
            (inline.model, name)
            for page in admin.site._registry.values()
            for inline in (page, *page.inlines)
            for name in inline.autocomplete_fields
        ]
        self.client.force_login(self.world.stranger)
        for model, name in inlines:
            answer = self.client.get(
                reverse("admin:autocomplete"),
                {
                    "app_label": model._meta.app_label,
                    "model_name": model._meta.model_name,
                    "field_name": name,
                },
            )
            with self.subTest(model=model, field=name):
                self.assertIn(answer.status_code, {200, 403})
                for foreign in ("lead", "agent", "rita", "Zebra"):
                    self.assertNotIn(f'"{foreign}', answer.content.decode().lower())
            asked += 1
        self.assertGreater(asked, 0)
