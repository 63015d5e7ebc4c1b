"""What ``check`` looks at: settings, database, Redis, Telegram and every group, told in words.

It changes nothing, speaks to Telegram in questions only, and never repeats a token: errors are
told by their kind, since their texts may hold the address that was asked.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any, Final, Literal
from urllib.parse import urlsplit

import aiohttp
import msgspec

from bot.config import Face, Settings
from storage import chats, communities, due, inbox, migrations, outbox
from storage.coordination.shared import Shared
from storage.database import (
    BadDatabaseUrl,
    Connection,
    Database,
    DatabaseAway,
    DatabaseFull,
    opened,
    parse_url,
)

ASK_SECONDS: Final = 10.0
PATIENCE: Final = 2.0
LITTLE, TOO_LITTLE = 500 << 20, 50 << 20  # bytes of free disk
SKEW: Final = 30  # seconds between Telegram's clock and ours
QUEUED: Final = 1000
DAY: Final = 86_400

RIGHTS: Final = {
    "can_delete_messages": "take away spam",
    "can_pin_messages": "pin draws",
    "can_invite_users": "make invite links that tell who brought whom",
    "can_restrict_members": "quiet somebody down",
}

Level = Literal["ok", "warning", "error"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at: what it is, how it stands, and what to do about it."""

    level: Level
    what: str
    sentence: str
    advice: str = ""


@dataclass(frozen=True, slots=True)
class Group:
    """A group as the database knows it: our number, Telegram's id, its title."""

    id: int
    address: int
    title: str


class Refused(Exception):
    """Telegram answered a question of ours with an error: its code and sentence."""

    def __init__(self, code: int, sentence: str) -> None:
        super().__init__(sentence)
        self.code, self.sentence = code, sentence


async def examine(settings: Settings, clock: Callable[[], float] = time.time) -> list[Finding]:
    """Look at everything, one after the other; no finding keeps the others from being made."""
    in_database, groups = await _database(settings)
    findings = _settings(settings) + in_database
    if settings.redis.url:
        findings.append(await _redis(settings.redis.url))
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=ASK_SECONDS)) as session:
        for face in settings.faces():
            telegram = Telegram(session, settings.telegram.api_base, face, clock)
            findings += await _bot(telegram, settings, groups.get(face.id, []))
    return findings


def _settings(settings: Settings) -> list[Finding]:
    faces = settings.faces()
    if not faces:
        return [
            Finding(
                "error",
                "settings",
                "there is no bot token",
                "Write /newbot to @BotFather, then set BOT_TOKEN or [telegram] token.",
            )
        ]
    found = [Finding("ok", "settings", f"{len(faces)} bot{'s'[: len(faces) > 1]}, receiving by "
                     f"{settings.telegram.receive}")]  # fmt: skip
    public = urlsplit(settings.web.public_url)
    official = urlsplit(settings.telegram.api_base).hostname == "api.telegram.org"
    if settings.telegram.receive == "webhook" and official and public.scheme != "https":
        found.append(
            Finding(
                "error",
                "settings",
                "Telegram posts to https addresses only, and web.public_url is none",
                "Put a server with a certificate in front, or set [telegram] receive = polling.",
            )
        )
    return found


# The database


async def _database(settings: Settings) -> tuple[list[Finding], dict[int, list[Group]]]:
    """Findings, and the groups of each bot by the bot's Telegram id."""
    found: list[Finding] = []
    try:
        url = parse_url(settings.storage.url)
        if url.get_backend_name() == "sqlite":
            there, found = await asyncio.to_thread(_file, Path(url.database or ""))
            if not there:  # opening would make it
                return found, {}
        async with opened(settings.storage.url) as database:
            return await _opened(database, settings, found)
    except BadDatabaseUrl as error:
        found.append(Finding("error", "database", str(error)))
    except DatabaseFull as error:
        advice = "Free some space on its disk."
        found.append(Finding("error", "database", f"it is full ({error})", advice))
    except DatabaseAway as error:
        found.append(
            Finding(
                "error",
                "database",
                f"it cannot be opened or written to ({error})",
                "See whether its server runs, whether this user may read and write the file and "
                "its folder, and which other process holds it.",
            )
        )
    return found, {}


def _file(path: Path) -> tuple[bool, list[Finding]]:
    """The file itself: whether it is there, and whether it is writable, with room to grow."""
    folder, there = path.resolve().parent, path.exists()
    if not folder.is_dir():
        advice = "Make the folder, or change [storage] url."
        return False, [Finding("error", "database", f"{folder} does not exist", advice)]
    found = []
    if not os.access(folder, os.W_OK) or (there and not os.access(path, os.W_OK)):
        found.append(
            Finding(
                "error",
                "database",
                f"{path} cannot be written to",
                "Give this user the file and its folder (SQLite writes beside it, too).",
            )
        )
    elif not there:
        found.append(Finding("ok", "database", f"{path} does not exist yet; run makes it"))
    free = shutil.disk_usage(folder).free
    if free < LITTLE:
        level: Level = "error" if free < TOO_LITTLE else "warning"
        sentence = f"only {free >> 20} MB are free on the disk of {path}"
        found.append(Finding(level, "disk", sentence, "Free some space before it is full."))
    else:
        found.append(Finding("ok", "disk", f"{free / (1 << 30):,.1f} GB free"))
    return there, found


async def _opened(
    database: Database, settings: Settings, found: list[Finding]
) -> tuple[list[Finding], dict[int, list[Group]]]:
    before, newest = await database.read(migrations.revisions, patience=PATIENCE)
    if before is None:
        found.append(Finding("ok", "database", "it is empty; run fills it"))
        return found, {}
    if before != newest:
        found.append(
            Finding(
                "warning",
                "database",
                f"it stands at revision {before}; this version wants {newest}",
                "run and migrate upgrade it by themselves; make a backup first.",
            )
        )
        return found, {}
    # A transaction that does nothing takes the writer's lock, or says why it cannot.
    await database.work(lambda _: None, patience=PATIENCE)
    found.append(Finding("ok", "database", f"it opens, at revision {newest}"))
    if database.dialect == "sqlite":
        mode = await database.read(lambda db: db.exec_driver_sql("PRAGMA journal_mode").scalar())
        if mode != "wal":
            found.append(
                Finding(
                    "warning",
                    "database",
                    f"it keeps its journal as {mode}, not as wal",
                    "Its disk cannot share memory (a network share?); move the file.",
                )
            )
    found += await database.read(_left_behind)
    found += await database.read(lambda db: _ownership(db, settings))
    return found, await database.read(_groups)


def _left_behind(db: Connection) -> list[Finding]:
    """What waits for a person: dead letters, letters of unknown fate, jobs that were given up."""
    found = []
    if dead := len(inbox.dead(db)):
        found.append(
            Finding(
                "warning",
                "dead letters",
                f"{dead} updates failed for good",
                "python -m bot replay lists them; --dead runs them again after an upgrade.",
            )
        )
    if unknown := len(outbox.unknown(db)):
        found.append(
            Finding(
                "warning",
                "letters",
                f"{unknown} letters may or may not have arrived, and were not repeated",
                "Look into the chats, and say again what is missing.",
            )
        )
    if stuck := due.stuck(db):
        kinds = ", ".join(sorted({str(job["kind"]) for job in stuck}))
        found.append(
            Finding(
                "warning", "due jobs", f"{len(stuck)} were given up or wait for a word: {kinds}"
            )
        )
    if not found:
        found.append(Finding("ok", "left behind", "no dead letters, nothing unknown or stuck"))
    return found


def _ownership(db: Connection, settings: Settings) -> list[Finding]:
    if settings.telegram.owners:
        return []
    known = {
        row.name: row.id
        for row in db.execute(communities.communities.select())
        if communities.owners(db, row.id)
    }
    return [
        Finding(
            "warning",
            "owner",
            f"nobody owns “{face.community.name}” yet",
            "Start the bot and send it, in a private chat, the code that it prints; or set "
            "[telegram] owners.\n    还没有主人：启动后把窗口里印的口令私聊发给它。",
        )
        for face in settings.faces()
        if face.community.name not in known
    ]


def _groups(db: Connection) -> dict[int, list[Group]]:
    found: dict[int, list[Group]] = {}
    for bot in db.execute(communities.bots.select()):
        found[bot.telegram_id] = [
            Group(place.id, address, place.title)
            for place in chats.groups(db, bot.id)
            if (address := chats.address(db, place.id)) is not None
        ]
    return found


async def _redis(url: str) -> Finding:
    shared = Shared(url)
    try:
        await shared.progress("doctor")
        if shared.up:
            return Finding("ok", "redis", "it answers")
    finally:
        await shared.close()
    return Finding(
        "warning",
        "redis",
        "it does not answer; each process goes on alone meanwhile",
        "Start it, correct [redis] url, or leave that empty when only one process runs.",
    )


# Telegram


@dataclass(slots=True)
class Telegram:
    """Questions to the Bot API in one bot's name."""

    session: aiohttp.ClientSession
    api_base: str
    face: Face
    clock: Callable[[], float]
    skew: float = 0.0

    async def ask(self, method: str, **params: Any) -> Any:
        """The result; raises Refused, or TimeoutError and ClientError where there is no answer."""
        url = f"{self.api_base}/bot{self.face.token.get_secret_value()}/{method}"
        async with self.session.post(url, json=params) as answer:
            told = msgspec.json.decode(await answer.read())
            if (date := answer.headers.get("Date")) is not None:
                self.skew = parsedate_to_datetime(date).timestamp() - self.clock()
        if not isinstance(told, dict) or not told.get("ok"):
            sentence = str(told.get("description", "")) if isinstance(told, dict) else ""
            raise Refused(answer.status, sentence)
        return told["result"]


async def _bot(telegram: Telegram, settings: Settings, groups: list[Group]) -> list[Finding]:
    what = telegram.face.name or f"bot {telegram.face.id}"
    try:
        me = await telegram.ask("getMe")
        hook = await telegram.ask("getWebhookInfo")
    except Refused as refused:
        if refused.code in (401, 404):
            return [
                Finding(
                    "error",
                    what,
                    f"Telegram does not know this token ({refused.code})",
                    "Copy it again from @BotFather, or get a new one there with /revoke.\n"
                    "    令牌不对：去 @BotFather 重新复制，或用 /revoke 换一个。",
                )
            ]
        return [Finding("error", what, f"Telegram refuses to say who it is: {refused.sentence}")]
    except (aiohttp.ClientError, OSError, TimeoutError, msgspec.MsgspecError) as error:
        host = urlsplit(settings.telegram.api_base).hostname
        return [
            Finding(
                "error",
                what,
                f"{host} cannot be reached ({type(error).__name__})",
                "See whether this machine may reach it; [telegram] api_base may name another "
                "Bot API server.",
            )
        ]
    name = f"@{me.get('username', '')}"
    found = [Finding("ok", name, "Telegram knows it")]
    if abs(telegram.skew) > SKEW:
        found.append(
            Finding(
                "warning",
                "clock",
                f"this machine's clock is {abs(telegram.skew):.0f} s "
                f"{'behind' if telegram.skew > 0 else 'ahead of'} Telegram's",
                "Let the system set it (timedatectl set-ntp true): days and draws end by it.",
            )
        )
    if not me.get("can_join_groups", True):
        found.append(
            Finding(
                "warning",
                name,
                "it may not be added to groups",
                "Send /setjoingroups to @BotFather and choose Enable.",
            )
        )
    found += _receiving(name, hook, settings, telegram.face)
    hears_all = bool(me.get("can_read_all_group_messages"))
    asked = [_group(telegram, name, group, hears_all=hears_all) for group in groups]
    return found + [finding for one in await asyncio.gather(*asked) for finding in one]


def _receiving(name: str, hook: Mapping[str, Any], settings: Settings, face: Face) -> list[Finding]:
    """Whether Telegram delivers the way that the settings mean, and what stands in its way."""
    found = []
    given, telegram = str(hook.get("url") or ""), settings.telegram
    if telegram.receive == "polling" and given:
        found.append(
            Finding(
                "warning",
                name,
                f"a webhook is set (at {urlsplit(given).hostname}), so polling gets nothing",
                "If another installation uses this token, stop it; run takes the webhook away.",
            )
        )
    if telegram.receive == "webhook":
        path = f"{telegram.webhook_path.rstrip('/')}/{face.id}"
        if given != f"{settings.web.public_url.rstrip('/')}{path}":
            found.append(
                Finding(
                    "warning",
                    name,
                    "Telegram posts elsewhere" if given else "no webhook is set yet",
                    "run sets it; if it does not stay so, another installation uses this token.",
                )
            )
    at = int(hook.get("last_error_date") or 0)
    if telegram.receive == "webhook" and time.time() - at < DAY:
        found.append(
            Finding(
                "warning",
                name,
                f"Telegram could not deliver {_ago(at)}: {hook.get('last_error_message', '')}",
                "Open web.public_url from outside and look at the certificate and the proxy.",
            )
        )
    if (waiting := int(hook.get("pending_update_count") or 0)) > QUEUED:
        found.append(
            Finding(
                "warning",
                name,
                f"{waiting:,} updates wait at Telegram",
                "It keeps them for a day: start the bot, and it catches up.",
            )
        )
    return found


def _ago(at: int) -> str:
    minutes = max(0, int(time.time() - at)) // 60
    return f"{minutes // 60} h ago" if minutes >= 60 else f"{minutes} min ago"


async def _group(telegram: Telegram, name: str, group: Group, *, hears_all: bool) -> list[Finding]:
    """The bot's own place in a group: there, able to hear, with the rights that it needs."""
    where = f"{name} in 「{group.title}」"
    try:
        member = await telegram.ask(
            "getChatMember", chat_id=group.address, user_id=telegram.face.id
        )
    except Refused as refused:
        return [Finding("warning", where, f"Telegram does not tell: {refused.sentence}")]
    except (aiohttp.ClientError, OSError, TimeoutError, msgspec.MsgspecError) as error:
        return [Finding("warning", where, f"no answer ({type(error).__name__})")]
    match member.get("status"):
        case "left" | "kicked":
            return [Finding("warning", where, "it is not in the group any more")]
        case "administrator":
            missing = [f"{right} ({why})" for right, why in RIGHTS.items() if not member.get(right)]
            if not missing:
                return [Finding("ok", where, "an admin with all rights that it uses")]
            advice = "Grant them in the group's settings; without them it does the rest."
            return [Finding("warning", where, f"it lacks {', '.join(missing)}", advice)]
        case "creator":
            return [Finding("ok", where, "it hears everything")]
    if hears_all:
        return [Finding("ok", where, "privacy mode is off; it hears everything")]
    return [
        Finding(
            "warning",
            where,
            f"it cannot hear 签到 in 「{group.title}」: it is neither an admin nor free of "
            "privacy mode; only commands such as /checkin reach it",
            "Make it an admin of the group; or send /setprivacy to @BotFather, choose Disable, "
            "and add it to the group again.\n"
            "    听不见「签到」：把它设为管理员；"
            "或在 @BotFather 发 /setprivacy 选 Disable，再重新拉进群。",
        )
    ]
