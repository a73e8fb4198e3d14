"""Why a deadline is when it is: page, back office and API (S3); what the forms refuse."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from django.contrib.auth.models import Group
from django.core.exceptions import ValidationError
from django.urls import reverse
from rest_framework.test import APIClient

from common.actors import system_actor
from sla.models import Clock, Policy, Recount, Target
from sla.panels import render_notification
from sla.services.checks import check_due
from sla.tests.support import MONDAY, ClockCase
from teams.models import BusinessCalendar, CalendarDay, CalendarVersion, Notification, User
from teams.services.calendars import calendar_load, calendar_publish
from ticketing.models import Ticket
from ticketing.services.tickets import status_change


def administrator() -> User:
    """Somebody who may do everything in the back office."""
    user = User.objects.create_user("root", "root@example.org", is_staff=True, is_superuser=True)
    user.groups.add(Group.objects.get_or_create(name="Administrators")[0])
    return user


class ExplainTests(ClockCase):
    """The segments say it."""

    def paused_over_night(self) -> Ticket:
        """Two hours worked on Monday, paused until Tuesday at ten, with another closing time since."""
        office = self.office_hours()
        ticket = self.ticket()
        self.pass_time(hours=2)
        self.move(ticket, "pending")
        self.pass_time(hours=23)
        self.move(ticket, "open")
        self.pass_time(hours=1)
        office.intervals.update(ends=datetime(2027, 1, 1, 16, tzinfo=UTC).time())
        calendar_publish(calendar=office, now=datetime.now(UTC))
        self.recount()
        return ticket

    def answer(self, ticket: Ticket, user: User) -> Any:
        """What the API says."""
        api = APIClient()
        api.force_authenticate(user)
        return api.get(f"/api/v1/tickets/{ticket.reference}/sla")

    def test_the_api_lists_segments_that_add_up_to_the_deadline(self) -> None:
        """S3: kind, from, to, reason, calendar version, minutes and running total."""
        ticket = self.paused_over_night()
        clocks = self.answer(ticket, self.world.lead).json()["clocks"]
        (clock,) = [row for row in clocks if row["kind"] == "resolution"]
        lines = [
            (row["kind"], row["minutes"], row["total_minutes"], row["calendar"]) for row in clock["segments"]
        ]
        self.assertEqual(
            lines,
            [
                ("running", 120.0, 120.0, "Office, version 1"),
                ("paused", 0.0, 120.0, "Office, version 1"),
                ("running", 60.0, 180.0, "Office, version 1"),
                ("running", 0.0, 180.0, "Office, version 2"),
            ],
        )
        # 21 hours are left: five on Tuesday, seven on Wednesday and on Thursday, two on Friday.
        self.assertEqual(clock["due_at"], "2027-06-11T11:00:00Z")
        self.assertEqual(
            clock["because"],
            "Due 11 Jun 2027, 11:00 UTC because 3 h of 24 h were used by 8 Jun 2027, 11:00 UTC and the other "
            "21 h pass in the working time of “Office, version 2”.",
        )
        self.assertEqual(self.answer(ticket, self.world.stranger).status_code, 404)

    def test_the_desk_shows_it(self) -> None:
        """S3: on the ticket page."""
        ticket = self.paused_over_night()
        self.client.force_login(self.world.lead)
        page = self.client.get(ticket.get_absolute_url())
        self.assertContains(page, "Due 11 Jun 2027, 11:00 UTC because 3 h of 24 h were used")
        self.assertContains(page, "Office, version 2")

    def test_the_desk_shows_each_promise_once(self) -> None:
        """S3: a reopened ticket has a second generation; the first is history."""
        ticket = self.ticket()
        for status in ("resolved", "open"):
            status_change(ticket=ticket, status=status, actor=system_actor())
        self.client.force_login(self.world.lead)
        page = self.client.get(ticket.get_absolute_url())
        shown = [(clock["kind"], clock["generation"]) for clock in page.context["clocks"]]
        self.assertEqual(sorted(shown), [("first_response", 2), ("resolution", 2)])

    def test_the_back_office_shows_it(self) -> None:
        """S3: on the page of the clock."""
        ticket = self.paused_over_night()
        self.client.force_login(administrator())
        clock = self.resolution(ticket)
        page = self.client.get(reverse("admin:sla_clock_change", args=[clock.pk]))
        self.assertContains(page, "sla-ledger__paused")
        self.assertContains(page, "Office, version 2")
        self.assertContains(page, "Due 11 Jun 2027, 11:00 UTC")

    def test_every_end_is_explained(self) -> None:
        """S3: kept, broken, paused and withdrawn."""
        kept, late, paused, gone = (self.ticket() for _ in range(4))
        self.pass_time(hours=3)
        self.reply(kept, self.agent)
        self.move(paused, "pending")
        self.move(gone, "resolved")
        self.pass_time(hours=2)

        def words(ticket: Ticket, kind: str) -> str:
            clocks = self.answer(ticket, self.world.lead).json()["clocks"]
            return next(str(row["because"]) for row in clocks if row["kind"] == kind)

        self.assertEqual(
            words(kept, "first_response"), "Done 7 Jun 2027, 12:00 UTC after 3 h of 4 h: in time."
        )
        unchecked = "Late since 7 Jun 2027, 13:00 UTC, when the 4 h were used up."
        self.assertEqual(words(late, "first_response"), unchecked)
        check_due(now=datetime.now(UTC))
        broken = "Broken since 7 Jun 2027, 13:00 UTC, when the 4 h were used up. It was noticed 1 h later."
        self.assertEqual(words(late, "first_response"), broken)
        rests = "No deadline while the clock is paused: 3 h of 24 h are used."
        self.assertEqual(words(paused, "resolution"), rests)
        self.assertEqual(words(gone, "first_response"), "The ticket was resolved without a response.")


class LateCheckTests(ClockCase):
    """After the scheduler was down."""

    def test_what_is_noticed_late_says_how_late(self) -> None:
        """S4: the promise was broken at its deadline, whenever that was noticed."""
        self.world.mail_target(self.world.network, "network@example.org")
        ticket = self.ticket("critical")
        Ticket.objects.filter(pk=ticket.pk).update(team=self.world.network)
        self.pass_time(hours=3)
        check_due(now=datetime.now(UTC))
        clock = self.clock(ticket)
        self.assertEqual(clock.breached_at, MONDAY + timedelta(hours=1))
        self.assertEqual(clock.noticed_at, MONDAY + timedelta(hours=3))
        row = Notification.objects.get()
        self.assertEqual(row.payload["noticed_late_seconds"], 7200)
        self.assertIn("noticed 2 hours late", render_notification(row.payload)["text"])

    def test_of_several_warnings_that_were_missed_the_highest_is_told(self) -> None:
        """S4: 50, 75 and 90 %, each once, and no three notices at once."""
        Policy.objects.update(warn_percents=[50, 75, 90])
        self.world.mail_target(self.world.network, "network@example.org")
        ticket = self.ticket("critical")
        Ticket.objects.filter(pk=ticket.pk).update(team=self.world.network)
        clock = self.clock(ticket)
        self.assertEqual(clock.warn_at, MONDAY + timedelta(minutes=30))
        self.pass_time(minutes=50)
        for _ in range(2):
            check_due(now=datetime.now(UTC))
        self.assertEqual(self.clock(ticket).warn_at, MONDAY + timedelta(minutes=54))
        self.pass_time(minutes=5)
        check_due(now=datetime.now(UTC))
        levels = [row.event_key.rsplit(":", 1)[1] for row in Notification.objects.order_by("pk")]
        self.assertEqual(levels, ["warning-75", "warning-90"])


class BackOfficeTests(ClockCase):
    """What the forms refuse, and what they set off."""

    def setUp(self) -> None:
        super().setUp()
        self.client.force_login(administrator())

    def post(self, *intervals: tuple[int, str, str], **fields: str) -> Any:
        """Add a calendar with intervals."""
        data: dict[str, str] = {
            "slug": "new", "name": "New", "time_zone": "UTC", "holiday_country": "", "holiday_region": "",
        }  # fmt: skip
        for prefix, total in (("intervals", len(intervals)), ("days", 0), ("versions", 0)):
            data |= {f"{prefix}-TOTAL_FORMS": str(total), f"{prefix}-INITIAL_FORMS": "0"}
        for number, (day, starts, ends) in enumerate(intervals):
            row = {"weekday": str(day), "starts": starts, "ends": ends}
            data |= {f"intervals-{number}-{name}": value for name, value in row.items()}
        return self.client.post(reverse("admin:teams_businesscalendar_add"), data | fields)

    def test_a_calendar_that_cannot_be_counted_with_is_refused(self) -> None:
        """S2: no hours, hours twice, no such zone, country or region."""
        day = (0, "09:00", "17:00")
        for intervals, fields, message in (
            ((), {}, "Give at least one interval of working hours"),
            ((day, (0, "16:00", "18:00")), {}, "overlap"),
            (((6, "22:00", "06:00"), (0, "05:00", "09:00")), {}, "overlap"),
            ((day,), {"time_zone": "Europe/Atlantis"}, "There is no time zone"),
            ((day,), {"holiday_country": "XX"}, "are not known"),
            ((day,), {"holiday_country": "DE", "holiday_region": "CA"}, "has no region"),
        ):
            with self.subTest(message=message, fields=fields):
                self.assertContains(self.post(*intervals, **fields), message)
        self.assertFalse(BusinessCalendar.objects.filter(slug="new").exists())

    def test_the_loader_refuses_what_the_form_refuses(self) -> None:
        """S2: shipped files are no way around."""
        day = {"days": ["mon"], "starts": "09:00", "ends": "17:00"}
        base = {"slug": "x", "name": "X", "intervals": [day]}
        for change in ({"intervals": []}, {"intervals": [day, day]}, {"time_zone": "Mars/Olympus"}):
            with self.subTest(change=change), self.assertRaises(ValidationError):
                calendar_load(given={**base, **change}, now=MONDAY)
        self.assertEqual(calendar_load(given=base, now=MONDAY).versions.count(), 1)

    def test_a_saved_calendar_has_a_version(self) -> None:
        """S3: and one around the clock needs no hours."""
        self.assertEqual(self.post((0, "09:00", "17:00"), holiday_country="DE").status_code, 302)
        self.assertEqual(
            CalendarVersion.objects.get(calendar__slug="new").hours["intervals"],
            [[0, "09:00:00", "17:00:00"]],
        )
        self.assertEqual(self.post(always_open="on", slug="always").status_code, 302)

    def test_a_deleted_policy_owes_a_recount(self) -> None:
        """S3: clocks follow what is done in the back office."""
        ticket = self.ticket()
        url = reverse("admin:sla_policy_delete", args=[self.policy.pk])
        self.assertEqual(self.client.post(url, {"post": "yes"}).status_code, 302)
        self.assertEqual(Recount.objects.get().why, "The policy “Standard” was deleted.")
        self.recount()
        self.assertEqual(self.clock(ticket).state, "cancelled")

    def test_an_edited_target_is_followed(self) -> None:
        """S3: saved in the back office, moved by the task."""
        ticket = self.ticket()
        rows = list(Target.objects.filter(policy=self.policy).order_by("kind", "minutes"))
        data = {
            "slug": "standard", "name": "Standard", "order": "1000", "warn_percents": "[50, 90]",
            "actions": '["notify"]', "is_active": "on", "targets-TOTAL_FORMS": str(len(rows)),
            "targets-INITIAL_FORMS": str(len(rows)),
        }  # fmt: skip
        for number, row in enumerate(sorted(rows, key=lambda row: row.pk)):
            values = {"id": row.pk, "policy": self.policy.pk, "kind": row.kind, "severity": row.severity}
            values["minutes"] = 60 if (row.kind, row.severity) == ("first_response", "high") else row.minutes
            data |= {f"targets-{number}-{name}": str(value) for name, value in values.items()}
        answer = self.client.post(reverse("admin:sla_policy_change", args=[self.policy.pk]), data)
        self.assertEqual(answer.status_code, 302, answer.context and answer.context["errors"])
        self.recount()
        clock = self.clock(ticket)
        self.assertEqual((clock.minutes, clock.warn_at), (60, MONDAY + timedelta(minutes=30)))

    def test_models_refuse_what_means_nothing(self) -> None:
        """S1, S2: percentages, actions, hours of a closed day, endless targets."""
        office = self.calendar("office", 9, 17)
        noon = datetime(2027, 1, 1, 12, tzinfo=UTC).time()
        wrong: list[Any] = [
            Policy(slug="a", name="A", warn_percents=[75, 75]),
            Policy(slug="a", name="A", warn_percents=[True]),
            Policy(slug="a", name="A", actions=["shout"]),
            Policy(slug="a", name="A", actions=[{}]),
            CalendarDay(calendar=office, date=MONDAY.date(), name="x", starts=noon, ends=noon),
            CalendarDay(calendar=office, date=MONDAY.date(), name="x", is_open=True, starts=noon),
            Target(policy=self.policy, kind="resolution", severity="high", minutes=5_256_001),
        ]
        for row in wrong:
            with self.subTest(row=str(row)), self.assertRaises(ValidationError):
                row.full_clean()
        self.assertFalse(Clock.objects.exists())
