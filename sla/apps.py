"""App configuration."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class SlaConfig(AppConfig):
    """Label and start-up wiring."""

    name = "sla"
    verbose_name = _("Service levels")

    def ready(self) -> None:
        """Connect the receivers and fill the slots of lower layers."""
        from sla import panels, receivers  # noqa: PLC0415  models are not loaded before
        from teams import events as people  # noqa: PLC0415
        from ticketing import events  # noqa: PLC0415

        panels.register()
        events.ticket_opened.connect(receivers.start_clocks, dispatch_uid="sla.start_clocks")
        events.ticket_triaged.connect(
            receivers.retarget_after_triage, dispatch_uid="sla.retarget_after_triage"
        )
        events.ticket_changed.connect(
            receivers.retarget_after_change, dispatch_uid="sla.retarget_after_change"
        )
        events.ticket_assigned.connect(
            receivers.retarget_after_assignment, dispatch_uid="sla.retarget_after_assignment"
        )
        people.calendar_changed.connect(receivers.owe_recount, dispatch_uid="sla.owe_recount")
        events.status_changed.connect(receivers.follow_status, dispatch_uid="sla.follow_status")
        events.ticket_merged.connect(receivers.pause_for_merge, dispatch_uid="sla.pause_for_merge")
        events.ticket_unmerged.connect(receivers.resume_after_merge, dispatch_uid="sla.resume_after_merge")
        events.message_added.connect(receivers.follow_reply, dispatch_uid="sla.follow_reply")
