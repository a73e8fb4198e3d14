"""Saved views and macros: who sees them, what they do (T9)."""

from __future__ import annotations

import json
from pathlib import Path

from django.db import connection
from django.test import TestCase
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from common.exceptions import NotAllowed, ValidationFailed
from teams.choices import Group
from teams.models import Team, TeamMember
from ticketing.models import Category, Macro, Message, SavedView, Taxonomy
from ticketing.services.assignments import ticket_assign
from ticketing.services.tools import macro_apply, macro_text, tool_save
from ticketing.tests.world import World, make_user

QUEUE = reverse("desk:queue")
BUDGETS = json.loads((Path(__file__).parent / "query_budgets.json").read_text())


class ToolCase(TestCase):
    """Two agents of the network team at different clients; the team is shared by both clients."""

    @classmethod
    def setUpTestData(cls) -> None:
        cls.world = World()
        cls.mate = make_user("mate", Group.AGENTS, cls.world.client_a)
        cls.foreign = make_user("foreign", Group.AGENTS, cls.world.client_b)
        for user in (cls.mate, cls.foreign):
            TeamMember.objects.create(team=cls.world.network, user=user)
        cls.agent = cls.world.actor(cls.world.agent)
        cls.lead = cls.world.actor(cls.world.lead)

    def setUp(self) -> None:
        self.client.force_login(self.world.agent)

    def values(self, **more: object) -> dict[str, object]:
        return {"name": "Urgent", "scope": "private", "team": None, "client": self.world.client_a, **more}

    def names(self, model: type, user: object) -> list[str]:
        rows = model.objects.visible_to(self.world.actor(user))  # type: ignore[arg-type,attr-defined]
        return [row.name for row in rows]


class SavedViewTest(ToolCase):
    """T9: private, team, everyone."""

    def test_each_scope_is_seen_by_those_it_names_and_by_no_other_client(self) -> None:
        """T9, T10: a team that serves two clients shares nothing between them."""
        tool_save(tool=SavedView(), values=self.values(name="mine"), actor=self.agent)
        team = self.values(name="team", scope="team", team=self.world.network)
        tool_save(tool=SavedView(), values=team, actor=self.agent)
        tool_save(tool=SavedView(), values=self.values(name="all", scope="everyone"), actor=self.lead)
        self.assertEqual(self.names(SavedView, self.world.agent), ["all", "mine", "team"])
        self.assertEqual(self.names(SavedView, self.mate), ["all", "team"])
        self.assertEqual(self.names(SavedView, self.world.lead), ["all", "team"])
        for user in (self.foreign, self.world.stranger, self.world.requester):
            self.assertEqual(self.names(SavedView, user), [])

    def test_agents_share_with_their_own_teams_only(self) -> None:
        """T9, R3: everyone is a lead's to address."""
        with self.assertRaises(NotAllowed):
            tool_save(tool=SavedView(), values=self.values(scope="everyone"), actor=self.agent)
        other = self.values(scope="team", team=self.world.hardware)
        with self.assertRaises(ValidationFailed):
            tool_save(tool=SavedView(), values=other, actor=self.agent)
        foreign = self.values(client=self.world.client_b)
        with self.assertRaises(ValidationFailed):
            tool_save(tool=SavedView(), values=foreign, actor=self.agent)

    def test_a_view_is_saved_from_the_queue_and_counts_in_the_rail(self) -> None:
        """T9: a view is a saved address; its count is the length of its list."""
        self.world.triage(self.world.ticket("Bad"), state="applied", confidence=0.9)
        self.world.ticket("Plain")
        page = self.client.get(QUEUE + "?severity=high&channel=web")
        save_url = page.context["view"]["save_url"]
        self.assertContains(page, "Save view")
        form = self.client.get(save_url)
        self.assertContains(form, "High, Web")
        data = {
            "name": "High by web", "scope": "private", "client": self.world.client_a.pk,
            "query": form.context["form"]["query"].value(),
        }  # fmt: skip
        saved = self.client.post(save_url, data)
        self.assertRedirects(saved, QUEUE + "?severity=high&channel=web", fetch_redirect_response=False)
        page = self.client.get(saved["Location"])
        groups = {group.title: group.links for group in page.context["rail"]}
        link = groups["Saved views"][0]
        self.assertEqual((link.name, link.count, link.current), ("High by web", 1, True))
        self.assertEqual(page.context["view"]["name"], "High by web")

    def test_many_views_cost_no_more_queries(self) -> None:
        """T9, Style 9: counts at a constant number of queries."""
        counts = []
        for wanted in (2, 12):
            while SavedView.objects.count() < wanted:
                number = SavedView.objects.count()
                values = self.values(name=f"View {number}", query=f"q=word{number}&status=open")
                tool_save(tool=SavedView(), values=values, actor=self.agent)
            self.client.get(QUEUE)
            with CaptureQueriesContext(connection) as captured:
                self.client.get(QUEUE)
            counts.append(len(captured))
        self.assertEqual(counts[0], counts[1])

    def test_only_the_owner_or_a_lead_changes_it(self) -> None:
        """T9: what is shared is used by all and changed by few."""
        view = tool_save(
            tool=SavedView(),
            values=self.values(scope="team", team=self.world.network),
            actor=self.world.actor(self.mate),
        )
        for name in ("view", "view-delete"):
            self.assertEqual(self.client.post(reverse(f"desk:{name}", args=[view.uuid])).status_code, 404)
        self.client.force_login(self.world.lead)
        self.client.post(reverse("desk:view-delete", args=[view.uuid]))
        self.assertFalse(SavedView.objects.exists())


class ListBudgetTest(ToolCase):
    """Style 9: the new list pages with 3 and with 30 rows."""

    def test_their_queries_do_not_grow_with_the_rows(self) -> None:
        """T9: views and macros, each with its line in query_budgets.json."""
        for page, model, more in (("views", SavedView, {}), ("macros", Macro, {"body": "x"})):
            counts = []
            for wanted in (3, 30):
                while model.objects.count() < wanted:
                    model.objects.create(
                        name=f"Tool {model.objects.count()}", client=self.world.client_a,
                        owner=self.world.agent, scope="team", team=self.world.network, **more,
                    )  # fmt: skip
                self.client.get(reverse(f"desk:{page}"))
                with CaptureQueriesContext(connection) as captured:
                    self.client.get(reverse(f"desk:{page}"))
                counts.append(len(captured))
            with self.subTest(page=page):
                self.assertEqual(counts[0], counts[1])
                self.assertLessEqual(counts[1], BUDGETS[f"desk.{page}"])


class FilterTest(ToolCase):
    """T9: what the filters offer."""

    def test_teams_of_taxonomies_nobody_uses_are_not_offered(self) -> None:
        """T3, T9: the list named teams that could never have a ticket here."""
        billing = Team.objects.create(slug="billing_team", name="Billing")
        unused = Taxonomy.objects.create(slug="support", name="Support")
        Category.objects.create(taxonomy=unused, slug="billing", name="Billing", default_team=billing)
        page = self.client.get(QUEUE)
        field = next(item for item in page.context["filter_fields"] if item.name == "team")
        self.assertEqual([choice.label for choice in field.choices], ["Hardware", "Network"])
        self.assertNotIn("Billing", [choice.label for choice in page.context["bulk_teams"]])

    def test_my_teams_and_people_are_views(self) -> None:
        """T9: mine, my teams', somebody's."""
        first, second = self.world.ticket("Network"), self.world.ticket("Nobody")
        ticket_assign(ticket=first, team=self.world.network, assignee=self.mate, actor=self.lead)
        self.assertEqual(
            [row.subject for row in self.client.get(QUEUE + "?who=teams").context["tickets"]], ["Network"]
        )
        page = self.client.get(QUEUE + "?who=%40mate")
        self.assertEqual([row.subject for row in page.context["tickets"]], ["Network"])
        self.assertEqual(page.context["filters"][0].value_label, "Mate")
        self.assertEqual(second.team, None)

    def test_history_speaks_in_names(self) -> None:
        """T6: no slug is shown where there is a name."""
        ticket = self.world.ticket("Network")
        ticket_assign(ticket=ticket, team=self.world.network, assignee=self.mate, actor=self.lead)
        texts = [row.text for row in self.client.get(ticket.get_absolute_url()).context["events"]]
        self.assertIn("set the team to Network.", texts)
        self.assertIn("set the assignee to Mate.", texts)


class MacroTest(ToolCase):
    """T9: set fields and a text with places."""

    def macro(self, **more: object) -> Macro:
        values = self.values(
            name="Resolve", body="Hello {{ requester.first_name }}, {{ticket.reference}}", **more
        )
        return tool_save(tool=Macro(), values=values, actor=self.agent)

    def test_places_are_filled_from_a_table_and_reach_nothing_else(self) -> None:
        """T9: no template engine, no attribute by name."""
        ticket = self.world.ticket("{{ agent.name }}")
        macro = self.macro()
        self.assertEqual(
            macro_text(macro=macro, ticket=ticket, actor=self.agent), f"Hello Rita, {ticket.reference}"
        )
        for body in ("{{ ticket.client.api_keys }}", "{{ settings.secret_key }}"):
            with self.assertRaises(ValidationFailed):
                tool_save(tool=Macro(), values=self.values(body=body), actor=self.agent)
        macro.body = "{% load x %} {{ ticket.subject }} {{ nothing.there }}"
        text = macro_text(macro=macro, ticket=ticket, actor=self.agent)
        self.assertEqual(text, "{% load x %} {{ agent.name }} {{ nothing.there }}")

    def test_it_changes_fields_in_one_go_or_not_at_all(self) -> None:
        """T9: all or nothing, and nothing of another client."""
        more = {"status": "pending", "priority": "high", "add_tags": ["toner"], "assign_to_me": True}
        macro = self.macro(move_to=self.world.network, **more)
        ticket = macro_apply(ticket=self.world.ticket(), macro=macro, actor=self.agent)
        ticket.refresh_from_db()
        self.assertEqual(
            (ticket.status, ticket.priority, ticket.team, ticket.assignee),
            ("pending", "high", self.world.network, self.world.agent),
        )
        self.assertEqual([tag.name for tag in ticket.tags.all()], ["toner"])
        foreign = self.world.ticket("Foreign", client=self.world.client_b, user=self.world.stranger)
        with self.assertRaises(NotAllowed):
            macro_apply(ticket=foreign, macro=macro, actor=self.agent)

    def test_the_composer_is_filled_and_fields_change_with_the_sending(self) -> None:
        """T9: without script: pick, see the text and what it does, send."""
        ticket, macro = self.world.ticket(), self.macro(status="resolved")
        picked = self.client.post(reverse("desk:macro-use", args=[ticket.uuid]), {"pick": macro.uuid})
        page = self.client.get(picked["Location"])
        text = page.context["message_form"]["body"].value()
        self.assertEqual(text, f"Hello Rita, {ticket.reference}")
        self.assertContains(page, "status resolved")
        self.assertContains(page, 'data-macro-then="Then as the macro says"')
        ticket.refresh_from_db()
        self.assertEqual(ticket.status, "new")
        self.client.post(
            reverse("desk:reply", args=[ticket.uuid]), {"body": text, "macro": macro.uuid, "then": ""}
        )
        ticket.refresh_from_db()
        self.assertEqual(ticket.status, "resolved")
        self.assertEqual(Message.objects.filter(ticket=ticket, is_first=False).get().body, text)

    def test_htmx_gets_the_text_alone(self) -> None:
        """T9: typed words stay."""
        ticket, macro = self.world.ticket(), self.macro()
        url = reverse("desk:macro-use", args=[ticket.uuid])
        answer = self.client.post(url, {"pick": macro.uuid}, headers={"HX-Request": "true"})
        self.assertContains(answer, f'data-macro-text="Hello Rita, {ticket.reference}"')
        self.assertNotContains(answer, "<html")

    def test_it_is_written_and_changed_on_the_desk(self) -> None:
        """T9: an agent's own macros need nobody else."""
        data = {
            "name": "Ask", "scope": "team", "team": self.world.network.pk, "client": self.world.client_a.pk,
            "body": "Which {{ ticket.subject }}?", "is_public": "on", "add_tags": "a, b, a",
            "status": "pending",
        }  # fmt: skip
        self.client.post(reverse("desk:macro-new"), data)
        macro = Macro.objects.get()
        self.assertEqual(
            (macro.add_tags, macro.owner, macro.team), (["a", "b"], self.world.agent, self.world.network)
        )
        self.assertContains(self.client.get(reverse("desk:macros")), "Ask")
        wrong = self.client.post(reverse("desk:macro", args=[macro.uuid]), {**data, "body": "{{ x.y }}"})
        self.assertContains(wrong, "cannot be filled", status_code=422)

    def test_tags_are_set_on_the_ticket(self) -> None:
        """T1: words separated by commas."""
        ticket = self.world.ticket()
        self.client.post(reverse("desk:tags", args=[ticket.uuid]), {"tags": "paper, toner, paper"})
        self.assertEqual([tag.name for tag in ticket.tags.all()], ["paper", "toner"])
