"""No secret reaches the log, however hard something tries; and the log stays readable."""

from __future__ import annotations

import io
import json
import logging
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from bot import logs
from bot.config import Log, Settings, Storage, Telegram
from bot.masks import Masks, sensitive

HALF = "AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw9"
TOKEN = f"123456789:{HALF}"
OTHER_TOKEN = "42:BBHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw8"  # known to nobody, found by its shape
WEBHOOK_SECRET = "forest-house-4711"
PASSWORD = 'p@ss "wörd"/9'
DATABASE = f"postgresql://renqing:{quote(PASSWORD, safe='')}@db.example.org/renqing"
SECRETS = (HALF, OTHER_TOKEN[3:], WEBHOOK_SECRET, PASSWORD, quote(PASSWORD, safe=""))

ATTEMPTS = """
    import asyncio, gc, logging, sys, threading, warnings
    import structlog
    from bot import logs
    from bot.config import load

    settings = load(None, {
        "RENQING_TELEGRAM__TOKEN": TOKEN,
        "RENQING_TELEGRAM__WEBHOOK_SECRET": WEBHOOK_SECRET,
        "RENQING_STORAGE__URL": DATABASE,
        "RENQING_LOG__FORMAT": sys.argv[1],
        "RENQING_LOG__LEVEL": "debug",
    })
    logs.configure(settings.log, settings.secrets())
    log = structlog.get_logger("bot.attempt")
    plain = logging.getLogger("aiohttp.client")

    log.info("1 field", token=TOKEN, url=f"https://api.telegram.org/bot{TOKEN}/getMe")
    log.info("2 event " + TOKEN)
    log.info("3 nested", deep={"a": [{"b": (TOKEN, OTHER_TOKEN)}]}, settings=settings)
    plain.info("4 GET %s", f"/bot{OTHER_TOKEN}/sendMessage")
    plain.info("5 encoded %s", OTHER_TOKEN.replace(":", "%3A"))
    plain.info("6 twice %s %s", OTHER_TOKEN.replace(":", "%253a"), repr(OTHER_TOKEN.encode()))
    plain.warning("7 extra", extra={"headers": {"X-Telegram-Bot-Api-Secret-Token": WEBHOOK_SECRET}})
    warnings.warn("8 warning " + TOKEN, ResourceWarning)
    try:
        try:
            raise ConnectionError(f"9 cannot connect to {DATABASE}")
        except ConnectionError as cause:
            cause.add_note(TOKEN)
            raise ValueError(("10 args", TOKEN, WEBHOOK_SECRET, PASSWORD)) from cause
    except ValueError:
        log.exception("11 traceback")
        plain.exception("12 traceback of the standard library")
    plain.info("13 broken %d %d", TOKEN)
    log.info("14 password", password=PASSWORD, dsn=f"host=db password='{PASSWORD}' user=x")
    log.info("15 json", body='{"secret_token": "%s", "url": "u"}' % WEBHOOK_SECRET)
    plain.error("16 half %s", TOKEN.split(":")[1])

    class Loud:
        def __repr__(self):
            return "17 <Loud " + TOKEN + ">"

    class Broken:
        def __repr__(self):
            raise ValueError(TOKEN)

    log.info("18 objects", thing=Loud(), things=[Loud(), Broken()])

    async def lost():
        async def fail():
            raise RuntimeError("19 lost task " + TOKEN)
        task = asyncio.create_task(fail(), name="task " + TOKEN)
        await asyncio.wait([task])
        del task
        gc.collect()
        asyncio.get_running_loop().call_soon(lambda url: 1 / 0, "20 callback " + TOKEN)
        await asyncio.sleep(0)
        await asyncio.sleep(0)

    asyncio.run(lost())

    def die():
        raise RuntimeError("21 thread " + TOKEN)

    thread = threading.Thread(target=die, name=TOKEN)
    thread.start()
    thread.join()

    class Sticky:
        def __del__(self):
            raise RuntimeError("22 destructor " + TOKEN)

    sticky = Sticky()
    del sticky
    group = ExceptionGroup("23 group " + TOKEN, [OSError(WEBHOOK_SECRET)])
    log.error("24 group", exc_info=group)
    log.info("25 bytes", body=f"/bot{TOKEN}/getMe".encode(), key_token=TOKEN)
    raise SystemError("26 uncaught " + TOKEN)
"""


@pytest.fixture(scope="module", params=["console", "json"])
def attempted(request: pytest.FixtureRequest) -> tuple[str, str]:
    """The format, and all that a process wrote which tried to leak its secrets."""
    names = {
        "TOKEN": TOKEN,
        "OTHER_TOKEN": OTHER_TOKEN,
        "WEBHOOK_SECRET": WEBHOOK_SECRET,
        "DATABASE": DATABASE,
        "PASSWORD": PASSWORD,
    }
    given_names = "".join(f"{name} = {value!r}\n" for name, value in names.items())
    done = subprocess.run(
        [sys.executable, "-W", "always", "-", request.param],
        input=given_names + textwrap.dedent(ATTEMPTS),
        capture_output=True,
        text=True,
        encoding="utf-8",
        cwd=Path(__file__).parent.parent,
        check=False,
        timeout=60,
    )
    assert done.returncode == 1
    return request.param, done.stdout + done.stderr


def test_no_attempt_leaks_a_secret(attempted: tuple[str, str]) -> None:
    _, written = attempted
    for secret in SECRETS:
        for form in (secret, json.dumps(secret)[1:-1], repr(secret)[1:-1], secret[4:]):
            lines = [line for line in written.splitlines() if form in line]
            assert not lines, lines


def test_every_attempt_was_written(attempted: tuple[str, str]) -> None:
    """A log that writes nothing leaks nothing, and helps nobody."""
    _, written = attempted
    # 13 is a record that cannot be formatted: it is named by its place, without its arguments.
    missing = [n for n in range(1, 27) if n != 13 and f"{n} " not in written]
    assert not missing
    assert "a log line could not be written (aiohttp.client" in written


def test_each_json_line_is_one_object(attempted: tuple[str, str]) -> None:
    form, written = attempted
    if form == "console":
        assert "Traceback (most recent call last)" in written
        return
    lines = [line for line in written.splitlines() if not line.startswith("a log line could")]
    events = [json.loads(line) for line in lines]
    assert all({"at", "level", "logger", "event"} <= event.keys() for event in events)


@contextmanager
def a_log(log: Log) -> Iterator[io.StringIO]:
    """Configure the log of this very process, and put everything back afterwards."""
    root = logging.getLogger()
    before = (root.handlers[:], root.level)
    hooks = (sys.excepthook, sys.unraisablehook)
    import threading

    thread_hook = threading.excepthook
    stream = io.StringIO()
    try:
        logs.configure(log, ["forest-house"], stream)
        yield stream
    finally:
        logging.captureWarnings(False)
        root.handlers[:], root.level = before[0], before[1]
        sys.excepthook, sys.unraisablehook = hooks
        threading.excepthook = thread_hook
        structlog.reset_defaults()
        for name in logs.CHATTY:
            logging.getLogger(name).setLevel(logging.NOTSET)


@pytest.mark.parametrize("form", ["console", "json"])
def test_what_a_fan_wrote_is_not_logged(form: str) -> None:
    with a_log(Log(format=form, level="info")) as stream:
        log = structlog.get_logger("bot.test")
        log.info(
            "update", text="我喜欢你", caption="a secret love", message={"text": "hidden love"}
        )
        log.info("counted", words=12)
    written = stream.getvalue()
    assert "喜欢" not in written
    assert "love" not in written
    assert "4 characters" in written
    assert "12" in written


def test_the_input_that_libraries_repeat_is_taken_out() -> None:
    """pydantic and SQLAlchemy quote what they were given: here, a fan's words."""
    masks = Masks()
    text = (
        "text\n  Input should be valid [type=x, input_value={'text': 'my\nlove'}, input_type=dict]"
    )
    assert "love" not in masks.error(text)
    statement = "(sqlite3.IntegrityError) boom\n[SQL: INSERT …]\n[parameters: ('my love', 3)]"
    assert "love" not in masks.error(statement + "\n(Background on this error …)")


def test_a_name_cannot_forge_a_line_nor_paint_the_terminal() -> None:
    with a_log(Log()) as stream:
        hostile = "Lin\n2030-01-01 [critical] \x1b[31mall is lost\u202e"
        structlog.get_logger("bot.test").info("joined", name=hostile)
        logging.getLogger("bot.test").info("left %s", hostile)
    written = stream.getvalue()
    assert len(written.splitlines()) == 2
    assert "\x1b" not in written
    assert "\u202e" not in written


def test_chatty_libraries_are_quiet_unless_debugging() -> None:
    with a_log(Log()) as stream:
        logging.getLogger("aiohttp.access").info("GET /healthz")
        logging.getLogger("aiohttp.access").warning("odd")
    assert "healthz" not in stream.getvalue()
    assert "odd" in stream.getvalue()
    with a_log(Log(level="debug")) as stream:
        logging.getLogger("aiohttp.access").info("GET /healthz")
    assert "healthz" in stream.getvalue()


@given(
    number=st.integers(1, 10**12),
    half=st.from_regex(r"[A-Za-z0-9_-]{30,40}", fullmatch=True),
    before=st.text(max_size=8),
    after=st.sampled_from(["", " ", "/getMe", '"', "'", "\n", ")", ",", "&x=1", "%2FgetMe", "中"]),
    colon=st.sampled_from([":", "%3A", "%3a", "%253A", "\\x3a", "\\u003a"]),
)
def test_a_token_is_masked_wherever_it_stands(
    number: int, half: str, before: str, after: str, colon: str
) -> None:
    masked = Masks().text(f"{before}{number}{colon}{half}{after}")
    assert half not in masked


@given(secret=st.text(min_size=6, max_size=40), around=st.text(max_size=10))
def test_a_literal_secret_is_masked_as_text_json_repr_and_url(secret: str, around: str) -> None:
    try:
        forms = [secret, quote(secret, safe=""), json.dumps(secret)[1:-1], repr(secret)[1:-1]]
    except UnicodeEncodeError:
        return  # a lone surrogate cannot stand in a URL, nor in our settings
    masks = Masks([secret])
    for form in forms:
        if form.replace("*", ""):  # a secret of asterisks looks like its mask
            masked = masks.text(f"{around}{form}{around}")
            assert form not in masked or form in around + "***" + around


@pytest.mark.parametrize(
    "text",
    [
        "flood wait of 3.5 s in chat -1001234567890",
        "2030-01-01 20:00:00 the draw 17 closes",
        "GET /healthz 200 https://fans.example.org:8443/telegram",
        "secret of the house: three rooms",
        "reading 12:30 to 13:45",
    ],
)
def test_ordinary_lines_stay_as_they_are(text: str) -> None:
    assert Masks([WEBHOOK_SECRET]).text(text) == text


def test_the_bot_of_a_masked_token_can_still_be_told() -> None:
    assert Masks().text(f"POST /bot{TOKEN}/getMe") == "POST /bot123456789:***/getMe"


@pytest.mark.parametrize("key", ["token", "bot_token", "password", "webhook_secret", "API_KEY"])
def test_a_field_with_a_secret_name_is_secret(key: str) -> None:
    assert sensitive(key)


@pytest.mark.parametrize("key", ["tokens_left", "secretary", "passed", "keyboard", "key"])
def test_a_field_with_a_harmless_name_is_not(key: str) -> None:
    assert not sensitive(key)


def test_settings_know_all_their_secrets() -> None:
    settings = Settings(
        telegram=Telegram(token=TOKEN, webhook_secret=WEBHOOK_SECRET),
        storage=Storage(url=DATABASE),
    )
    assert {TOKEN, HALF, WEBHOOK_SECRET, PASSWORD} <= set(settings.secrets())


@pytest.mark.timeout(30)
@pytest.mark.parametrize(
    "piece",
    ["1", "1%25", "a.", "a://", "a://b:", "/bot1", 'password="', "secret=", "\\", "input_value="],
)
def test_a_hostile_line_of_a_megabyte_does_not_stop_the_process(piece: str) -> None:
    """Masks look at what strangers cause to be logged: their time must grow with its length."""
    text = piece * (1_000_000 // len(piece))
    assert Masks([WEBHOOK_SECRET]).error(text + f" {TOKEN}").endswith(" 123456789:***")
