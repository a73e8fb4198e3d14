"""Tickets over the API (API.md, A2)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from django.db import connection
from django.test import TestCase
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from common.actors import system_actor
from teams.choices import Scope
from teams.models import Client, IdempotencyRecord, Team, User
from teams.services.keys import api_key_issue
from ticketing.models import FieldDecision, Message, Module, Project, Ticket
from ticketing.tests.world import PASSWORD, World

BUDGETS = json.loads((Path(__file__).parent / "query_budgets.json").read_text())


def signed_in(user: User) -> APIClient:
    """An API client of a person."""
    api = APIClient()
    api.force_authenticate(user)
    return api


def with_key(client: Client, *scopes: str) -> APIClient:
    """An API client of a service."""
    issued = api_key_issue(client=client, name="tests", scopes=list(scopes), actor=system_actor())
    api = APIClient()
    api.credentials(HTTP_AUTHORIZATION=f"Bearer {issued.secret}")
    return api


class ApiCase(TestCase):
    """Two clients, a lead and a service of the first."""

    @classmethod
    def setUpTestData(cls) -> None:
        cls.world = World()

    def setUp(self) -> None:
        self.lead = signed_in(self.world.lead)
        self.stranger = signed_in(self.world.stranger)
        self.service = with_key(self.world.client_a, Scope.TICKETS_READ, Scope.TICKETS_WRITE)

    def call(
        self,
        method: str,
        path: str,
        body: Any = None,
        status: int = 200,
        api: APIClient | None = None,
        **headers: str,
    ) -> Any:
        """Call and check the status."""
        response = getattr(api or self.lead, method)(f"/api/v1/{path}", body, format="json", headers=headers)
        self.assertEqual(response.status_code, status, response.content[:600])
        return response.json() if response.content else None


class CreateTests(ApiCase):
    """POST tickets."""

    def test_a_ticket_is_opened_new_and_triaged_later(self) -> None:
        """API.md: 201, status new, triage in the background."""
        body = {
            "subject": "VPN",
            "body": "It fails.",
            "requester": {"email": "ann@example.org", "name": "Ann"},
        }
        ticket = self.call("post", "tickets", body, 201, self.service)
        self.assertEqual((ticket["status"], ticket["channel"], ticket["client"]), ("new", "api", "a"))
        self.assertEqual(ticket["requester"]["email"], "ann@example.org")
        self.assertEqual(Ticket.objects.get().runs.get().state, "pending")

    def test_priority_aliases_and_unknown_values(self) -> None:
        """API.md: critical means urgent; nonsense is a field error."""
        ticket = self.call("post", "tickets", {"body": "x", "priority": "critical"}, 201)
        self.assertEqual(ticket["priority"], "urgent")
        error = self.call("post", "tickets", {"body": "x", "priority": "soon"}, 400)["error"]
        self.assertEqual(list(error["fields"]), ["priority"])

    def test_names_of_another_client_do_not_exist(self) -> None:
        """FACTS: a foreign key in a body never reaches another tenant's row."""
        Project.objects.create(client=self.world.client_b, slug="theirs", name="Theirs")
        error = self.call("post", "tickets", {"body": "x", "project": "theirs"}, 400)["error"]
        self.assertEqual(error["fields"], {"project": ["There is no such project."]})
        self.call("post", "tickets", {"body": "x", "client": "b"}, 404)
        self.assertEqual(Ticket.objects.count(), 0)

    def test_a_requester_opens_only_own_tickets(self) -> None:
        """R3: the requester in the body is not believed."""
        api = signed_in(self.world.requester)
        body = {"body": "x", "requester": {"email": "boss@example.org"}}
        ticket = self.call("post", "tickets", body, 201, api)
        self.assertEqual(
            Ticket.objects.get(reference=ticket["reference"]).requester.user, self.world.requester
        )

    def test_in_bulk_one_failing_never_costs_another(self) -> None:
        """API.md: a list of index and ticket or error."""
        rows = [{"body": "one"}, {"body": ""}, {"body": "three", "severity": "awful"}, {"body": "four"}]
        answer = self.call("post", "tickets/bulk", {"tickets": rows})
        self.assertEqual([line["index"] for line in answer], [0, 1, 2, 3])
        self.assertEqual(["ticket" in line for line in answer], [True, False, False, True])
        self.assertEqual(list(answer[2]["error"]["fields"]), ["severity"])
        self.assertEqual(Ticket.objects.count(), 2)

    def test_more_than_five_hundred_are_refused(self) -> None:
        """API.md: up to 500."""
        self.call("post", "tickets/bulk", {"tickets": [{"body": "x"}] * 501}, 400)


class AwkwardInputTests(ApiCase):
    """What once went wrong."""

    def test_a_null_character_is_a_field_error_and_costs_no_neighbour(self) -> None:
        """A3: PostgreSQL cannot keep it; the caller hears which field."""
        bad = {"body": "x", "metadata": {"a": ["b", {"c": "\x00"}]}}
        error = self.call("post", "tickets", bad, 400)["error"]
        self.assertEqual(list(error["fields"]), ["metadata"])
        answer = self.call("post", "tickets/bulk", {"tickets": [bad, {"body": "fine"}]})
        self.assertEqual(["ticket" in line for line in answer], [False, True])

    def test_the_clients_own_team_goes_before_a_shared_one_of_the_same_name(self) -> None:
        """T10: on every database, whatever it thinks of empty values."""
        own = Team.objects.create(client=self.world.client_a, slug="network_team", name="Own")
        ticket = self.world.ticket()
        self.call("post", f"tickets/{ticket.reference}/assign", {"team": "network_team"})
        ticket.refresh_from_db()
        self.assertEqual(ticket.team, own)

    def test_another_project_drops_the_module_of_the_old_one(self) -> None:
        """T4: a module belongs to its project."""
        first = Project.objects.create(client=self.world.client_a, slug="p1", name="P1")
        Project.objects.create(client=self.world.client_a, slug="p2", name="P2")
        Module.objects.create(project=first, slug="m1", name="M1")
        ticket = self.world.ticket()
        path = f"tickets/{ticket.reference}"
        self.assertEqual(self.call("patch", path, {"project": "p1", "module": "m1"})["module"], "m1")
        changed = self.call("patch", path, {"project": "p2"})
        self.assertEqual((changed["project"], changed["module"]), ("p2", None))


class IdempotencyTests(ApiCase):
    """Idempotency-Key on creating POSTs."""

    def test_the_same_key_gives_the_first_answer(self) -> None:
        """A2: one ticket, the answer marked as replayed."""
        first = self.call("post", "tickets", {"body": "x"}, 201, **{"Idempotency-Key": "k1"})
        response = self.lead.post(
            "/api/v1/tickets", {"body": "x"}, format="json", headers={"Idempotency-Key": "k1"}
        )
        self.assertEqual(response.json()["reference"], first["reference"])
        self.assertEqual(response.headers["Idempotent-Replayed"], "true")
        self.assertEqual(Ticket.objects.count(), 1)

    def test_another_body_is_refused(self) -> None:
        """A2: 422."""
        self.call("post", "tickets", {"body": "x"}, 201, **{"Idempotency-Key": "k1"})
        self.call("post", "tickets", {"body": "y"}, 422, **{"Idempotency-Key": "k1"})

    def test_while_the_first_runs_the_second_is_told(self) -> None:
        """A2: 409."""
        self.call("post", "tickets", {"body": "x"}, 201, **{"Idempotency-Key": "k1"})
        IdempotencyRecord.objects.update(status_code=None, response=None)
        self.call("post", "tickets", {"body": "x"}, 409, **{"Idempotency-Key": "k1"})

    def test_keys_belong_to_their_caller(self) -> None:
        """A2: scoped to caller and route."""
        self.call("post", "tickets", {"body": "x"}, 201, **{"Idempotency-Key": "k1"})
        self.call("post", "tickets", {"body": "x"}, 201, self.service, **{"Idempotency-Key": "k1"})
        self.assertEqual(Ticket.objects.count(), 2)


class ListTests(ApiCase):
    """GET tickets."""

    def test_filters_narrow_and_unknown_values_are_refused(self) -> None:
        """API.md filters."""
        mine, other = self.world.ticket("VPN"), self.world.ticket("Printer", body="It jams.")
        Ticket.objects.filter(pk=mine.pk).update(severity="high", needs_review=True)
        for query in (
            "severity=high",
            "needs_review=true",
            f"ids={mine.reference}",
            "q=VPN",
            "severity=high,low",
        ):
            found = self.call("get", f"tickets?{query}")["results"]
            self.assertEqual([row["reference"] for row in found], [mine.reference], query)
        self.assertEqual(len(self.call("get", "tickets?status_category=open")["results"]), 2)
        self.assertEqual(self.call("get", f"tickets?ids={other.reference}&severity=high")["results"], [])
        self.call("get", "tickets?severity=awful", None, 400)

    def test_orders_are_allow_listed(self) -> None:
        """API.md ordering: worst severity first."""
        low, high = self.world.ticket("A"), self.world.ticket("B")
        Ticket.objects.filter(pk=low.pk).update(severity="low")
        Ticket.objects.filter(pk=high.pk).update(severity="critical")
        rows = self.call("get", "tickets?ordering=severity")["results"]
        self.assertEqual([row["severity"] for row in rows], ["critical", "low"])
        self.call("get", "tickets?ordering=due_at")
        self.call("get", "tickets?ordering=requester__user__password", None, 400)

    def test_pages_follow_each_other(self) -> None:
        """API.md: cursor pagination."""
        references = {self.world.ticket(f"T{number}").reference for number in range(5)}
        page = self.call("get", "tickets?page_size=2")
        seen = [row["reference"] for row in page["results"]]
        while page["next"]:
            page = self.lead.get(page["next"]).json()
            seen += [row["reference"] for row in page["results"]]
        self.assertEqual((len(seen), set(seen)), (5, references))

    def test_the_number_of_queries_does_not_grow(self) -> None:
        """A2: 3 rows and 30 rows cost the same."""
        counts = []
        for total in (3, 30):
            while Ticket.objects.count() < total:
                self.world.ticket(f"Ticket {Ticket.objects.count()}")
            with CaptureQueriesContext(
                connection,
            ) as queries:
                self.call("get", "tickets?page_size=100")
            counts.append(len(queries))
        self.assertEqual(counts[0], counts[1])
        self.assertLessEqual(counts[1], BUDGETS["api.tickets"])


class OneTicketTests(ApiCase):
    """One ticket."""

    def setUp(self) -> None:
        super().setUp()
        self.ticket = self.world.ticket()
        self.path = f"tickets/{self.ticket.reference}"

    def test_detail_by_reference_and_id(self) -> None:
        """API.md: ``{ref}`` is the reference or the id."""
        self.world.triage(self.ticket)
        by_reference = self.call("get", self.path)
        by_id = self.call("get", f"tickets/{self.ticket.uuid}")
        self.assertEqual(by_reference["id"], by_id["id"])
        decision = by_reference["triage"]["category"]
        self.assertEqual((decision["value"], decision["state"]), ("network", "suggested"))
        self.assertIn("extracted_fields", by_reference)

    def test_a_stranger_finds_nothing_and_changes_nothing(self) -> None:
        """A2: 404 everywhere."""
        reads = ["", "/messages", "/events", "/links"]
        writes = ["/assign", "/confirm", "/messages", "/links"]
        calls = [("get", it) for it in reads] + [("post", it) for it in writes] + [("patch", "")]
        for method, suffix in calls:
            self.call(method, self.path + suffix, {"body": "x", "status": "closed"}, 404, self.stranger)
        self.ticket.refresh_from_db()
        self.assertEqual(self.ticket.status, "new")
        self.assertEqual(self.ticket.messages.count(), 1)

    def test_a_stale_tag_is_refused(self) -> None:
        """API.md: 412."""
        tag = self.lead.get(f"/api/v1/{self.path}").headers["ETag"]
        self.call("patch", self.path, {"severity": "high"}, 200, **{"If-Match": tag})
        self.call("patch", self.path, {"severity": "low"}, 412, **{"If-Match": tag})
        self.ticket.refresh_from_db()
        self.assertEqual(self.ticket.severity, "high")

    def test_a_forbidden_transition_is_a_conflict_and_changes_nothing(self) -> None:
        """T2: 409, and the other fields of the same call stay."""
        self.call("patch", self.path, {"status": "closed"})
        self.call("patch", self.path, {"status": "open", "severity": "high"}, 409)
        self.ticket.refresh_from_db()
        self.assertEqual((self.ticket.status, self.ticket.severity), ("closed", ""))

    def test_what_a_service_sets_no_run_overwrites(self) -> None:
        """C3: a value set by a person or program stands."""
        self.call("patch", self.path, {"category": "hardware"})
        self.world.triage(self.ticket, category="network", state="applied", confidence=0.99)
        self.ticket.refresh_from_db()
        self.assertEqual(self.ticket.category.slug, "hardware")

    def test_assigning_by_name_and_by_turn(self) -> None:
        """C17: team, person, or whoever is next."""
        answer = self.call("post", f"{self.path}/assign", {"team": "network_team", "auto": True})
        self.assertEqual((answer["team"], answer["assignee"]), ("network_team", "agent"))
        answer = self.call("post", f"{self.path}/assign", {"team": "hardware_team"})
        self.assertEqual((answer["team"], answer["assignee"]), ("hardware_team", None))
        self.call("post", f"{self.path}/assign", {"assignee": "agent"}, 400)
        self.call("post", f"{self.path}/assign", {"assignee": "stranger"}, 400)

    def test_notes_are_for_staff(self) -> None:
        """T5: a requester sees and writes only public messages."""
        api = signed_in(self.world.requester)
        self.call("post", f"{self.path}/messages", {"body": "Internal.", "public": False}, 201)
        self.call("post", f"{self.path}/messages", {"body": "Hello **you**."}, 201)
        rows = self.call("get", f"{self.path}/messages", api=api)["results"]
        self.assertEqual([row["public"] for row in rows], [True, True])
        self.assertIn("<strong>you</strong>", rows[1]["html"])
        self.call("post", f"{self.path}/messages", {"body": "x", "public": False}, 403, api)
        self.assertEqual(Message.objects.filter(is_public=False).count(), 1)

    def test_requesters_get_the_plain_ticket(self) -> None:
        """R3: no triage, no metadata."""
        answer = self.call("get", self.path, api=signed_in(self.world.requester))
        self.assertEqual({"triage", "metadata", "needs_review", "links"} & set(answer), set())
        self.call("get", self.path, None, 404, signed_in(self.world.other_requester))
        self.call("patch", self.path, {"severity": "high"}, 403, signed_in(self.world.requester))

    def test_confirming_makes_it_a_persons_decision(self) -> None:
        """C3, C4: accepted or corrected values are confirmed, the flag goes."""
        self.world.triage(self.ticket)
        answer = self.call("post", f"{self.path}/confirm", {"category": "hardware", "severity": "low"})
        self.assertEqual((answer["category"], answer["severity"]), ("hardware", "low"))
        self.assertEqual(FieldDecision.objects.get(ticket=self.ticket, field="category").state, "corrected")
        self.call("post", f"{self.path}/confirm", {"category": "nothing"}, 400)

    def test_the_history_is_told_in_order(self) -> None:
        """T6: every change is one event."""
        self.call("patch", self.path, {"severity": "high", "priority": "urgent"})
        rows = self.call("get", f"{self.path}/events")["results"]
        self.assertEqual(rows[0]["verb"], "ticket.opened")
        self.assertEqual({row["field"] for row in rows[1:]}, {"severity", "priority"})

    def test_links_join_visible_tickets_only(self) -> None:
        """T8."""
        other = self.world.ticket("Same thing")
        foreign = self.world.ticket("Theirs", user=self.world.stranger, client=self.world.client_b)
        self.call("post", f"{self.path}/links", {"kind": "related", "to": other.reference}, 201)
        self.call("post", f"{self.path}/links", {"kind": "related", "to": foreign.reference}, 404)
        self.call("post", f"{self.path}/links", {"kind": "related", "to": self.ticket.reference}, 400)
        self.assertEqual(len(self.call("get", f"{self.path}/links")["results"]), 1)


class TokenTests(ApiCase):
    """Log-in."""

    def test_a_person_logs_in_and_refreshes(self) -> None:
        """A2: JWT for users."""
        api = APIClient()
        tokens = self.call("post", "auth/token", {"username": "lead", "password": PASSWORD}, 200, api)
        self.call("post", "auth/token", {"username": "lead", "password": "wrong"}, 401, api)
        fresh = self.call("post", "auth/token/refresh", {"refresh": tokens["refresh"]}, 200, api)
        api.credentials(HTTP_AUTHORIZATION=f"Bearer {fresh['access']}")
        self.call("get", "tickets", api=api)

    def test_a_key_does_only_what_its_scopes_allow(self) -> None:
        """A2: scopes."""
        api = with_key(self.world.client_a, Scope.TICKETS_READ)
        self.call("get", "tickets", api=api)
        self.call("post", "tickets", {"body": "x"}, 403, api)
        self.call("get", "tickets", None, 401, APIClient())
        bad = APIClient()
        bad.credentials(HTTP_AUTHORIZATION="Bearer sw_nothing")
        error = self.call("get", "tickets", None, 401, bad)["error"]
        self.assertEqual(set(error), {"code", "message", "fields"})


class ReferenceTests(ApiCase):
    """Categories, teams and the like."""

    def test_everybody_reads_and_leads_write(self) -> None:
        """API.md: list and detail for all who may log in, writes for leads."""
        agent = signed_in(self.world.agent)
        for name in ("categories", "taxonomies", "projects", "modules", "teams", "routing-rules", "articles"):
            self.call("get", name, api=agent)
            self.call("post", name, {"slug": "x", "name": "X"}, 403, agent)

    def test_a_lead_creates_rows_of_the_own_client(self) -> None:
        """R2, T4: the owner is the lead's client."""
        project = self.call("post", "projects", {"slug": "portal", "name": "Portal"}, 201)
        self.assertEqual(project["client"], "a")
        module = self.call("post", "modules", {"slug": "login", "name": "Log-in", "project": "portal"}, 201)
        self.assertEqual(module["project"], "portal")
        team = self.call("post", "teams", {"slug": "night", "name": "Night shift"}, 201)
        rule = {
            "slug": "night",
            "name": "Night",
            "team": team["slug"],
            "conditions": {"severities": ["critical"]},
        }
        self.assertEqual(self.call("post", "routing-rules", rule, 201)["team"], "night")
        self.call("post", "projects", {"slug": "p", "name": "P", "client": "b"}, 404)
        self.call("post", "projects", {"slug": "p", "name": "P", "client": None}, 403)
        self.call("get", f"projects/{project['id']}", None, 404, self.stranger)
        self.call("patch", f"projects/{project['id']}", {"name": "Mine"}, 404, self.stranger)

    def test_a_taxonomy_that_others_use_is_not_a_leads_to_change(self) -> None:
        """T10: shared reference data serves every client."""
        row = self.call("get", "categories")["results"][0]
        self.call("patch", f"categories/{row['id']}", {"name": "Mine"}, 403)
        self.call("post", "admin/categories", {"taxonomy": "it", "slug": "new", "name": "New"}, 403)
        self.world.client_b.ticketing_settings.delete()
        changed = self.call("patch", f"categories/{row['id']}", {"name": "Mine", "accept_threshold": 0.9})
        self.assertEqual((changed["name"], changed["accept_threshold"]), ("Mine", 0.9))
        self.call("post", "admin/categories", {"taxonomy": "it", "slug": "new", "name": "New"}, 201)
        self.call("post", "categories", {"taxonomy": "it", "slug": "new", "name": "Again"}, 400)
