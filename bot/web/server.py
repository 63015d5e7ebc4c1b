"""The web server: health and metrics for operators, the webhook for Telegram."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import msgspec
import structlog
from aiohttp import web
from prometheus_client import CollectorRegistry, Gauge, generate_latest

from bot import config
from bot.inbox import Keeper
from bot.web.webhook import Hook, add_hooks
from storage import inbox, interactions, outbox
from storage.database import Connection, Database, DatabaseAway

log = structlog.get_logger(__name__)

DRAIN_SECONDS = 5.0
SHOWN = 500


class PortTaken(OSError):
    """Another program listens on this port: choose another with [web] port, or 0 for any."""


class Site:
    """One aiohttp server for everything that the bot shows or receives over HTTP."""

    def __init__(
        self, settings: config.Web, database: Database, stations: Mapping[int, Keeper]
    ) -> None:
        self._settings, self._database, self._stations = settings, database, stations
        self._runner: web.AppRunner | None = None
        self.url = ""

    async def open(self, hook_path: str, hooks: Mapping[int, Hook]) -> None:
        """Listen; raises PortTaken with what to do."""
        app = web.Application()
        app.router.add_get("/healthz", self._health)
        app.router.add_get("/metrics", self._metrics)
        if self._settings.remembered:
            app.router.add_get("/remembered", self._remembered)
        add_hooks(app, hook_path, hooks)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=DRAIN_SECONDS)
        await self._runner.setup()
        host, port = self._settings.host, self._settings.port
        try:
            await web.TCPSite(self._runner, host, port).start()
        except OSError as error:
            raise PortTaken(f"{host}:{port} cannot be listened on ({error.strerror})") from error
        self.url = f"http://{host}:{self._runner.addresses[0][1]}"

    async def close_doors(self) -> None:
        """Accept nothing new; what is being received is finished."""
        if self._runner is not None:
            for site in list(self._runner.sites):
                await site.stop()

    async def close(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def _health(self, _: web.Request) -> web.Response:
        """200 when the database answers, 503 with a sentence when it does not."""
        try:
            counts = await self._database.read(inbox.tally, patience=2.0)
        except DatabaseAway as error:
            return web.json_response({"ok": False, "why": str(error)}, status=503)
        return web.json_response({"ok": True, "inbox": counts})

    async def _metrics(self, _: web.Request) -> web.Response:
        counts = await self._database.study(_counts)
        registry = CollectorRegistry()
        for name, by_state in counts.items():
            gauge = Gauge(f"renqing_{name}", f"{name} by state", ["state"], registry=registry)
            for state, number in by_state.items():
                gauge.labels(state).set(number)
        clock = Gauge("renqing_scraped_at_seconds", "when this was read", registry=registry)
        clock.set(time.time())
        return web.Response(
            body=generate_latest(registry), content_type="text/plain", charset="utf-8"
        )

    async def _remembered(self, request: web.Request) -> web.Response:
        """What the store keeps, for the playground's page; off unless the settings say so."""
        try:
            after = int(request.query.get("after", "0"))
            limit = max(1, min(SHOWN, int(request.query.get("limit", "200"))))
        except ValueError:
            return web.json_response({"error": "after and limit are whole numbers"}, status=400)

        def read(db: Connection) -> dict[str, Any]:
            rows = list(interactions.exported(db, after, limit))
            letters, tasks = outbox.tally(db), inbox.tally(db)
            return {
                "rows": rows,
                "totals": {
                    "interactions": interactions.count(db),
                    "fans": interactions.count_fans(db),
                    "letters_waiting": letters["waiting"] + letters["sending"],
                    "letters_sent": letters["sent"],
                    "inbox_waiting": tasks["waiting"] + tasks["taken"],
                    "dead": tasks["dead"],
                },
            }

        return web.Response(
            body=msgspec.json.encode(await self._database.study(read)),
            content_type="application/json",
        )


def _counts(db: Connection) -> dict[str, dict[str, int]]:
    return {"inbox": inbox.tally(db), "letters": outbox.tally(db)}
