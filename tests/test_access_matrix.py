"""Every URL × method × actor on somebody else's object: 401, 403 or 404, and nothing has changed (A2, T10).

To add a route, add one line: to ``OBJECTS`` when it names one object (how to fill its placeholders), to
``COLLECTIONS`` when it lists or creates, to ``OPEN`` with the reason when everybody may call it. A route
that is in none of them fails the test.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from django.apps import apps
from django.core.files.base import ContentFile
from django.test import Client as Browser
from django.test import TestCase
from django.urls import URLPattern, URLResolver, get_resolver
from rest_framework.test import APIClient

from classifier.models import (
    ChatConvo,
    LlmProvider,
    ReviewItem,
    RuleProposal,
    SecondOpinion,
    WhatIfTrial,
)
from classifier.services.runs import run_request
from common.actors import system_actor
from ingest.models import ImportJob
from teams.choices import Group, Scope
from teams.models import Team, TeamMember, User
from teams.services.keys import api_key_issue
from ticketing.models import (
    Article,
    Attachment,
    BulkAction,
    Category,
    Macro,
    Module,
    Project,
    RoutingRule,
    SavedView,
    Taxonomy,
    Ticket,
    TicketLink,
)
from ticketing.services.assignments import ticket_assign
from ticketing.tests.world import World, make_user

pytestmark = pytest.mark.once

METHODS = ("get", "post", "put", "patch", "delete")
MARK = "zebra"
"""Stands in the names of all foreign objects: no answer to a stranger may contain it."""

REFUSED = {401, 403, 404, 405}

OWN_PAGES = (
    "admin/review/",
    "admin/language-models/",
    "admin/proposed-rules/",
    "admin/what-if/",
    "admin/deadlines/",
    "admin/replay/",
    "admin/imports/",
)
"""Pages of ours in the back office; those of the admin itself are proved in test_back_office."""

Places = dict[str, Any]


def by_reference(secret: Secret) -> Places:
    """A route that names the ticket by its reference."""
    return {"ref": secret.ticket.reference}


def by_uuid(secret: Secret) -> Places:
    """A route that names the ticket by its id."""
    return {"uuid": secret.ticket.uuid}


OBJECTS: dict[str, Callable[[Secret], Places]] = {
    "api/v1/tickets/<str:ref>": by_reference,
    "api/v1/tickets/<str:ref>/assign": by_reference,
    "api/v1/tickets/<str:ref>/escalate": by_reference,
    "api/v1/tickets/<str:ref>/confirm": by_reference,
    "api/v1/tickets/<str:ref>/messages": by_reference,
    "api/v1/tickets/<str:ref>/feedback": by_reference,
    "api/v1/tickets/<str:ref>/article": by_reference,
    "api/v1/tickets/<str:ref>/events": by_reference,
    "api/v1/tickets/<str:ref>/links": by_reference,
    "api/v1/tickets/<str:ref>/merge": by_reference,
    "api/v1/tickets/<str:ref>/unmerge": by_reference,
    "api/v1/tickets/<str:ref>/split": by_reference,
    "api/v1/tickets/<str:ref>/runs": by_reference,
    "api/v1/tickets/<str:ref>/similar": by_reference,
    "api/v1/tickets/<str:ref>/triage": by_reference,
    "api/v1/tickets/<str:ref>/draft": by_reference,
    "api/v1/tickets/<str:ref>/sla": by_reference,
    "api/v1/taxonomies/<int:pk>": lambda w: {"pk": w.taxonomy.pk},
    "api/v1/categories/<int:pk>": lambda w: {"pk": w.category.pk},
    "api/v1/projects/<int:pk>": lambda w: {"pk": w.project.pk},
    "api/v1/modules/<int:pk>": lambda w: {"pk": w.module.pk},
    "api/v1/teams/<int:pk>": lambda w: {"pk": w.team.pk},
    "api/v1/routing-rules/<int:pk>": lambda w: {"pk": w.rule.pk},
    "api/v1/articles/<int:pk>": lambda w: {"pk": w.article.pk},
    "api/v1/chat/<uuid:convo_id>": lambda w: {"convo_id": w.convo.uuid},
    "api/v1/chat/<uuid:convo_id>/ticket": lambda w: {"convo_id": w.convo.uuid},
    "api/v1/files/<uuid:file_id>": lambda w: {"file_id": w.attachment.uuid},
    "api/v1/files/<uuid:file_id>/download": lambda w: {"file_id": w.attachment.uuid},
    "api/v1/imports/<uuid:job_id>": lambda w: {"job_id": w.job.uuid},
    "api/v1/imports/<uuid:job_id>/errors": lambda w: {"job_id": w.job.uuid},
    "admin/imports/<uuid:uuid>": lambda w: {"uuid": w.job.uuid},
    "admin/imports/<uuid:uuid>/step": lambda w: {"uuid": w.job.uuid},
    "admin/imports/<uuid:uuid>/problems": lambda w: {"uuid": w.job.uuid},
    "desk/tickets/<uuid:uuid>": by_uuid,
    "desk/tickets/<uuid:uuid>/reply": by_uuid,
    "desk/tickets/<uuid:uuid>/note": by_uuid,
    "desk/tickets/<uuid:uuid>/status": by_uuid,
    "desk/tickets/<uuid:uuid>/assign": by_uuid,
    "desk/tickets/<uuid:uuid>/escalate": by_uuid,
    "desk/tickets/<uuid:uuid>/confirm": by_uuid,
    "desk/tickets/<uuid:uuid>/presence": by_uuid,
    "desk/tickets/<uuid:uuid>/preview": by_uuid,
    "desk/tickets/<uuid:uuid>/tags": by_uuid,
    "desk/tickets/<uuid:uuid>/macro": by_uuid,
    "desk/tickets/<uuid:uuid>/macro/apply": by_uuid,
    "desk/bulk/<uuid:uuid>": lambda w: {"uuid": w.bulk.uuid},
    "desk/bulk/<uuid:uuid>/undo": lambda w: {"uuid": w.bulk.uuid},
    "desk/views/<uuid:uuid>": lambda w: {"uuid": w.view.uuid},
    "desk/views/<uuid:uuid>/delete": lambda w: {"uuid": w.view.uuid},
    "desk/macros/<uuid:uuid>": lambda w: {"uuid": w.macro.uuid},
    "desk/macros/<uuid:uuid>/delete": lambda w: {"uuid": w.macro.uuid},
    "desk/tickets/<uuid:uuid>/merge": by_uuid,
    "desk/tickets/<uuid:uuid>/unmerge": by_uuid,
    "desk/tickets/<uuid:uuid>/split": by_uuid,
    "desk/tickets/<uuid:uuid>/link": by_uuid,
    "desk/tickets/<uuid:uuid>/links/<int:pk>": lambda w: {"uuid": w.ticket.uuid, "pk": w.link.pk},
    "desk/tickets/<uuid:uuid>/resolve-all": by_uuid,
    "desk/tickets/<uuid:uuid>/draft": by_uuid,
    "desk/tickets/<uuid:uuid>/triage": by_uuid,
    "desk/tickets/<uuid:uuid>/article": by_uuid,
    "desk/articles/<uuid:uuid>": lambda w: {"uuid": w.article.uuid},
    "desk/articles/<uuid:uuid>/feedback": lambda w: {"uuid": w.article.uuid},
    "desk/assistant/<uuid:uuid>": lambda w: {"uuid": w.convo.uuid},
    "desk/assistant/<uuid:uuid>/ticket": lambda w: {"uuid": w.convo.uuid},
    "desk/files/<uuid:uuid>": lambda w: {"uuid": w.attachment.uuid},
    "portal/tickets/<uuid:uuid>": by_uuid,
    "portal/tickets/<uuid:uuid>/received": by_uuid,
    "portal/tickets/<uuid:uuid>/reply": by_uuid,
    "portal/tickets/<uuid:uuid>/solved": by_uuid,
    "portal/tickets/<uuid:uuid>/rating": by_uuid,
    "portal/chat/<uuid:uuid>": lambda w: {"uuid": w.convo.uuid},
    "portal/chat/<uuid:uuid>/ticket": lambda w: {"uuid": w.convo.uuid},
    "portal/files/<uuid:uuid>": lambda w: {"uuid": w.attachment.uuid},
    "portal/articles/<uuid:uuid>": lambda w: {"uuid": w.article.uuid},
    "portal/articles/<uuid:uuid>/feedback": lambda w: {"uuid": w.article.uuid},
    "admin/review/<int:pk>/answer": lambda w: {"pk": w.review.pk},
    "admin/review/<int:pk>/skip": lambda w: {"pk": w.review.pk},
    "admin/review/<int:pk>/undo": lambda w: {"pk": w.review.pk},
    "admin/review/second/<int:pk>/answer": lambda w: {"pk": w.opinion.pk},
    "admin/language-models/<slug:key>/operate": lambda w: {"key": f"row-{w.provider.pk}"},
    "admin/language-models/<slug:key>/try": lambda w: {"key": f"row-{w.provider.pk}"},
    "admin/proposed-rules/<int:pk>/decide": lambda w: {"pk": w.proposal.pk},
    "admin/replay/<uuid:uuid>": lambda w: {"uuid": w.run.uuid},
    "admin/what-if/<uuid:uuid>": lambda w: {"uuid": w.trial.uuid},
}

SHARED_WITH_CLIENT = {
    "api/v1/taxonomies/<int:pk>", "api/v1/categories/<int:pk>", "api/v1/projects/<int:pk>",
    "api/v1/modules/<int:pk>", "api/v1/teams/<int:pk>", "api/v1/routing-rules/<int:pk>",
}  # fmt: skip
"""Reference data that every log-in of the same client may read: only the other client is a stranger here."""

SHARED_WITH_STAFF = {
    "api/v1/articles/<int:pk>", "desk/articles/<uuid:uuid>", "desk/articles/<uuid:uuid>/feedback",
}  # fmt: skip
"""What all staff of the client read, whatever their team."""

COLLECTIONS = {
    "desk/export", "desk/views", "desk/views/new", "desk/macros", "desk/macros/new",
    "", "notifications", "notifications/mail", "notifications/chat",
    "desk/", "desk/bulk", "desk/presence", "portal/", "portal/tickets", "admin/review/", "classify",
    "admin/review/second/", "admin/language-models/", "admin/proposed-rules/", "admin/what-if/",
    "admin/deadlines/", "admin/deadlines/simulation/", "api/v1/admin/analytics", "api/v1/metrics",
    "api/v1/tickets", "api/v1/tickets/bulk", "api/v1/taxonomies", "api/v1/categories", "api/v1/projects",
    "api/v1/modules", "api/v1/teams", "api/v1/routing-rules", "api/v1/articles", "api/v1/admin/categories",
    "api/v1/classify", "api/v1/classify/ticket", "api/v1/classify/history", "api/v1/classify/file",
    "api/v1/workflow/classify", "api/v1/workflow/extract", "api/v1/workflow/respond",
    "portal/chat/", "portal/articles/", "desk/articles/", "desk/assistant/", "api/v1/chat",
    "api/v1/workflow/route", "api/v1/workflow/process", "api/v1/files/upload", "api/v1/files/presign",
    "api/v1/imports", "admin/imports/",
}  # fmt: skip

OPEN = {
    "mail/stop/<str:token>": "a signed link out of a mail; proved in test_requester_mail",
    "favicon.ico": "an icon",
    "language": "remembers the reader's language in a cookie",
    "login/": "the log-in",
    "logout/": "ends the own session only",
    "api/v1/auth/token": "the log-in",
    "api/v1/auth/token/refresh": "the log-in",
    "api/v1/schema": "documentation",
    "api/v1/docs": "documentation",
    "api/v1/health": "details for staff only",
    "api/v1/health/live": "says nothing",
    "api/v1/health/ready": "says nothing",
    "health": "details for staff only",
    "portal/rate/<str:token>": "a signed link; proved in ingest's test_rating",
    "metrics": "behind a token or an address list; proved in test_health",
}


def routes() -> Iterator[str]:
    """Every route of the project but the admin's own, whose rules have tests of their own."""

    def walk(resolver: URLResolver, prefix: str) -> Iterator[str]:
        for item in resolver.url_patterns:
            path = prefix + str(item.pattern)
            if isinstance(item, URLPattern):
                yield path
            else:
                yield from walk(item, path)

    for path in walk(get_resolver(), ""):
        if not path.startswith("admin/") or path.startswith(OWN_PAGES):
            yield path


@dataclass
class Secret:
    """Client A's objects, all marked, and the strangers who try to reach them."""

    world: World = field(default_factory=World)

    def __post_init__(self) -> None:
        client = self.world.client_a
        self.team = Team.objects.create(client=client, slug=f"{MARK}-team", name=MARK)
        self.taxonomy = Taxonomy.objects.create(client=client, slug=f"{MARK}-taxonomy", name=MARK)
        self.category = Category.objects.create(taxonomy=self.taxonomy, slug=MARK, name=MARK)
        self.project = Project.objects.create(client=client, slug=MARK, name=MARK)
        self.module = Module.objects.create(project=self.project, slug=MARK, name=MARK)
        self.rule = RoutingRule.objects.create(client=client, slug=MARK, name=MARK, team=self.team)
        self.article = Article.objects.create(client=client, slug=MARK, title=MARK, body=MARK)
        ticket = self.world.ticket(f"{MARK} subject", body=f"{MARK} body")
        self.ticket = ticket_assign(ticket=ticket, team=self.team, assignee=None, actor=system_actor())
        self.attachment = self._attachment()
        owned = {"client": client, "owner": self.world.lead, "scope": "team", "team": self.team}
        self.view = SavedView.objects.create(name=MARK, query="status=all", **owned)
        self.bulk = BulkAction.objects.create(owner=self.world.lead, words=MARK)
        self.macro = Macro.objects.create(name=MARK, body=MARK, **owned)
        other = self.world.ticket(f"{MARK} other")
        self.link = TicketLink.objects.create(source=self.ticket, target=other, kind="related")
        self.review = ReviewItem.objects.create(ticket=self.ticket, client=client, urgency=1.0)
        answered = ReviewItem.objects.create(
            ticket=self.ticket, client=client, state="accepted", reviewed_by=self.world.lead
        )
        self.opinion = SecondOpinion.objects.create(item=answered, client=client)
        self.provider = LlmProvider.objects.create(
            client=client, name=MARK, kind="compatible", model=MARK, base_url="http://127.0.0.1:1"
        )
        self.proposal = RuleProposal.objects.create(
            client=client, taxonomy=self.ticket.taxonomy, kind="routing", phrase=MARK, team=self.team,
            support=9, right=9, bound=0.7,
        )  # fmt: skip
        self.run = run_request(ticket=self.ticket)
        self.trial = WhatIfTrial.objects.create(client=client, asked_by=self.world.lead, summary=MARK)
        self.job = ImportJob.objects.create(client=client, attachment=self.attachment, header=[MARK])
        self.convo = ChatConvo.objects.create(
            client=client,
            user=self.world.lead,
            caller=str(self.world.lead.uuid),
            audience="agent",
            title=MARK,
        )

    def _attachment(self) -> Attachment:
        row = Attachment(client=self.world.client_a, ticket=self.ticket, name=f"{MARK}.txt", size=1)
        row.file.save("x.txt", ContentFile(b"x"), save=False)
        row.save()
        return row

    def strangers(self) -> dict[str, User | str | None]:
        """Who may not: a user, the secret of a key, or nobody."""
        other = self.world.client_b
        agent = make_user("agent-b", Group.AGENTS, other)
        TeamMember.objects.create(team=self.world.network, user=agent)
        issued = api_key_issue(client=other, name="key", scopes=list(Scope.values), actor=system_actor())
        return {
            "anonymous": None,
            "lead of another client": self.world.stranger,
            "agent of another client": agent,
            "requester of another client": make_user("requester-b", Group.REQUESTERS, other),
            "key of another client": issued.secret,
            "another requester": self.world.other_requester,
            "agent of another team": self.world.agent,
        }


SAME_CLIENT = {"another requester", "agent of another team"}
BODY: dict[str, Any] = {
    "body": "x", "text": "x", "ticket": "x", "subject": "x", "name": "x", "slug": "x", "status": "closed",
    "client": "a", "team": f"{MARK}-team", "category": MARK, "project": MARK, "taxonomy": f"{MARK}-taxonomy",
    "severity": "high", "kind": "related", "to": "SW-1", "user_id": "u", "title": "x", "then": "",
    "tone": "formal", "message": "x", "rating": 1, "helped": "yes",
    "tickets": [{"body": "x", "project": MARK}],
}  # fmt: skip
IGNORED = {"Session", "IdempotencyRecord", "OutstandingToken", "LogEntry"}


def body_of(response: Any) -> str:
    """What was answered, also where it is sent piece by piece."""
    content = b"".join(response.streaming_content) if response.streaming else response.content
    return str(content.decode("utf-8", "replace"))


def snapshot() -> dict[str, list[Any]]:
    """All rows of the domain apps that belong to client A or to nobody in particular."""
    found = {}
    for model in apps.get_models():
        if model._meta.app_label not in {"ticketing", "classifier", "sla", "teams", "ingest"}:
            continue
        if model.__name__ in IGNORED or model.__name__.startswith("Historical"):
            continue
        names = [
            f.attname for f in model._meta.concrete_fields if f.name not in {"last_login", "last_used_at"}
        ]
        rows = model._default_manager.all()
        if "client_id" in names:
            rows = rows.filter(client__slug="a")
        elif "ticket_id" in names:
            rows = rows.filter(ticket__client__slug="a")
        else:
            continue
        found[model.__name__] = list(rows.order_by("pk").values_list(*names))
    return found


class AccessMatrixTests(TestCase):
    """The table against the routes."""

    @classmethod
    def setUpTestData(cls) -> None:
        cls.secret = Secret()
        cls.strangers = cls.secret.strangers()

    def caller(self, who: User | str | None, path: str) -> Any:
        """A browser for pages, an API client for the API."""
        if not path.startswith(("api/", "classify")):
            browser = Browser()
            if isinstance(who, User):
                browser.force_login(who)
            return browser
        api = APIClient()
        if isinstance(who, User):
            api.force_authenticate(who)
        elif who:
            api.credentials(HTTP_AUTHORIZATION=f"Bearer {who}")
        return api

    def send(self, who: User | str | None, method: str, path: str) -> Any:
        """One call with a body that names client A's objects."""
        caller = self.caller(who, path)
        options: dict[str, Any] = {}
        if isinstance(caller, APIClient):
            form = path.endswith(("/file", "/upload"))
            options = {"format": "multipart" if form else "json"}
        elif method in {"put", "patch"}:
            options = {"content_type": "application/json"}
        flat = options.get("format") == "multipart"
        body = {} if method == "get" else {k: v for k, v in BODY.items() if not (flat and k == "tickets")}
        return getattr(caller, method)(f"/{path}", body, **options)

    def test_every_route_is_in_the_table(self) -> None:
        """A2: a route nobody thought about is a hole."""
        known = set(OBJECTS) | COLLECTIONS | set(OPEN)
        self.assertEqual(sorted(set(routes()) - known), [])

    @pytest.mark.timeout(400)  # three thousand requests; a busy machine needs more than the usual limit
    def test_nobody_reaches_a_foreign_object(self) -> None:
        """A2: each route × method × stranger."""
        existing = set(routes())
        before = snapshot()
        for route, fill in OBJECTS.items():
            if route not in existing:
                continue
            path = self.filled(route, fill(self.secret))
            for name, who in self.strangers.items():
                if route in SHARED_WITH_CLIENT and name in SAME_CLIENT:
                    continue
                if route in SHARED_WITH_STAFF and name == "agent of another team":
                    continue
                for method in METHODS:
                    with self.subTest(route=route, method=method, actor=name):
                        self.check_refused(self.send(who, method, path))
        self.assertEqual(snapshot(), before)

    def check_refused(self, response: Any) -> None:
        """Refused, or sent to the log-in; and nothing given away."""
        if response.status_code == 302:
            self.assertTrue(response.headers["Location"].startswith("/login"), response.headers["Location"])
            return
        self.assertIn(response.status_code, REFUSED)
        self.assertNotIn(MARK, body_of(response).lower())

    @staticmethod
    def filled(route: str, places: Places) -> str:
        """The route with its placeholders filled."""
        for name, value in places.items():
            for kind in ("str", "int", "uuid", "slug"):
                route = route.replace(f"<{kind}:{name}>", str(value))
        return route

    def test_no_collection_shows_or_changes_what_is_foreign(self) -> None:
        """T10: lists and creations stay within the caller's client, whatever the body names."""
        before = snapshot()
        for route in sorted(COLLECTIONS & set(routes())):
            for name, who in self.strangers.items():
                if name in SAME_CLIENT:
                    continue
                for method in METHODS:
                    with self.subTest(route=route, method=method, actor=name):
                        response = self.send(who, method, route)
                        self.assertLess(response.status_code, 500)
                        self.assertNotIn(f"{MARK} subject", body_of(response))
        self.assertEqual(snapshot(), before)

    def test_the_owner_does_reach_the_object(self) -> None:
        """The table would prove nothing if its addresses were wrong: the lead of the client gets in."""
        for route, fill in OBJECTS.items():
            if route in set(routes()) and route.startswith("api/") and "/files/" not in route:
                path = self.filled(route, fill(self.secret))
                status = self.send(self.secret.world.lead, "get", path).status_code
                self.assertIn(status, {200, 405}, route)
        self.assertTrue(Ticket.objects.filter(pk=self.secret.ticket.pk).exists())
