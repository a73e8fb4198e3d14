"""Who listens to what: the exact receivers of every event, and the page that mirrors them (STYLE 10)."""

from __future__ import annotations

import inspect
from pathlib import Path

from django.test import SimpleTestCase

from common.events import DomainEvent
from teams import events as people
from ticketing import events

ROOT = Path(__file__).resolve().parents[1]

WIRING = {
    "ticket_opened": [
        "ticketing.mail_acknowledgement",
        "sla.start_clocks",
        "classifier.request_triage",
    ],
    "ticket_changed": ["sla.retarget_after_change", "classifier.request_triage_of_change"],
    "ticket_triaged": ["sla.retarget_after_triage", "classifier.request_draft"],
    "field_decided": ["classifier.settle_review", "classifier.keep_example"],
    "status_changed": [
        "ticketing.hand_out_after_status",
        "ticketing.mail_status",
        "sla.follow_status",
    ],
    "ticket_assigned": ["ticketing.hand_out_after_assignment", "sla.retarget_after_assignment"],
    "ticket_merged": ["sla.pause_for_merge"],
    "ticket_unmerged": ["sla.resume_after_merge"],
    "message_added": ["ticketing.mail_reply", "sla.follow_reply", "classifier.settle_draft"],
    "attachment_added": ["ingest.read_later"],
    "presence_changed": ["ticketing.hand_out_after_presence"],
    "team_changed": ["ticketing.hand_out_after_team_change"],
    "calendar_changed": ["sla.owe_recount"],
    "tickets_imported": ["classifier.request_triage_of_import"],
}


def receivers(event: DomainEvent) -> set[str]:
    """The names under which receivers are connected."""
    return {str(key[0]) for key, *_ in event.receivers}


class WiringTests(SimpleTestCase):
    """Adding a receiver edits this table and the page."""

    def test_every_event_has_exactly_these_receivers(self) -> None:
        """No receiver appears or disappears unnoticed."""
        found = {
            name: receivers(event)
            for module in (events, people)
            for name, event in inspect.getmembers(module, lambda it: isinstance(it, DomainEvent))
        }
        self.assertEqual(found, {name: set(names) for name, names in WIRING.items()})

    def test_the_page_names_every_event_and_receiver(self) -> None:
        """``docs/events.md`` mirrors the wiring."""
        text = (ROOT / "docs" / "events.md").read_text(encoding="utf-8")
        for name, names in WIRING.items():
            for word in (name, *names):
                self.assertIn(f"`{word}`", text)
