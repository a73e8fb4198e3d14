"""Engines in plain Python: no Django, no Celery; read, tested and benchmarked alone."""
