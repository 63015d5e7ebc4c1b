"""The log: every line of ours and of the libraries, as text or JSON, with no secret in any of them.

All records, structlog's and the standard library's, end in one formatter that masks the finished
line, so a traceback, a warning, an HTTP client's URL or a lost task's error is masked as well.
What a fan wrote does not belong into the log: fields that carry it are replaced by their length.
"""

from __future__ import annotations

import json
import logging
import re
import sys
import threading
import traceback
from collections.abc import Iterable, Mapping, MutableMapping
from types import TracebackType
from typing import Any, TextIO

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from bot.config import Log
from bot.masks import HIDDEN, Masks, sensitive

WRITTEN_BY_FANS = frozenset(
    {"bio", "caption", "description", "html", "payload", "query", "quote", "raw", "text", "words"}
)
# Their lines for each request or update would drown ours; `level = "debug"` shows them.
CHATTY = ("aiogram.dispatcher", "aiogram.event", "aiohttp.access", "alembic", "asyncio")
_DEEP = 6  # nested values are masked down to here, deeper ones are written as one masked text
# Control characters could forge a line or paint the terminal; some turn the reading direction.
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


def configure(log: Log, secrets: Iterable[str] = (), stream: TextIO | None = None) -> None:
    """Make this process write its log as *log* says, to *stream* or to standard error.

    *secrets* are masked wherever they occur, beside everything that looks like one. Uncaught
    errors, those of threads and of destructors included, are written there too.
    """
    masks = Masks(secrets)
    out = sys.stderr if stream is None else stream
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.stdlib.ExtraAdder(),
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="at"),
    ]
    handler = _Handler(masks, out)
    handler.setFormatter(_formatter(log, masks, shared, colours=out.isatty()))
    level = logging.getLevelNamesMapping()[log.level.upper()]
    logging.basicConfig(level=level, handlers=[handler], force=True)
    logging.captureWarnings(True)
    for name in CHATTY:
        chatty = level if level == logging.DEBUG else max(level, logging.WARNING)
        logging.getLogger(name).setLevel(chatty)
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.PositionalArgumentsFormatter(),
            structlog.processors.StackInfoRenderer(),
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
    sys.excepthook = _on_uncaught
    sys.unraisablehook = _on_unraisable
    threading.excepthook = _on_thread_died


def error_text(error: BaseException, masks: Masks) -> str:
    """Return the traceback of *error* and of what caused it, masked."""
    return masks.error("".join(traceback.format_exception(error)).rstrip())


class _Handler(logging.StreamHandler[TextIO]):
    """Writes to a stream; when a record itself is broken, says so without showing its arguments."""

    def __init__(self, masks: Masks, stream: TextIO) -> None:
        super().__init__(stream)
        self._masks = masks

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - logging's name
        error = sys.exception()
        if error is None or isinstance(error, OSError):
            return  # the stream itself is gone: there is nowhere left to say it
        where = f"{record.name}, {record.pathname}:{record.lineno}"
        self.stream.write(f"a log line could not be written ({where}): {type(error).__name__}\n")


def _formatter(
    log: Log, masks: Masks, shared: list[Processor], *, colours: bool
) -> logging.Formatter:
    renderer: Processor
    if log.format == "json":
        renderer = structlog.processors.JSONRenderer(serializer=_json)
    else:
        renderer = structlog.dev.ConsoleRenderer(
            colors=colours,
            timestamp_key="at",
            # Never the rich one: it shows local variables, and its frames cut a token in two.
            exception_formatter=structlog.dev.plain_traceback,
        )
    return _Masking(
        masks,
        foreign_pre_chain=shared,
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            _Tame(masks),
            structlog.processors.EventRenamer("event"),
            renderer,
        ],
    )


class _Masking(structlog.stdlib.ProcessorFormatter):
    """Masks the finished line, whatever wrote it: the last thing before the stream."""

    def __init__(self, masks: Masks, **settings: Any) -> None:
        super().__init__(**settings)
        self._masks = masks

    def format(self, record: logging.LogRecord) -> str:
        return self._masks.text(super().format(record))


class _Tame:
    """Renders errors, hides what fans wrote, masks secrets by name and takes control signs out."""

    def __init__(self, masks: Masks) -> None:
        self._masks = masks

    def __call__(self, logger: WrappedLogger, method: str, event: EventDict) -> EventDict:
        exception = _exception(event.pop("exc_info", None), method)
        rendered = event.pop("exception", None)
        tamed: MutableMapping[str, Any] = {
            key: self._field(key, value) for key, value in event.items()
        }
        if exception is not None:
            tamed["exception"] = error_text(exception, self._masks)
        elif isinstance(rendered, str):
            tamed["exception"] = self._masks.error(rendered)
        return tamed

    def _field(self, key: str, value: Any, depth: int = 0) -> Any:
        if sensitive(key) and value not in ("", None):
            return HIDDEN
        if key in WRITTEN_BY_FANS and isinstance(value, str | bytes):
            return f"({len(value)} characters)"
        if isinstance(value, str):
            return _CONTROL.sub(_escaped, self._masks.error(value))
        if value is None or isinstance(value, bool | int | float):
            return value
        if depth < _DEEP and isinstance(value, Mapping):
            return {
                str(inner): self._field(str(inner), item, depth + 1)
                for inner, item in value.items()
            }
        if depth < _DEEP and isinstance(value, list | tuple | set | frozenset):
            return [self._field("", item, depth + 1) for item in value]
        return _CONTROL.sub(_escaped, self._masks.error(_repr(value)))


def _exception(info: Any, method: str) -> BaseException | None:
    if isinstance(info, BaseException):
        return info
    if isinstance(info, tuple) and len(info) == 3:
        return info[1] if isinstance(info[1], BaseException) else None
    return sys.exception() if info else None


def _escaped(sign: re.Match[str]) -> str:
    return sign[0].encode("unicode_escape").decode("ascii")


def _repr(value: object) -> str:
    try:
        return repr(value)
    except Exception as error:  # a broken repr must not cost the line
        return f"<{type(value).__name__}, whose repr raised {type(error).__name__}>"


def _json(event: Any, **_: Any) -> str:
    first = {key: event[key] for key in ("at", "level", "logger", "event") if key in event}
    return json.dumps(first | event, ensure_ascii=False, default=_repr)


def _on_uncaught(
    kind: type[BaseException], error: BaseException, trace: TracebackType | None
) -> None:
    if isinstance(error, KeyboardInterrupt):
        return
    logging.getLogger("bot").critical("uncaught error", exc_info=(kind, error, trace))


def _on_unraisable(unraisable: sys.UnraisableHookArgs) -> None:
    # The object is not shown: its repr may hold a request with its token.
    logging.getLogger("bot").error(
        "error outside of any call", exc_info=unraisable.exc_value or False
    )


def _on_thread_died(args: threading.ExceptHookArgs) -> None:
    logging.getLogger("bot").error("a thread died", exc_info=args.exc_value or False)
