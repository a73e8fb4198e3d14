"""The back office: who gets in, who sees whose rows, and what the dashboard says (O5, R3, T10)."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db import connection
from django.test import TestCase
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from classifier.models import LlmProvider, PromptVersion
from common.actors import system_actor
from config.dashboard import dashboard
from sla.models import Policy
from teams.admin import HistoryAdmin
from teams.choices import Group, Scope
from teams.models import ApiKey, BusinessCalendar, Client, Team
from teams.services.keys import api_key_issue
from ticketing.models import Article, Category, Macro, RoutingRule, Taxonomy, Ticket
from ticketing.tests.world import World, make_user

OWN_APPS = {"teams", "ticketing", "classifier", "sla"}


ADMINISTRATORS_ONLY = {"ticketing.TicketExport"}
"""One list of several clients in one row: nobody who sees one client alone reads it."""


class BackOfficeCase(TestCase):
    """A lead of client A, a lead of client B, an administrator."""

    @classmethod
    def setUpTestData(cls) -> None:
        cls.world = World()
        for user in (cls.world.lead, cls.world.stranger):
            user.is_staff = True
            user.save()
        cls.administrator = make_user("root", Group.ADMINISTRATORS)
        cls.administrator.is_staff = cls.administrator.is_superuser = True
        cls.administrator.save()

    def setUp(self) -> None:
        self.client.force_login(self.world.lead)


class AccessTests(BackOfficeCase):
    """Pages and rows."""

    def test_every_list_opens_for_leads_and_administrators(self) -> None:
        """Each registered model's list and search answer."""
        self.world.triage(self.world.ticket())
        for user in (self.world.lead, self.administrator):
            self.client.force_login(user)
            for model in admin.site._registry:
                if model._meta.app_label in OWN_APPS:
                    name = f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist"
                    barred = user == self.world.lead and model._meta.label in ADMINISTRATORS_ONLY
                    with self.subTest(model=model._meta.label, user=user.username):
                        status = self.client.get(reverse(name)).status_code
                        self.assertEqual(status, 403 if barred else 200)

    def test_every_row_opens_for_an_administrator(self) -> None:
        """Detail pages render with their inlines."""
        self.world.triage(self.world.ticket())
        self.client.force_login(self.administrator)
        for model in admin.site._registry:
            row = model._default_manager.first()
            if model._meta.app_label in OWN_APPS and row is not None:
                name = f"admin:{model._meta.app_label}_{model._meta.model_name}_change"
                with self.subTest(model=model._meta.label):
                    self.assertEqual(self.client.get(reverse(name, args=[row.pk])).status_code, 200)

    def test_agents_and_requesters_stay_outside(self) -> None:
        """R3: the back office is for leads and administrators."""
        for user in (self.world.agent, self.world.requester):
            self.client.force_login(user)
            response = self.client.get(reverse("admin:index"))
            self.assertIn(response.status_code, {302, 403, 404})

    def test_a_lead_sees_no_row_of_another_client(self) -> None:
        """T10: lists leave them out, their pages do not exist."""
        theirs = self.world.ticket("Zebra", user=self.world.stranger, client=self.world.client_b)
        team = Team.objects.create(client=self.world.client_b, slug="zebra", name="Zebra")
        for name, row in (("ticketing_ticket", theirs), ("teams_team", team)):
            self.assertNotContains(self.client.get(reverse(f"admin:{name}_changelist")), "Zebra")
            response = self.client.get(reverse(f"admin:{name}_change", args=[row.pk]))
            self.assertEqual(response.status_code, 302)

    def test_shared_rows_are_for_looking_at(self) -> None:
        """T10: what serves every client is changed by an administrator."""
        category = Category.objects.first()
        assert category is not None
        url = reverse("admin:ticketing_category_change", args=[category.pk])
        self.assertEqual(self.client.post(url, {"name": "Mine"}).status_code, 403)
        self.assertEqual(self.client.get(url).status_code, 200)

    def test_a_foreign_team_is_not_offered(self) -> None:
        """FACTS: a foreign key never points at another tenant's row."""
        team = Team.objects.create(client=self.world.client_b, slug="zebra", name="Zebra team")
        own = RoutingRule.objects.create(
            client=self.world.client_a, slug="r", name="Rule", team=self.world.network
        )
        url = reverse("admin:ticketing_routingrule_change", args=[own.pk])
        self.assertNotContains(self.client.get(url), "Zebra team")
        data = {"name": "Rule", "slug": "r", "client": own.client_id, "order": 1, "team": team.pk}
        self.client.post(url, {**data, "priority_modifier": 0})
        own.refresh_from_db()
        self.assertEqual(own.team, self.world.network)

    def test_tickets_cannot_be_edited_here(self) -> None:
        """STYLE 7: changes go through services."""
        ticket = self.world.ticket()
        url = reverse("admin:ticketing_ticket_change", args=[ticket.pk])
        self.assertEqual(self.client.post(url, {"subject": "Changed"}).status_code, 403)
        ticket.refresh_from_db()
        self.assertEqual(ticket.subject, "VPN drops")


class ActionTests(BackOfficeCase):
    """What leads do."""

    def run_action(self, name: str, ticket: Ticket, **values: object) -> None:
        """Choose one ticket and confirm the action."""
        data = {"action": name, "_selected_action": [ticket.pk], "apply": "1", **values}
        self.client.post(reverse("admin:ticketing_ticket_changelist"), data)
        ticket.refresh_from_db()

    def test_tickets_are_assigned_through_the_service(self) -> None:
        """T7: with its place in the history."""
        ticket = self.world.ticket()
        self.run_action("assign_to_team", ticket, team=self.world.network.pk)
        self.assertEqual(ticket.team, self.world.network)
        self.assertEqual(ticket.assignments.count(), 1)

    def test_a_forbidden_transition_changes_nothing_and_is_named(self) -> None:
        """T2: the table of transitions holds here too."""
        ticket = self.world.ticket()
        self.run_action("change_status", ticket, status="closed")
        self.run_action("change_status", ticket, status="open")
        self.assertEqual(ticket.status, "closed")

    def test_a_key_is_shown_once(self) -> None:
        """A2: only the hash is kept."""
        data = {"client": self.world.client_a.pk, "name": "Shop", "scopes": [Scope.CLASSIFY]}
        page = self.client.post(reverse("admin:teams_apikey_add"), data, follow=True)
        self.assertContains(page, "copy it now")
        key = ApiKey.objects.get()
        self.assertEqual((key.client, key.scopes), (self.world.client_a, ["classify"]))
        again = self.client.get(reverse("admin:teams_apikey_changelist"))
        self.assertNotContains(again, "copy it now")

    def test_a_key_of_another_client_cannot_be_made_or_revoked(self) -> None:
        """T10."""
        data = {"client": self.world.client_b.pk, "name": "Shop", "scopes": [Scope.CLASSIFY]}
        self.client.post(reverse("admin:teams_apikey_add"), data)
        self.assertEqual(ApiKey.objects.count(), 0)
        issued = api_key_issue(client=self.world.client_b, name="x", scopes=[], actor=system_actor())
        data = {"action": "revoke", "_selected_action": [issued.key.pk]}
        self.client.post(reverse("admin:teams_apikey_changelist"), data)
        self.assertIsNone(ApiKey.objects.get().revoked_at)


class ListTests(BackOfficeCase):
    """Cost of lists."""

    def test_one_link_of_the_side_bar_is_marked(self) -> None:
        """The simulation lies beneath the deadlines; only its own link is marked there."""
        for name, marked in (("sla:deadlines", True), ("sla:simulation", False)):
            page = self.client.get(reverse(name))
            links = [item for group in page.context["sidebar_navigation"] for item in group["items"]]
            found = {str(item["link"]): bool(item["active"]) for item in links}
            self.assertEqual(found[reverse("sla:deadlines")], marked)
            self.assertTrue(found[reverse(name)])

    def test_the_ticket_list_names_what_narrows_it(self) -> None:
        """A list from a link says what it leaves out, and every filter can be taken off alone."""
        url = reverse("admin:ticketing_ticket_changelist")
        self.assertNotContains(self.client.get(url), "Narrowed to")
        page = self.client.get(url, {"status__exact": "new", "needs_review__exact": "1", "q": "printer"})
        found = {row.title.lower(): (row.value, row.without) for row in page.context["cl"].active_filters}
        self.assertEqual(found["status"][0], "New")
        self.assertEqual(found["words"][0], "printer")
        self.assertEqual(found["needs review"][0], "Yes")
        self.assertNotIn("status__exact", found["status"][1])
        self.assertIn("needs_review__exact=1", found["status"][1])
        self.assertNotIn("q=", found["words"][1])
        self.assertContains(page, "Narrowed to")
        self.assertContains(page, "Remove the filter")

    def test_the_ticket_list_costs_the_same_for_three_and_for_thirty(self) -> None:
        """STYLE 9: constant queries."""
        counts = []
        for total in (3, 30):
            while Ticket.objects.count() < total:
                self.world.triage(self.world.ticket(), state="applied", confidence=0.9)
            with CaptureQueriesContext(connection) as queries:
                self.client.get(reverse("admin:ticketing_ticket_changelist"))
            counts.append(len(queries))
        self.assertEqual(counts[0], counts[1])


class DashboardTests(BackOfficeCase):
    """The front page."""

    def figures(self) -> dict[str, str]:
        """Labels and values as the lead sees them."""
        page = dashboard(actor=self.world.actor(self.world.lead), now=timezone.now(), days=7)
        return {figure.label: figure.value for part in page["sections"] for figure in part["figures"]}

    def test_without_tickets_it_says_what_to_do(self) -> None:
        """DESIGN: states are designed."""
        self.assertContains(self.client.get(reverse("admin:index")), "No ticket has come in yet")

    def test_it_counts_the_own_clients_tickets(self) -> None:
        """O5, T10: real figures of the own clients."""
        self.world.ticket("Theirs", user=self.world.stranger, client=self.world.client_b)
        mine = self.world.ticket()
        Ticket.objects.filter(pk=mine.pk).update(severity="critical")
        figures = self.figures()
        self.assertEqual((figures["Open tickets"], figures["Critical and open"]), ("1", "1"))

    def test_too_few_blind_answers_are_no_accuracy(self) -> None:
        """C4: no figure is shown that nothing supports."""
        self.world.ticket()
        self.assertEqual(self.figures()["Accuracy, blind sample"], "–")
        self.assertContains(self.client.get(reverse("admin:index")), "Not enough answers yet")

    def test_every_period_answers(self) -> None:
        """O5: today, 7 and 30 days; nonsense is seven."""
        self.world.ticket()
        for days in ("1", "7", "30", "x"):
            self.assertEqual(self.client.get(reverse("admin:index"), {"days": days}).status_code, 200)

    def test_its_cost_does_not_grow(self) -> None:
        """STYLE 9: aggregates only."""
        counts = []
        for total in (3, 30):
            while Ticket.objects.count() < total:
                self.world.triage(self.world.ticket(), state="applied", confidence=0.9)
            with CaptureQueriesContext(connection) as queries:
                self.figures()
            counts.append(len(queries))
        self.assertEqual(counts[0], counts[1])


class NewClientTests(BackOfficeCase):
    """A client made in the back office."""

    def test_it_is_ready_for_tickets(self) -> None:
        """T10: settings come with it."""
        Taxonomy.objects.create(slug="it_support", name="IT support")
        Team.objects.create(slug="service_desk", name="Service desk")
        Team.objects.create(slug="it_escalation", name="Escalation")
        self.client.force_login(self.administrator)
        data = {"slug": "new", "name": "New client", "is_active": "on"}
        self.client.post(reverse("admin:teams_client_add"), data)
        settings = Client.objects.get(slug="new").ticketing_settings
        assert settings.fallback_team is not None
        self.assertEqual(settings.fallback_team.slug, "service_desk")


class HistoryTests(BackOfficeCase):
    """Old versions of reference data: another door to the same rows."""

    def row(self, model: Any) -> Any:
        """A row of client A of each model that keeps its versions."""
        world, shared = self.world, {"client": self.world.client_a}
        made = {
            "Team": lambda: Team.objects.create(slug="own", name="Zebra", **shared),
            "Taxonomy": lambda: Taxonomy.objects.create(slug="own", name="Zebra", **shared),
            "Category": lambda: Category.objects.create(
                taxonomy=Taxonomy.objects.create(slug="c", name="C", **shared), slug="own", name="Zebra"
            ),
            "ClientSettings": lambda: world.client_a.ticketing_settings,
            "RoutingRule": lambda: RoutingRule.objects.create(
                slug="own", name="Zebra", team=world.network, **shared
            ),
            "Article": lambda: Article.objects.create(slug="own", title="Zebra", body="Zebra", **shared),
            "Policy": lambda: Policy.objects.create(slug="own", name="Zebra", **shared),
            "LlmProvider": lambda: LlmProvider.objects.create(
                name="Zebra", kind="compatible", model="zebra", base_url="http://zebra.example", **shared
            ),
            "PromptVersion": lambda: PromptVersion.objects.create(
                name="zebra", system="Zebra", before="b", after="a", **shared
            ),
            "Macro": lambda: Macro.objects.create(name="Zebra", body="Zebra", scope="everyone", **shared),
            "BusinessCalendar": lambda: BusinessCalendar.objects.create(slug="own", name="Zebra"),
        }
        row = made[model.__name__]()
        row.save()
        return row

    def test_nobody_reads_or_changes_a_foreign_row_through_its_history(self) -> None:
        """T10: the pages of the history follow the same rule as the rows; nothing is brought back there."""
        kept = [model for model, at in admin.site._registry.items() if isinstance(at, HistoryAdmin)]
        self.assertGreaterEqual(len(kept), 9)
        for model in kept:
            row, name = self.row(model), f"admin:{model._meta.app_label}_{model._meta.model_name}"
            version = row.history.latest("history_date").pk
            pages = [
                reverse(f"{name}_history", args=[row.pk]),
                reverse(f"{name}_simple_history", args=[row.pk, version]),
            ]
            shared = model.__name__ == "BusinessCalendar"
            for page in pages:
                with self.subTest(page=page):
                    self.client.force_login(self.world.lead)
                    self.assertEqual(self.client.get(page).status_code, 200)
                    self.client.force_login(self.world.stranger)
                    self.assertEqual(self.client.get(page).status_code, 200 if shared else 404)
            for user in (self.world.lead, self.world.stranger, self.administrator):
                self.client.force_login(user)
                answer = self.client.post(pages[1], {"name": "stolen", "slug": "stolen"})
                self.assertIn(answer.status_code, {403, 404}, pages[1])
