# Two stages: packages are built once, the image that runs holds no compiler and no root.
FROM python:3.11-slim AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
WORKDIR /build
COPY requirements.txt .
RUN python -m venv /venv && /venv/bin/pip install --require-hashes -r requirements.txt

FROM python:3.11-slim
RUN useradd --create-home --uid 10001 switchyard && mkdir -p /data && chown switchyard /data
ENV PATH=/venv/bin:$PATH PYTHONUNBUFFERED=1 VAR_DIR=/data
WORKDIR /app
COPY --from=build /venv /venv
COPY --chown=switchyard . .
RUN SECRET_KEY=only-for-collecting-static-files python manage.py collectstatic --noinput -v 0
USER switchyard
EXPOSE 8000
HEALTHCHECK --interval=15s --timeout=3s --start-period=20s \
  CMD python -c "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/api/v1/health/live', timeout=2)"
CMD ["gunicorn", "config.wsgi", "--bind", "0.0.0.0:8000", "--worker-class", "gthread", "--workers", "2", "--threads", "8", "--timeout", "60"]
