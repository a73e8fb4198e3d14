"""The Celery application: JSON only, no result backend, task ids carry the request's correlation id."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from celery import Celery
from celery.signals import setup_logging, worker_process_init, worker_ready
from django_structlog.celery.steps import DjangoStructLogInitStep
from kombu.transport import TRANSPORT_ALIASES

from classifier.warmup import warm_up

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

TRANSPORT_ALIASES["filesystem"] = "common.broker:Transport"
TRANSPORT_ALIASES["redis"] = TRANSPORT_ALIASES["rediss"] = "common.broker:RedisTransport"

app = Celery("switchyard")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.steps["worker"].add(DjangoStructLogInitStep)
app.autodiscover_tasks()


@setup_logging.connect
def _keep_django_logging(**kwargs: Any) -> None:
    """Leave logging as Django configured it; Celery would replace the handlers."""


@worker_ready.connect
@worker_process_init.connect
def _warm_up(**kwargs: Any) -> None:
    """The first ticket should not wait for word lists to load."""
    warm_up()


@app.on_after_configure.connect
def _make_queue_folders(sender: Celery, **kwargs: Any) -> None:
    """The file-system transport of the embedded default wants its folders to exist."""
    options = sender.conf.broker_transport_options or {}
    for name in ("data_folder_in", "data_folder_out", "control_folder"):
        if name in options:
            Path(options[name]).mkdir(parents=True, exist_ok=True)
