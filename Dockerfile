# The bot in a small image; `docker compose up` adds PostgreSQL and Redis (see compose.yaml).
FROM python:3.11-slim AS build
WORKDIR /app
COPY requirements/uv.txt requirements/run.txt requirements/
RUN python -m venv /app/.venv \
    && python -m pip install --no-cache-dir --require-hashes -r requirements/uv.txt \
    && uv pip install --python /app/.venv/bin/python --no-cache --require-hashes -r requirements/run.txt

FROM python:3.11-slim
# A fixed number, so that a mounted volume can be given to it.
RUN useradd --uid 10001 --create-home --home-dir /data renqing
ENV PATH=/app/.venv/bin:$PATH \
    PYTHONPATH=/app \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    RENQING_STORAGE__URL=sqlite:////data/renqing.db \
    RENQING_WEB__HOST=0.0.0.0 \
    RENQING_LOG__FORMAT=json
COPY --from=build /app/.venv /app/.venv
COPY config.toml /app/
COPY bot /app/bot
COPY handlers /app/handlers
COPY storage /app/storage
COPY templates /app/templates
USER renqing
WORKDIR /data
VOLUME /data
EXPOSE 8080
# SIGTERM lets the bot finish what it has in hand.
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=5s --start-period=20s \
    CMD ["python", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:8080/healthz', timeout=4)"]
ENTRYPOINT ["python", "-m", "bot"]
CMD ["run", "--config", "/app/config.toml"]
