"""What lists of the back office show at first."""

from __future__ import annotations

from django.test import TestCase
from django.urls import reverse

from classifier.choices import ModelState, Purpose
from classifier.llm.prompts import load_prompt
from classifier.models import LocalModel
from classifier.services.promotion import model_before
from classifier.services.runs import run_request
from teams.choices import Group
from ticketing.tests.world import World, make_user


class ListTests(TestCase):
    """An administrator looks around."""

    @classmethod
    def setUpTestData(cls) -> None:
        cls.world = World()
        cls.admin = make_user("lists-admin", Group.ADMINISTRATORS)
        cls.admin.is_staff = cls.admin.is_superuser = True
        cls.admin.save()

    def setUp(self) -> None:
        self.client.force_login(self.admin)

    def test_the_list_of_runs_begins_with_triage(self) -> None:
        """C1: drafts are one click away."""
        ticket = self.world.ticket("The VPN drops.")
        first = run_request(ticket=ticket)
        draft = run_request(ticket=ticket, purpose=Purpose.DRAFT, follows=first)
        address = reverse("admin:classifier_workflowrun_changelist")
        expected = {"": {first.pk}, "draft": {draft.pk}, "all": {first.pk, draft.pk}}
        for purpose, ids in expected.items():
            page = self.client.get(address, {"purpose": purpose} if purpose else {})
            self.assertEqual({row.pk for row in page.context["cl"].queryset}, ids)

    def test_the_built_in_prompt_stands_above_the_versions(self) -> None:
        """C12: what is used where no version is can be read."""
        page = self.client.get(reverse("admin:classifier_promptversion_changelist"))
        self.assertContains(page, load_prompt("fused").version)
        self.assertContains(page, "You triage support tickets.")

    def test_a_page_has_one_name(self) -> None:
        """The navigation and the list say the same."""
        for name, title in (("llmprovider", "Language model records"), ("llmcall", "What left the house")):
            page = self.client.get(reverse(f"admin:classifier_{name}_changelist"))
            self.assertEqual(str(page.context["cl"].opts.verbose_name_plural).capitalize(), title)
            self.assertContains(page, title)

    def test_the_first_model_of_a_field_offers_no_way_back(self) -> None:
        """C24: there is nothing to go back to until a second one was in use."""
        values = {"taxonomy": self.world.taxonomy, "field": "category", "example_count": 1, "artifact": "x"}
        first = LocalModel.objects.create(version=1, state=ModelState.ACTIVE, snapshot_hash="a", **values)
        address = reverse("admin:classifier_localmodel_evaluation", args=[first.pk])
        self.assertNotContains(self.client.get(address), "Go back to the model before")
        self.assertIsNone(model_before(model=first))
        LocalModel.objects.create(
            version=2, state=ModelState.RETIRED, snapshot_hash="b", promoted_at=first.created_at, **values
        )
        self.assertContains(self.client.get(address), "Go back to the model before")
