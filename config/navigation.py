"""The side bar of the back office, and its style."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from django.templatetags.static import static
from django.urls import reverse
from django.utils.translation import gettext as _

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
        (_("All"), ""),
        (_("Open"), "?set=open"),
        (_("Needs review"), "?needs_review__exact=1"),
        (_("Critical"), "?set=critical"),
        (_("Overdue"), "?set=overdue"),
        (_("Unassigned"), "?set=unassigned"),
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


def _list(title: str, icon: str, model: str, **more: Any) -> Item:
    return _link(title, icon, reverse(f"admin:{model}_changelist"), **more)


def _administrators(request: HttpRequest) -> bool:
    return actor_of(request).sees_every_client


def _importers(request: HttpRequest) -> bool:
    return actor_of(request).may(Deed.IMPORT)


def _group(title: str, *items: Item, folded: bool = False) -> Item:
    return {"title": title, "separator": True, "collapsible": folded, "items": list(items)}


def _work() -> Item:
    return _group(
        _("Work"),
        _link(_("Dashboard"), "monitoring", reverse("admin:index")),
        _list(_("Tickets"), "confirmation_number", "ticketing_ticket"),
        _link(_("Review queue"), "rule", reverse("review:queue"), badge="config.navigation.open_reviews"),
        _link(_("Desk"), "support_agent", reverse("desk:queue")),
        _list(_("Requesters"), "person", "ticketing_requester"),
        _list(_("Ratings"), "star", "ticketing_ticketfeedback"),
        _link(_("Imports"), "upload_file", reverse("imports:overview"), permission=_importers),
    )


def _routing(request: HttpRequest) -> Item:
    # The simulation lies beneath it: only the page itself marks the link.
    deadlines = reverse("sla:deadlines")
    return _group(
        _("Routing"),
        _list(_("Taxonomies"), "account_tree", "ticketing_taxonomy"),
        _list(_("Categories"), "label", "ticketing_category"),
        _list(_("Routing rules"), "alt_route", "ticketing_routingrule"),
        _list(_("Teams"), "groups", "teams_team"),
        _link(_("Proposed rules"), "lightbulb", reverse("review:proposals")),
        _list(_("SLA policies"), "timer", "sla_policy"),
        _list(_("Clocks"), "hourglass_top", "sla_clock"),
        _link(_("Deadlines"), "alarm_on", deadlines, active=request.path == deadlines),
        _link(_("Simulation"), "science", reverse("sla:simulation")),
    )


def _ai() -> Item:
    return _group(
        _("AI"),
        _list(_("Runs"), "play_circle", "classifier_workflowrun"),
        _list(_("Models"), "model_training", "classifier_localmodel"),
        _list(_("Evaluations"), "monitoring", "classifier_evaluationrecord"),
        _list(_("Examples"), "school", "classifier_labelledexample"),
        _list(_("Reviews"), "fact_check", "classifier_reviewitem"),
        _list(_("Drafts"), "edit_note", "classifier_responsedraft"),
        _list(_("Extracted fields"), "data_object", "classifier_extractedfield"),
        _list(_("Classifications"), "category", "classifier_classification"),
        _link(_("What if"), "science", reverse("review:what_if")),
        _link(_("Language models"), "neurology", reverse("review:providers")),
        _list(_("Language model records"), "settings_input_component", "classifier_llmprovider"),
        _list(_("Prompts"), "chat", "classifier_promptversion"),
        _list(_("Conversations"), "forum", "classifier_chatconvo"),
        _list(_("What left the house"), "outbound", "classifier_llmcall"),
    )


def _knowledge() -> Item:
    return _group(
        _("Knowledge"),
        _list(_("Articles"), "menu_book", "ticketing_article"),
        _list(_("Projects"), "folder", "ticketing_project"),
        _list(_("Macros"), "bolt", "ticketing_macro"),
        _list(_("Saved views"), "bookmark", "ticketing_savedview"),
    )


def _house() -> Item:
    return _group(
        _("House"),
        _list(_("Clients"), "apartment", "teams_client"),
        _list(_("Client settings"), "tune", "ticketing_clientsettings"),
        _list(_("Mails to requesters"), "mail", "ticketing_requestermailtemplate"),
        _list(_("People"), "badge", "teams_user"),
        _list(_("Calendars"), "calendar_month", "teams_businesscalendar"),
        _list(_("API keys"), "key", "teams_apikey"),
        _list(_("Credentials"), "lock", "teams_credential"),
        _list(_("Feature flags"), "flag", "teams_featureflag"),
        _list(_("Alerts"), "notifications", "teams_alert"),
        _list(_("Notification targets"), "notifications_active", "teams_notificationtarget"),
        _list(_("Outbox"), "outbox", "teams_notification"),
        _list(_("Exports"), "download", "ticketing_ticketexport", permission=_administrators),
        _list(_("Periodic tasks"), "schedule", "django_celery_beat_periodictask", permission=_administrators),
    )


def sidebar(request: HttpRequest) -> list[Item]:
    """Groups of links in the order of a lead's day."""
    return [_work(), _routing(request), _ai(), _knowledge(), _house()]
