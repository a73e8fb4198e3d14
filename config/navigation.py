"""The side bar of the back office, and its style."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from django.templatetags.static import static
from django.urls import reverse

from classifier.models import ReviewItem
from common.actors import Deed
from teams.api.actors import actor_of

Item = dict[str, Any]


def admin_style(request: HttpRequest) -> str:
    """The stylesheet of the dashboard."""
    return static("css/admin.css")


def favicon(request: HttpRequest) -> str:
    """The icon of the tab, the same as on the desk."""
    return static("img/favicon.svg")


def tabs(request: HttpRequest) -> list[Item]:
    """Lists of tickets that leads open most, as tabs above the list."""
    url = reverse("admin:ticketing_ticket_changelist")
    wanted = (
        ("All", ""),
        ("Open", "?set=open"),
        ("To check", "?needs_review__exact=1"),
        ("Critical", "?set=critical"),
        ("Overdue", "?set=overdue"),
        ("Without a person", "?set=unassigned"),
    )
    query = f"?{request.GET.urlencode()}" if request.GET else ""
    return [
        {
            "models": ["ticketing.ticket"],
            "items": [
                {"title": title, "link": url + part, "active": request.path == url and query == part}
                for title, part in wanted
            ],
        }
    ]


def open_reviews(request: HttpRequest) -> str:
    """How many tickets wait for a reviewer."""
    count = ReviewItem.objects.visible_to(actor_of(request)).open().count()
    return str(count) if count else ""


def _link(title: str, icon: str, link: str, **more: Any) -> Item:
    return {"title": title, "icon": icon, "link": link, **more}


def _list(title: str, icon: str, model: str) -> Item:
    return _link(title, icon, reverse(f"admin:{model}_changelist"))


def _administrators(request: HttpRequest) -> bool:
    return actor_of(request).sees_every_client


def _importers(request: HttpRequest) -> bool:
    return actor_of(request).may(Deed.IMPORT)


def _group(title: str, *items: Item, folded: bool = False) -> Item:
    return {"title": title, "separator": True, "collapsible": folded, "items": list(items)}


def sidebar(request: HttpRequest) -> list[Item]:
    """Groups of links in the order of a lead's day."""
    badge = "config.navigation.open_reviews"
    scheduler = {**_list("Periodic tasks", "schedule", "django_celery_beat_periodictask")}
    return [
        _group(
            "Work",
            _link("Dashboard", "monitoring", reverse("admin:index")),
            _list("Tickets", "confirmation_number", "ticketing_ticket"),
            _link("Review queue", "rule", reverse("review:queue"), badge=badge),
            _link("Desk", "support_agent", reverse("desk:queue")),
            _list("Requesters", "person", "ticketing_requester"),
            _list("Ratings", "star", "ticketing_ticketfeedback"),
            _link("Imports", "upload_file", reverse("imports:overview"), permission=_importers),
        ),
        _group(
            "Routing",
            _list("Taxonomies", "account_tree", "ticketing_taxonomy"),
            _list("Categories", "label", "ticketing_category"),
            _list("Routing rules", "alt_route", "ticketing_routingrule"),
            _list("Teams", "groups", "teams_team"),
            _link("Proposed rules", "lightbulb", reverse("review:proposals")),
            _list("SLA policies", "timer", "sla_policy"),
            _list("Clocks", "hourglass_top", "sla_clock"),
            _link("Deadlines", "alarm_on", reverse("sla:deadlines")),
        ),
        _group(
            "AI",
            _list("Runs", "play_circle", "classifier_workflowrun"),
            _list("Models", "model_training", "classifier_localmodel"),
            _list("Examples", "school", "classifier_labelledexample"),
            _list("Reviews", "fact_check", "classifier_reviewitem"),
            _list("Drafts", "edit_note", "classifier_responsedraft"),
            _list("Extracted fields", "data_object", "classifier_extractedfield"),
            _list("Classifications", "category", "classifier_classification"),
            _link("What if", "science", reverse("review:what_if")),
            _link("Language models", "neurology", reverse("review:providers")),
            _list("Language model records", "settings_input_component", "classifier_llmprovider"),
            _list("Prompts", "chat", "classifier_promptversion"),
            _list("Conversations", "forum", "classifier_chatconvo"),
            _list("What left the house", "outbound", "classifier_llmcall"),
        ),
        _group(
            "Knowledge",
            _list("Articles", "menu_book", "ticketing_article"),
            _list("Projects", "folder", "ticketing_project"),
            _list("Macros", "bolt", "ticketing_macro"),
            _list("Saved views", "bookmark", "ticketing_savedview"),
        ),
        _group(
            "House",
            _list("Clients", "apartment", "teams_client"),
            _list("Client settings", "tune", "ticketing_clientsettings"),
            _list("Mails to requesters", "mail", "ticketing_requestermailtemplate"),
            _list("People", "badge", "teams_user"),
            _list("Calendars", "calendar_month", "teams_businesscalendar"),
            _list("API keys", "key", "teams_apikey"),
            _list("Credentials", "lock", "teams_credential"),
            _list("Feature flags", "flag", "teams_featureflag"),
            _list("Alerts", "notifications", "teams_alert"),
            _list("Notification targets", "notifications_active", "teams_notificationtarget"),
            _list("Outbox", "outbox", "teams_notification"),
            {**_list("Exports", "download", "ticketing_ticketexport"), "permission": _administrators},
            {**scheduler, "permission": _administrators},
        ),
    ]
