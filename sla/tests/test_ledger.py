"""What was measured stays measured, whatever is edited later (S3); the bugs other help desks have."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise

from common.actors import ActorKind, automation_actor, system_actor
from sla.choices import ClockState, SegmentKind, TargetKind
from sla.models import Clock, ClockProblem, Policy, Recount, Segment, Target
from sla.panels import ticket_panel
from sla.services.checks import check_due
from sla.services.clocks import clocks_follow_reply
from sla.services.recounts import policy_changed, policy_delete
from sla.services.repair import clocks_repair
from sla.tests.support import MONDAY, ClockCase
from teams.models import BusinessCalendar, CalendarDay, Notification
from teams.selectors import calendar_is_open, public_holidays
from teams.services.calendars import calendar_publish, calendars_sweep
from ticketing.models import Category, Ticket
from ticketing.services.assignments import ticket_assign

HOUR = timedelta(hours=1)


def now() -> datetime:
    """The moment at which the clock stands."""
    return datetime.now(UTC)


class EditedPolicyTests(ClockCase):
    """Editing what is promised moves what runs."""

    def edited(self, policy: Policy | None = None) -> None:
        """What the back office does after saving."""
        policy_changed(policy=policy or self.policy, now=now())
        self.recount()

    def test_an_edited_target_moves_a_running_deadline(self) -> None:
        """S3: with the time already spent kept."""
        ticket = self.ticket()
        self.pass_time(hours=1)
        Target.objects.filter(kind=TargetKind.FIRST_RESPONSE, severity="high").update(minutes=120)
        self.edited()
        self.assertEqual(self.clock(ticket).due_at, MONDAY + 2 * HOUR)
        ticket.refresh_from_db()
        self.assertEqual(ticket.next_due_at, MONDAY + 2 * HOUR)

    def test_a_new_kind_starts_the_clock_that_was_missing_with_its_pauses(self) -> None:
        """S3: counted from the opening, without the time the ticket waited."""
        Target.objects.filter(kind=TargetKind.RESOLUTION).delete()
        ticket = self.ticket()
        self.assertFalse(Clock.objects.filter(kind=TargetKind.RESOLUTION).exists())
        self.pass_time(hours=1)
        self.move(ticket, "pending")
        self.pass_time(hours=5)
        self.move(ticket, "open")
        self.pass_time(hours=1)
        Target.objects.create(policy=self.policy, kind=TargetKind.RESOLUTION, severity="high", minutes=600)
        self.edited()
        clock = self.resolution(ticket)
        self.assertEqual(self.spent(clock), 120)
        self.assertEqual(clock.due_at, now() + 8 * HOUR)
        kinds = list(clock.segments.values_list("kind", flat=True))
        self.assertEqual(kinds, [SegmentKind.RUNNING, SegmentKind.PAUSED, SegmentKind.RUNNING])

    def test_a_kind_that_is_promised_no_more_is_cancelled_with_its_reason(self) -> None:
        """S3: not silently forgotten."""
        ticket = self.ticket()
        Target.objects.filter(kind=TargetKind.RESOLUTION).delete()
        self.edited()
        clock = self.resolution(ticket)
        self.assertEqual((clock.state, clock.stopped_at), (ClockState.CANCELLED, MONDAY))
        self.assertEqual(clock.reason, "“Standard” promises no resolution.")

    def test_without_a_policy_every_clock_is_cancelled_with_its_reason(self) -> None:
        """S3: no promise outlives its policy."""
        ticket = self.ticket()
        Policy.objects.filter(pk=self.policy.pk).update(is_active=False)
        self.edited()
        self.assertEqual(set(Clock.objects.values_list("state", flat=True)), {ClockState.CANCELLED})
        self.assertEqual(self.clock(ticket).reason, "No policy fits the ticket any more.")
        ticket.refresh_from_db()
        self.assertIsNone(ticket.next_due_at)

    def test_a_deleted_policy_hands_over_to_the_next_that_fits(self) -> None:
        """S1: the order decides, S3: the time spent is kept."""
        own = Policy.objects.create(slug="strict", name="Strict", order=1)
        for kind in TargetKind.values:
            Target.objects.create(policy=own, kind=kind, severity="high", minutes=60)
        ticket = self.ticket()
        self.assertEqual(self.resolution(ticket).minutes, 60)
        self.pass_time(minutes=30)
        policy_delete(policy=own, now=now())
        self.recount()
        clock = self.resolution(ticket)
        self.assertEqual((clock.policy, clock.minutes, self.spent(clock)), (self.policy, 1440, 30))

    def test_another_calendar_of_a_policy_counts_from_the_edit_on(self) -> None:
        """S3: what passed around the clock before it stays so."""
        ticket = self.ticket()
        self.pass_time(hours=10)
        Policy.objects.update(calendar=self.calendar("office", 9, 17))
        policy_changed(policy=self.policy, now=now())
        self.pass_time(hours=3)
        self.recount()
        clock = self.resolution(ticket)
        self.assertEqual(self.spent(clock), 600)
        # 14 of 24 hours are left: eight on Tuesday, six on Wednesday.
        self.assertEqual(clock.due_at, datetime(2027, 6, 9, 15, tzinfo=UTC))

    def test_a_ticket_of_another_client_is_left_alone(self) -> None:
        """S3: only what an edit concerns is recounted."""
        mine = Policy.objects.create(client=self.world.client_b, slug="b", name="B")
        ticket = self.ticket()
        before = self.clock(ticket).updated_at
        self.pass_time(hours=1)
        self.edited(mine)
        self.assertEqual(self.clock(ticket).updated_at, before)

    def test_a_recount_goes_on_where_it_ended(self) -> None:
        """STYLE 11: a second run finds its place, and one ticket that fails stops no other."""
        tickets = [self.ticket() for _ in range(3)]
        shut = BusinessCalendar.objects.create(slug="shut", name="Shut")
        category = Category.objects.get(slug="network")
        Ticket.objects.filter(pk=tickets[1].pk).update(category=category)
        bad = Policy.objects.create(slug="bad", name="Bad", category=category, calendar=shut, order=1)
        Target.objects.create(policy=bad, kind=TargetKind.RESOLUTION, severity="high", minutes=60)
        Target.objects.filter(kind=TargetKind.RESOLUTION, policy=self.policy).update(minutes=60)
        self.edited()
        row = Recount.objects.get()
        self.assertEqual((row.state, row.position, row.failed), ("done", tickets[2].pk, 1))
        self.assertEqual([self.resolution(ticket).minutes for ticket in tickets], [60, 1440, 60])
        self.assertEqual(ClockProblem.objects.get().ticket, tickets[1])
        bad.delete()
        self.pass_time(hours=1)
        clocks_repair(now=now())
        self.assertEqual(self.resolution(tickets[1]).minutes, 60)
        self.assertFalse(ClockProblem.objects.exists())


class EditedCalendarTests(ClockCase):
    """Each stretch is measured by the hours that held then."""

    def setUp(self) -> None:
        super().setUp()
        self.office = self.office_hours()

    def test_other_hours_do_not_measure_anew_what_has_passed(self) -> None:
        """S3: the first morning was nine to five, whatever holds now."""
        ticket = self.ticket()
        self.pass_time(hours=4)
        self.office.intervals.update(starts=time(13))
        calendar_publish(calendar=self.office, now=now())
        self.recount()
        clock = self.resolution(ticket)
        self.assertEqual(self.spent(clock), 240)
        # 20 of 24 hours are left, four a day from one to five: today and four more days.
        self.assertEqual(clock.due_at, datetime(2027, 6, 11, 17, tzinfo=UTC))
        self.assertEqual(list(clock.segments.values_list("version__number", flat=True)), [1, 2])

    def test_it_does_not_matter_when_the_task_comes(self) -> None:
        """S3: a clock paused between the edit and the recount is measured by both versions too."""
        ticket = self.ticket()
        self.pass_time(hours=2)
        self.office.intervals.update(ends=time(12))
        calendar_publish(calendar=self.office, now=now())
        self.pass_time(hours=4)
        self.move(ticket, "pending")
        self.assertEqual(self.spent(self.resolution(ticket)), 180)
        self.recount()
        self.assertEqual(self.spent(self.resolution(ticket)), 180)

    def test_a_new_holiday_delays_what_is_still_to_come(self) -> None:
        """FACTS: a holiday never brings a deadline forward."""
        ticket = self.ticket()
        before = self.resolution(ticket).due_at
        CalendarDay.objects.create(calendar=self.office, date=date(2027, 6, 8), name="Works outing")
        calendar_publish(calendar=self.office, now=now())
        self.recount()
        self.assertEqual(self.resolution(ticket).due_at, before + timedelta(days=1))

    def test_the_same_hours_are_no_new_version(self) -> None:
        """S3: saving without a change moves nothing."""
        self.ticket()
        self.assertIsNone(calendar_publish(calendar=self.office, now=now()))
        self.assertFalse(Recount.objects.exists())

    def test_hours_changed_by_a_script_are_found(self) -> None:
        """S3: whoever changed them, deadlines follow."""
        self.ticket()
        self.assertEqual(calendars_sweep(now=now()), 0)
        self.office.intervals.filter(weekday=4).delete()
        self.assertEqual(calendars_sweep(now=now()), 1)
        self.assertEqual(Recount.objects.get().calendar, self.office)

    def test_public_holidays_are_known_for_every_year(self) -> None:
        """S2: a region's too, and an own date that is open in spite of one."""
        BusinessCalendar.objects.update(holiday_country="DE", holiday_region="BY")
        CalendarDay.objects.create(
            calendar=self.office, date=date(2041, 12, 26), name="Stocktaking", is_open=True
        )
        calendar = BusinessCalendar.objects.prefetch_related("intervals", "days").get(slug="office")
        self.assertFalse(calendar_is_open(calendar, now=datetime(2040, 12, 25, 10, tzinfo=UTC)))
        self.assertFalse(calendar_is_open(calendar, now=datetime(2038, 1, 6, 10, tzinfo=UTC)))
        self.assertTrue(calendar_is_open(calendar, now=datetime(2041, 12, 26, 10, tzinfo=UTC)))
        self.assertIn(date(2038, 1, 6), public_holidays("DE", "BY", 2038))
        self.assertNotIn(date(2038, 1, 6), public_holidays("DE", "", 2038))

    def test_routing_knows_the_holidays_of_the_country(self) -> None:
        """S2: one answer to whether a team is at work."""
        self.assertTrue(calendar_is_open(self.office, now=datetime(2027, 10, 26, 10, tzinfo=UTC)))
        self.office.holiday_country = "AT"
        self.assertFalse(calendar_is_open(self.office, now=datetime(2027, 10, 26, 10, tzinfo=UTC)))


class ChangedTicketTests(ClockCase):
    """Severity, category and team decide what is promised; the past stays."""

    def test_pauses_are_kept_when_severity_category_and_team_change(self) -> None:
        """FACTS: pauses lost when policy or priority changes."""
        network = Category.objects.get(slug="network")
        for number, (name, value) in enumerate((("category", network), ("team", self.world.network))):
            policy = Policy.objects.create(slug=name, name=name, order=number + 1, **{name: value})
            for kind in TargetKind.values:
                for severity in ("high", "critical"):
                    row = {"kind": kind, "severity": severity, "minutes": 900 - 100 * number}
                    Target.objects.create(policy=policy, **row)
        ticket = self.ticket()
        self.pass_time(hours=2)
        self.move(ticket, "pending")
        self.pass_time(hours=50)
        self.move(ticket, "open")
        for step in (
            lambda: self.change(ticket, severity="critical"),
            lambda: ticket_assign(
                ticket=ticket, team=self.world.network, assignee=None, actor=system_actor()
            ),
            lambda: self.change(ticket, category=network),
            lambda: self.change(ticket, severity="high"),
        ):
            step()
            self.assertEqual(self.spent(self.resolution(ticket)), 120)
        clock = self.resolution(ticket)
        self.assertEqual((clock.minutes, clock.due_at), (900, now() + 13 * HOUR))

    def test_priority_alone_promises_nothing_else(self) -> None:
        """S1: targets go by severity."""
        ticket = self.ticket()
        before = self.resolution(ticket).due_at
        self.change(ticket, priority="urgent")
        self.assertEqual(self.resolution(ticket).due_at, before)

    def test_a_target_that_is_past_already_is_told_once_as_a_breach(self) -> None:
        """S4: not as a warning and a breach."""
        self.world.mail_target(self.world.network, "network@example.org")
        ticket = self.ticket("low")
        ticket_assign(ticket=ticket, team=self.world.network, assignee=None, actor=system_actor())
        self.pass_time(hours=2)
        self.change(ticket, severity="critical")
        for _ in range(3):
            check_due(now=now())
        self.assertEqual(list(Notification.objects.values_list("kind", flat=True)), ["sla.breach"])
        self.assertEqual(self.clock(ticket).breached_at, MONDAY + HOUR)

    def test_a_target_that_is_past_while_paused_is_found_too(self) -> None:
        """S3: the promise was broken before the pause began."""
        ticket = self.ticket("low")
        self.pass_time(hours=20)
        self.move(ticket, "pending")
        self.pass_time(hours=1)
        self.change(ticket, severity="critical")
        check_due(now=now())
        clock = self.resolution(ticket)
        self.assertEqual((clock.state, clock.breached_at), (ClockState.BREACHED, MONDAY + 8 * HOUR))
        self.assertEqual(ticket_panel([ticket.pk])[ticket.pk]["state"], "breached")

    def test_a_longer_target_takes_a_breach_back_and_may_break_again(self) -> None:
        """S4: each level once per generation, so the new promise is a new one."""
        self.world.mail_target(self.world.network, "network@example.org")
        ticket = self.ticket("critical")
        ticket_assign(ticket=ticket, team=self.world.network, assignee=None, actor=system_actor())
        self.pass_time(minutes=61)
        check_due(now=now())
        self.change(ticket, severity="high")
        clock = self.clock(ticket)
        self.assertEqual((clock.state, clock.generation, clock.warned_percent), ("running", 2, 0))
        self.pass_time(hours=4)
        check_due(now=now())
        responses = Notification.objects.filter(event_key__startswith=f"sla:{clock.pk}:")
        self.assertEqual(
            sorted(responses.values_list("event_key", flat=True)),
            [f"sla:{clock.pk}:1:breach", f"sla:{clock.pk}:2:breach"],
        )

    def test_a_zone_change_is_followed_from_its_moment_on(self) -> None:
        """S3: the same hours elsewhere are other hours."""
        office = self.office_hours()
        ticket = self.ticket()
        self.pass_time(hours=3)
        BusinessCalendar.objects.update(time_zone="America/New_York")
        calendar_publish(calendar=office, now=now())
        self.recount()
        clock = self.resolution(ticket)
        self.assertEqual(self.spent(clock), 180)
        # 21 hours are left; New York opens at 13:00 UTC: eight, eight and five.
        self.assertEqual(clock.due_at, datetime(2027, 6, 9, 18, tzinfo=UTC))


class ReopeningTests(ClockCase):
    """Reopening counts on."""

    def test_reopening_continues_with_the_time_already_spent(self) -> None:
        """S3: being resolved is no work, and solving badly earns no new time."""
        ticket = self.ticket()
        self.pass_time(hours=5)
        self.move(ticket, "resolved")
        self.pass_time(days=3)
        self.move(ticket, "open")
        clock = self.resolution(ticket)
        self.assertEqual((clock.generation, clock.carried), (2, 5 * HOUR))
        self.assertEqual(clock.due_at, now() + 19 * HOUR)
        self.pass_time(hours=1)
        self.assertEqual(self.spent(clock), 360)

    def test_what_was_resolved_late_is_late_when_it_is_reopened_and_told_no_more(self) -> None:
        """S4: one breach, one notice."""
        self.world.mail_target(self.world.network, "network@example.org")
        ticket = self.ticket("critical")
        ticket_assign(ticket=ticket, team=self.world.network, assignee=None, actor=system_actor())
        self.reply(ticket, self.agent)
        self.pass_time(hours=9)
        check_due(now=now())
        told = Notification.objects.count()
        self.move(ticket, "resolved")
        self.pass_time(hours=1)
        self.move(ticket, "open")
        check_due(now=now())
        self.assertEqual(self.resolution(ticket).state, ClockState.BREACHED)
        self.assertEqual(Notification.objects.count(), told)


class ResponseTests(ClockCase):
    """What answers and what asks."""

    def next(self, ticket: Ticket) -> Clock:
        """The newest clock of the next response."""
        return self.clock(ticket, TargetKind.NEXT_RESPONSE)

    def test_several_messages_before_the_answer_keep_the_first_deadline(self) -> None:
        """S3: asking again earns no more time to answer."""
        ticket = self.ticket()
        self.reply(ticket, self.agent)
        self.pass_time(hours=1)
        self.reply(ticket, self.requester)
        due = self.next(ticket).due_at
        self.pass_time(hours=1)
        self.reply(ticket, self.requester)
        self.assertEqual((self.next(ticket).generation, self.next(ticket).due_at), (1, due))
        self.reply(ticket, self.agent)
        self.pass_time(hours=1)
        self.reply(ticket, self.requester)
        self.assertEqual((self.next(ticket).generation, self.next(ticket).due_at), (2, now() + 8 * HOUR))

    def test_a_note_a_robot_and_a_status_answer_no_next_message_either(self) -> None:
        """FACTS: a bot reply counted as a response; a status change too."""
        ticket = self.ticket()
        self.reply(ticket, self.agent)
        self.reply(ticket, self.requester)
        self.reply(ticket, self.agent, public=False)
        self.reply(ticket, automation_actor(ActorKind.SYSTEM, "Auto-reply"))
        self.move(ticket, "open")
        self.assertEqual(self.next(ticket).state, ClockState.RUNNING)

    def test_a_reply_a_second_before_the_deadline_is_in_time_whatever_the_check_did(self) -> None:
        """S3: the ledger says so, not who came first."""
        ticket = self.ticket()
        due = self.clock(ticket).due_at
        assert due is not None
        check_due(now=due + timedelta(seconds=30))
        self.assertEqual(self.clock(ticket).state, ClockState.BREACHED)
        clocks_follow_reply(ticket=ticket, by_requester=False, by_person=True, now=due - timedelta(seconds=1))
        clock = self.clock(ticket)
        self.assertEqual((clock.state, clock.breached_at), (ClockState.MET, None))

    def test_a_reply_at_the_deadline_is_in_time_and_a_second_later_is_not(self) -> None:
        """S3: to the second, with no check in between."""
        for seconds, state in ((0, ClockState.MET), (1, ClockState.BREACHED)):
            ticket = self.ticket()
            self.pass_time(hours=4, seconds=seconds)
            self.reply(ticket, self.agent)
            self.assertEqual(self.clock(ticket).state, state)

    def test_a_pause_over_a_weekend_is_counted_once(self) -> None:
        """FACTS: neither twice nor at all."""
        self.office_hours()
        ticket = self.ticket()
        self.pass_time(days=4, hours=6)
        self.move(ticket, "pending")
        self.pass_time(days=2, hours=20)
        self.move(ticket, "open")
        # Friday from three to five were paused; Monday goes on at eleven.
        self.assertEqual(self.spent(self.resolution(ticket)), (4 * 8 + 6) * 60)

    def test_segments_follow_each_other_without_gaps(self) -> None:
        """S3: the ledger is whole."""
        office = self.office_hours()
        ticket = self.ticket()
        for status in ("pending", "open", "on_hold", "open"):
            self.pass_time(hours=1)
            self.move(ticket, status)
            office.intervals.filter(weekday=0).update(ends=time(17, 0, now().hour))
            calendar_publish(calendar=office, now=now())
        self.recount()
        rows = list(Segment.objects.filter(clock=self.resolution(ticket)).order_by("started_at", "pk"))
        for earlier, later in pairwise(rows):
            self.assertEqual(earlier.ended_at, later.started_at)
        self.assertIsNone(rows[-1].ended_at)


class ClosingTimeTests(ClockCase):
    """A deadline at the end of a working day, and nothing counted until the next one."""

    def late_ticket(self) -> Ticket:
        """Four hours from 13:00 of an office that closes at 17:00; told of the breach at 20:00."""
        self.office_hours()
        self.clockwork.move_to(MONDAY + 4 * HOUR)
        ticket = self.ticket()
        self.pass_time(hours=7)
        self.assertEqual(check_due(now=now())["breached"], 1)
        return ticket

    def test_an_answer_after_closing_time_is_late(self) -> None:
        """S3: what was told as broken at 17:00 is not kept by an answer at 20:00, closed or not."""
        ticket = self.late_ticket()
        self.reply(ticket, self.agent)
        clock = self.clock(ticket)
        self.assertEqual((clock.state, clock.breached_at), (ClockState.BREACHED, MONDAY + 8 * HOUR))

    def test_another_severity_with_the_same_target_takes_nothing_back(self) -> None:
        """S3: nor after a pause by a merge, which ends the segment at equality."""
        ticket = self.late_ticket()
        Target.objects.filter(kind=TargetKind.FIRST_RESPONSE, severity="medium").update(minutes=240)
        self.change(ticket, severity="medium")
        clock = self.clock(ticket)
        self.assertEqual((clock.state, clock.generation), (ClockState.BREACHED, 1))

    def test_an_answer_at_closing_time_is_in_time(self) -> None:
        """S3: at the very second."""
        self.office_hours()
        self.clockwork.move_to(MONDAY + 4 * HOUR)
        ticket = self.ticket()
        self.pass_time(hours=4)
        self.reply(ticket, self.agent)
        self.assertEqual(self.clock(ticket).state, ClockState.MET)


class LateLockTests(ClockCase):
    """Who answers in time and waits for somebody else's change has answered in time."""

    def test_a_pause_that_overtook_an_answer_does_not_make_it_late(self) -> None:
        """S3: written a second before the deadline, recorded after a pause that came a minute after it."""
        ticket = self.ticket()
        self.reply(ticket, self.agent)
        self.reply(ticket, self.requester)
        clock = self.clock(ticket, TargetKind.NEXT_RESPONSE)
        assert clock.due_at is not None
        arrived = clock.due_at - timedelta(seconds=1)
        self.clockwork.move_to(clock.due_at + timedelta(minutes=1))
        self.move(Ticket.objects.get(pk=ticket.pk), "pending")
        clocks_follow_reply(ticket=ticket, by_requester=False, by_person=True, now=arrived)
        clock.refresh_from_db()
        self.assertEqual((clock.state, clock.stopped_at), (ClockState.MET, arrived))
        self.assertEqual(clock.used, timedelta(minutes=clock.minutes) - timedelta(seconds=1))
        self.assertEqual(self.spent(clock), clock.minutes - round(1 / 60, 2))


class RepairTests(ClockCase):
    """What a failed receiver left out."""

    def test_none_is_passed_over_however_many_there_are(self) -> None:
        """S4: oldest first, with a place that is kept."""
        tickets = [self.world.ticket() for _ in range(7)]
        Clock.objects.all().delete()
        self.pass_time(minutes=5)
        self.assertEqual([clocks_repair(now=now(), limit=3) for _ in range(4)], [3, 3, 1, 0])
        self.assertEqual({row.ticket_id for row in Clock.objects.all()}, {row.pk for row in tickets})

    def test_what_cannot_be_repaired_holds_up_nothing_and_is_shown(self) -> None:
        """S4: it is marked, tried again later, and mended when its calendar is."""
        tickets = [self.world.ticket() for _ in range(2)]
        Clock.objects.all().delete()
        shut = BusinessCalendar.objects.create(slug="shut", name="Shut", always_open=False)
        self.policy.calendar = shut
        self.policy.save()
        self.pass_time(minutes=5)
        self.assertEqual(clocks_repair(now=now()), 0)
        self.assertEqual(ClockProblem.objects.count(), 2)
        self.assertIn("stays shut", ClockProblem.objects.first().reason)
        Policy.objects.update(calendar=None)
        self.assertEqual(clocks_repair(now=now()), 0)
        self.pass_time(minutes=11)
        self.assertEqual(clocks_repair(now=now()), 2)
        self.assertEqual(self.clock(tickets[0]).started_at, MONDAY)

    def test_a_ticket_that_waited_before_it_was_found_keeps_its_pause(self) -> None:
        """S3: its history says when it waited."""
        ticket = self.ticket()
        self.pass_time(hours=1)
        self.move(ticket, "pending")
        Clock.objects.all().delete()
        self.pass_time(hours=1)
        self.assertEqual(clocks_repair(now=now()), 1)
        self.assertEqual(self.resolution(ticket).state, ClockState.PAUSED)
        self.assertEqual(self.spent(self.resolution(ticket)), 60)
        self.assertEqual(self.clock(ticket).state, ClockState.RUNNING)
