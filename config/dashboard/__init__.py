"""The admin's front page: a lead's four questions, answered with figures that link to their lists (O5)."""

from config.dashboard.figure import Figure
from config.dashboard.page import PERIODS, dashboard, dashboard_callback

__all__ = ["PERIODS", "Figure", "dashboard", "dashboard_callback"]
