"""WSGI entry point."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

application = get_wsgi_application()

from classifier.warmup import warm_up  # noqa: E402  the apps must be loaded first

warm_up()
