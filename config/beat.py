"""Periodic tasks: one commented dictionary; the scheduler keeps them where administrators see them."""

from __future__ import annotations

from celery.schedules import crontab

SCHEDULE = {
    # Finds runs whose message was lost or whose worker died (C2).
    "triage sweep": {"task": "classifier.tasks.sweep", "schedule": 30.0},
    # Asks paused language models whether they are back, and triages anew what had to do without (C11).
    "language models": {"task": "classifier.tasks.watch_llm", "schedule": 30.0},
    # Finds files whose message was lost or whose reader died (I1).
    "files sweep": {"task": "ingest.tasks.sweep_files", "schedule": 30.0},
    # Finds imports whose message was lost or whose worker died (T12).
    "imports sweep": {"task": "ingest.tasks.sweep_imports", "schedule": 30.0},
    # Warnings and breaches by due time; safe when two schedulers run (S4).
    "SLA check": {"task": "sla.tasks.check_due", "schedule": 60.0},
    # Tickets that wait for a person: capacity that became free unnoticed, hours that begin, absences (C17).
    "queues": {"task": "ticketing.tasks.sweep_queues", "schedule": 60.0},
    # Clocks that are to follow an edited policy or calendar, where the nudge was lost (S3).
    "SLA recounts": {"task": "sla.tasks.sweep_recounts", "schedule": 60.0},
    # The outbox: mail and webhooks with retries (S4).
    "notifications": {"task": "teams.tasks.deliver_notifications", "schedule": 15.0},
    # Every watched figure against its bound; alerts are raised and resolved once (S7).
    "alerts": {"task": "teams.tasks.evaluate_alerts", "schedule": 60.0},
    # Proof of life of the scheduler and a worker, read by health (O3).
    "heartbeat": {"task": "config.tasks.heartbeat", "schedule": 30.0},
    # New examples become a new model, which is used if it is shown to be better (C24).
    "retrain": {"task": "classifier.tasks.retrain", "schedule": crontab(hour=2, minute=15)},
    # What people confirmed is searched for phrases that could be rules (C29).
    "rule mining": {"task": "classifier.tasks.mine_rules", "schedule": crontab(hour=2, minute=45)},
    # Are tickets still what the models learned? Alerts when not (C26).
    "drift": {"task": "classifier.tasks.check_drift", "schedule": crontab(hour=4, minute=0, day_of_week=1)},
    # Vectors of tickets and examples that are missing or of an older space (C18).
    "vectors": {"task": "classifier.tasks.fill_vectors", "schedule": 300.0},
    # Old details of steps and calls go; decisions stay (C21).
    "triage housekeeping": {"task": "classifier.tasks.housekeeping", "schedule": crontab(hour=3, minute=0)},
    # Search documents that are missing or differ from their tickets are written again (T9).
    "search repair": {"task": "ticketing.tasks.repair_search", "schedule": crontab(hour=3, minute=15)},
    # Expired idempotency records and sessions go.
    "housekeeping": {"task": "config.tasks.housekeeping", "schedule": crontab(hour=3, minute=30)},
}
