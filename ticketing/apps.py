"""App configuration."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class TicketingConfig(AppConfig):
    """Label and start-up wiring."""

    name = "ticketing"
    verbose_name = _("Ticketing")

    def ready(self) -> None:
        """Connect the receivers and fill the slots of lower layers."""
        from teams import events as people  # noqa: PLC0415  models are not loaded before
        from ticketing import events, receivers  # noqa: PLC0415
        from ticketing.selectors import indicators, sets  # noqa: PLC0415
        from ticketing.services import requester_mail  # noqa: PLC0415

        events.status_changed.connect(
            receivers.hand_out_after_status, dispatch_uid="ticketing.hand_out_after_status"
        )
        events.ticket_assigned.connect(
            receivers.hand_out_after_assignment, dispatch_uid="ticketing.hand_out_after_assignment"
        )
        people.presence_changed.connect(
            receivers.hand_out_after_presence, dispatch_uid="ticketing.hand_out_after_presence"
        )
        people.team_changed.connect(
            receivers.hand_out_after_team_change, dispatch_uid="ticketing.hand_out_after_team_change"
        )
        indicators.register()
        sets.register()
        requester_mail.register()
        events.ticket_opened.connect(
            receivers.mail_acknowledgement, dispatch_uid="ticketing.mail_acknowledgement"
        )
        events.message_added.connect(receivers.mail_reply, dispatch_uid="ticketing.mail_reply")
        events.status_changed.connect(receivers.mail_status, dispatch_uid="ticketing.mail_status")
