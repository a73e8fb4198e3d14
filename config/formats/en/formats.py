"""21 Nov 2026, 14:05. Short forms leave the year out."""

DATE_FORMAT = "j M Y"
SHORT_DATE_FORMAT = "j M"
DATETIME_FORMAT = "j M Y, H:i"
SHORT_DATETIME_FORMAT = "j M, H:i"
TIME_FORMAT = "H:i"
