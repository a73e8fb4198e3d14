"""Figures of the house itself that are watched (S7)."""

from __future__ import annotations

import shutil
from datetime import datetime

from django.conf import settings
from django.utils.translation import gettext as _

from common.registries import Indicator, Reading, indicators

_WARN, _CRITICAL = 0.80, 0.90


def disk_share(now: datetime) -> list[Reading]:
    """How much of the disk is used that holds the house's files."""
    usage = shutil.disk_usage(settings.VAR_DIR)
    return [Reading(usage.used / usage.total)]


def register() -> None:
    """Fill the slots; called once when the app is ready."""
    indicators.register(
        "disk",
        Indicator(
            _("The share of the disk that is used"),
            disk_share,
            lambda: _WARN,
            critical=lambda: _CRITICAL,
            unit="share",
            ease=0.02,
        ),
    )
