"""The playground's page and its control API: what people do, what they see, what happens live."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import parse_qsl, urlsplit

import aiohttp
import msgspec
from aiohttp import web

from bot.playground import faults, seed, view
from bot.playground.guard import HEADERS, guard, json_answer, shut_browsers_out
from bot.playground.live import Live
from bot.playground.records import BotAccount, Chat, Json, Message, User
from bot.playground.refusals import CannotAct
from bot.playground.view import ZONE_NAME, ZONE_SHIFT
from bot.playground.wishes import BadWish, Wish, id_of, number_of
from bot.playground.world import measured

if TYPE_CHECKING:
    from bot.playground import Playground
    from bot.playground.parent import BotProcess
    from bot.playground.simulate import Simulation

PAGE = Path(__file__).parent / "page"
ASSETS = {
    "index.html": "text/html",
    "app.js": "text/javascript",
    "draw.js": "text/javascript",
    "words.js": "text/javascript",
    "style.css": "text/css",
    "icon.svg": "image/svg+xml",
    "wood.svg": "image/svg+xml",
}
#: A picture that a visitor uploads, and anything else that she posts.
LARGEST_PICTURE = 8 << 20
LARGEST_ACT = 64 << 10
#: Real seconds that a press waits for the bot's answer, as Telegram's apps do.
PRESS_WAIT = 12.0
#: How many of the updates misbehave where a visitor wants them to.
UNRULY = 0.3
#: Rows of the store in one answer, and how many of the newest a page shows.
ROWS, KEPT_ROWS = 200, 150
MORNING = 8


class Control:
    """Mounts the page under `/play/` and moves the playground for it.

    `mount` before the server starts, `run` while it serves. Without a `process` the page shows no
    bot process (tests bring their own bot); without `remembered_url` nothing that a store keeps.
    """

    def __init__(
        self,
        playground: Playground,
        *,
        process: BotProcess | None = None,
        simulation: Simulation | None = None,
        remembered_url: str | None = None,
    ) -> None:
        self._playground = playground
        self._world = playground.world
        self._clock = playground.clock
        self._process = process
        self._simulation = simulation
        self._remembered_url = remembered_url
        self._live = Live()
        self._memory: Json = {"up": False, "totals": None, "rows": []}
        self._seen_calls: set[int] = set()
        self._told_faults: list[Json] = []
        self._told_lint = 0
        self._acts: dict[str, Callable[[Wish], Any]] = {
            name.removeprefix("_do_"): getattr(self, name)
            for name in dir(self)
            if name.startswith("_do_")
        }
        if process is not None:
            process.on_change.append(lambda: self._process_changed(process))
            process.on_lines.append(lambda lines: self._live.publish("log", lines=lines))
        if simulation is not None:
            simulation.on_change.append(
                lambda: self._live.publish("simulation", simulation=self._simulation_picture())
            )

    def mount(self, app: web.Application) -> None:
        """Add `/` (leads to the page) and everything under `/play/` to the server's application."""
        page = web.Application(middlewares=[guard], client_max_size=LARGEST_PICTURE + LARGEST_ACT)
        page.router.add_get("/", self._on_asset)
        page.router.add_get("/state", self._on_state)
        page.router.add_get("/chat/{key}", self._on_chat)
        page.router.add_get("/file/{number:[0-9]+}", self._on_file)
        page.router.add_get("/events", self._live.serve)
        page.router.add_post("/act", self._on_act)
        page.router.add_post("/photo", self._on_photo)
        page.router.add_get("/{name}", self._on_asset)

        async def close(_: web.Application) -> None:
            self._live.close()

        page.on_shutdown.append(close)
        app.middlewares.append(shut_browsers_out)
        app.router.add_get("/", _lead_in)
        app.router.add_get("/play", _lead_in)
        app.add_subapp("/play/", page)

    async def run(self) -> None:
        """Keep the pages informed until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._follow_world())
            group.create_task(self._follow_clock())
            if self._remembered_url is not None:
                group.create_task(self._follow_memory(self._remembered_url))

    # Following

    async def _follow_world(self) -> None:
        subscription = self._world.subscribe()
        try:
            async for event in subscription:
                self._pass_on(event)
        finally:
            subscription.close()

    def _pass_on(self, event: Json) -> None:
        match event["type"]:
            case "message" | "edited" | "deleted" | "reaction" | "typing" | "action":
                self._touch(event)
            case "call":
                self._calls()
            case "user" | "bot" | "chat" | "member":
                self._live.publish("people")
            case _:
                pass

    def _touch(self, event: Json) -> None:
        chat = self._world.chats.get(str(event["chat"]))
        if chat is None:
            return
        told: Json = {"chat": view.key_of(chat), "user": chat.user.id if chat.user else None}
        if event["type"] in ("typing", "action"):
            self._live.publish("touch", typing=True, **told)
            return
        message = (
            chat.ephemeral.get(event["ephemeral"])
            if "ephemeral" in event
            else chat.log.get(event["message"])
        )
        if message is None:
            return
        if message.ephemeral_for is not None:
            readers = [one for one in (message.ephemeral_for, message.sender) if one is not None]
            told["user"] = next((one.id for one in readers if not one.is_bot), None)
        if event["type"] == "message":
            told["last"] = view.brief(message, self._world)
            told["from"] = view.author_id(message)
        self._live.publish("touch", **told)

    def _calls(self) -> None:
        """Pass on the calls that are over and were not told yet."""
        for call in list(self._playground.history)[-60:]:
            if call.n in self._seen_calls or not (call.status or call.done or call.fault):
                continue
            self._seen_calls.add(call.n)
            self._notice(call.method)
            if call.method.lower() != "getupdates" or call.status >= 400:
                self._live.publish("call", call=view.call(call, self._world))
        if len(self._seen_calls) > 5_000:
            self._seen_calls = set(sorted(self._seen_calls)[-1_000:])
        if len(self._playground.lint) != self._told_lint:
            self._told_lint = len(self._playground.lint)
            self._live.publish("lint", lint=self._lint_picture())
        pictured = self._faults_picture()
        if pictured != self._told_faults:
            self._tell_faults()

    def _process_changed(self, process: BotProcess) -> None:
        self._live.publish("process", process=process.picture())
        if process.state in ("killed", "crashed", "stopped"):
            self._memory_down()

    def _notice(self, method: str) -> None:
        """A call shows that the bot is up; one that has a web server is up when that answers."""
        if self._process is None:
            return
        if self._remembered_url is None or method.lower().startswith(("send", "edit", "answer")):
            self._process.noticed()

    async def _follow_clock(self) -> None:
        while True:
            await self._clock.moved(None)
            self._live.publish("clock", clock=self._clock_picture())

    async def _follow_memory(self, url: str) -> None:
        """Ask the bot's web server what its store remembers, each second while a page looks."""
        timeout = aiohttp.ClientTimeout(total=3)
        last = 0
        async with aiohttp.ClientSession(timeout=timeout) as session:
            while True:
                if self._live.readers or not self._memory["up"] or self._waits():
                    last = await self._ask_memory(session, url, last)
                await asyncio.sleep(1.0)

    def _waits(self) -> bool:
        return self._process is not None and self._process.state == "starting"

    def _memory_down(self) -> None:
        if self._memory["up"]:
            self._memory["up"] = False
            self._live.publish("remembered", up=False, totals=self._memory["totals"], rows=[])

    async def _ask_memory(self, session: aiohttp.ClientSession, url: str, last: int) -> int:
        rows: list[Json] = []
        newest = last
        try:
            while True:
                async with session.get(url, params={"after": newest, "limit": ROWS}) as answer:
                    answer.raise_for_status()
                    body = await answer.json(content_type=None)
                rows = [*rows, *(view.remembered(row, self._world) for row in body["rows"])]
                rows = rows[-KEPT_ROWS:]
                totals = {name: int(count) for name, count in body["totals"].items()}
                newest = max([newest, *(int(row["id"]) for row in body["rows"])])
                # A long history comes in many answers; only its end is shown.
                if len(body["rows"]) < ROWS:
                    break
        except (aiohttp.ClientError, OSError, TimeoutError, ValueError, KeyError, TypeError):
            # Down, starting, or not ours: the page says so and keeps what it knew.
            self._memory_down()
            return last
        if self._process is not None:
            self._process.noticed()
        changed = rows or totals != self._memory["totals"] or not self._memory["up"]
        kept = [*self._memory["rows"], *rows][-KEPT_ROWS:]
        self._memory = {"up": True, "totals": totals, "rows": kept}
        if changed:
            self._live.publish("remembered", up=True, totals=totals, rows=rows)
        return newest

    # Pictures of the present

    def _clock_picture(self) -> Json:
        clock = self._clock
        return {"now": clock.seconds() * 1000, "speed": clock.speed, "version": clock.version}

    def _faults_picture(self) -> list[Json]:
        return [
            {
                "no": fault.no,
                "kind": fault.kind,
                "method": _spelled(fault.method),
                "times": fault.times,
            }
            for fault in self._playground.faults
        ]

    def _lint_picture(self) -> list[str]:
        """What bots sent that Telegram would have ignored, each kind once, the newest last."""
        lines = [f"{one.method} · {one.name}: {one.sentence}" for one in self._playground.lint]
        return list(dict.fromkeys(lines))[-30:]

    def _tell_faults(self) -> None:
        self._told_faults = self._faults_picture()
        self._live.publish(
            "faults",
            faults=self._told_faults,
            flood=self._playground.flood.enabled,
            unruly=not self._playground.faults.updates.quiet(),
        )

    def _simulation_picture(self) -> Json:
        simulation = self._simulation
        if simulation is None:
            return {"on": False, "pace": 20, "possible": False}
        return {"on": simulation.on, "pace": simulation.pace, "possible": True}

    def _process_picture(self) -> Json:
        if self._process is None:
            return {"state": "none", "log": []}
        return {**self._process.picture(), "log": list(self._process.lines)[-200:]}

    # Requests

    async def _on_asset(self, request: web.Request) -> web.StreamResponse:
        name = request.match_info.get("name", "index.html")
        kind = ASSETS.get(name)
        if kind is None:
            raise web.HTTPNotFound(text="There is no such page.")
        body = await asyncio.to_thread((PAGE / name).read_bytes)
        return web.Response(body=body, content_type=kind, charset="utf-8", headers=HEADERS)

    async def _on_state(self, request: web.Request) -> web.Response:
        people = [one for one in self._world.users.values() if view.is_person(one)]
        if not people:
            return json_answer({"error": "There is nobody here yet: add a person first."}, 409)
        viewer = self._world.users.get(number_of(request.query.get("as")) or 0)
        visitor = self._world.users.get(seed.VISITOR)
        if viewer is None or not view.is_person(viewer):
            viewer = visitor or people[0]
        dialogs = view.dialogs(self._world, viewer)
        places = view.places(self._world, viewer)
        community = seed.cast(self._world)
        first = community.group.key if community is not None else None
        if first is None and (dialogs or places):
            first = [*dialogs, *places][0]["key"]
        calls = [
            view.call(call, self._world)
            for call in list(self._playground.history)[-300:]
            if call.method.lower() != "getupdates" or call.status >= 400
        ]
        return json_answer(
            {
                "as": viewer.id,
                "zone": ZONE_NAME,
                "people": [view.person(self._world, one) for one in people],
                "bots": [
                    {"id": one.id, "name": one.name, "username": one.username}
                    for one in self._world.bots.values()
                ],
                "dialogs": dialogs,
                "places": places,
                "first": first,
                "joined": community is not None and community.group.inside(community.visitor),
                "clock": self._clock_picture(),
                "lint": self._lint_picture(),
                "unruly": not self._playground.faults.updates.quiet(),
                "faults": self._faults_picture(),
                "flood": self._playground.flood.enabled,
                "simulation": self._simulation_picture(),
                "process": self._process_picture(),
                "remembered": self._memory,
                "calls": calls[-120:],
            }
        )

    async def _on_chat(self, request: web.Request) -> web.Response:
        wish = Wish({"as": number_of(request.query.get("as")), "chat": request.match_info["key"]})
        viewer = self._person(wish)
        chat = self._chat(wish, viewer)
        return json_answer(view.chat(self._world, chat, viewer))

    async def _on_file(self, request: web.Request) -> web.Response:
        kept = self._world.files.get(int(request.match_info["number"][:12]))
        kind = _picture_kind(kept.data) if kept is not None else None
        if kept is None or kind is None:
            raise web.HTTPNotFound(text="There is no such picture.")
        return web.Response(body=kept.data, content_type=kind, headers=HEADERS)

    async def _on_act(self, request: web.Request) -> web.Response:
        if request.content_type != "application/json":
            return json_answer(
                {"error": "Send the act as JSON (Content-Type: application/json)."}, 400
            )
        raw = await request.read()
        if len(raw) > LARGEST_ACT:
            raise BadWish("That is too much for one act (64 kB at most).")
        try:
            fields = msgspec.json.decode(raw)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as problem:
            raise BadWish("That is not JSON.") from problem
        wish = Wish(fields)
        name = wish.choice("act", self._acts)
        done = self._acts[name](wish)
        if asyncio.iscoroutine(done):
            done = await done
        return json_answer({"ok": True, **(done or {})})

    async def _on_photo(self, request: web.Request) -> web.Response:
        if request.content_type != "multipart/form-data":
            raise BadWish("Send the picture as a form (multipart/form-data).")
        form = await request.post()
        part = form.get("photo")
        if not isinstance(part, web.FileField):
            raise BadWish("“photo” must be a file.")
        data = await asyncio.to_thread(part.file.read)
        if len(data) > LARGEST_PICTURE:
            raise BadWish("That picture is too large (8 MB at most).")
        if measured(data) is None:
            raise BadWish("That is not a picture the playground knows (PNG, JPEG, GIF, WebP).")
        caption = str(form.get("caption", ""))[:1024]
        wish = Wish({"as": number_of(str(form.get("as", ""))), "chat": form.get("chat")})
        viewer = self._person(wish)
        sent = self._world.send_media(
            viewer, self._chat(wish, viewer), "photo", caption=caption, data=data
        )
        return json_answer({"ok": True, "message": view.id_of(sent)})

    # Reading a wish

    def _person(self, wish: Wish, name: str = "as") -> User:
        number = wish.get(name)
        found: User | None = self._world.users.get(id_of(number))
        if found is None or not view.is_person(found):
            raise BadWish(f"“{name}” must be the id of somebody in the playground.")
        return found

    def _bot(self, wish: Wish, name: str = "bot") -> BotAccount:
        number = wish.get(name)
        found: BotAccount | None = self._world.bots.get(id_of(number))
        if found is None:
            raise BadWish(f"“{name}” must be the id of a bot in the playground.")
        return found

    def _chat(self, wish: Wish, viewer: User, name: str = "chat") -> Chat:
        key = wish.text(name, longest=64)
        if key.startswith("b"):
            bot = self._world.bots.get(number_of(key[1:]) or 0)
            if bot is not None:
                return self._world.chats.get(f"{viewer.id}:{bot.id}") or Chat(
                    viewer.id, "private", user=viewer, bot=bot
                )
        found: Chat | None = self._world.chats.get(key)
        if found is not None and found.migrated_to is not None:
            found = self._world.chats.get(str(found.migrated_to))
        if found is None or found.type == "private":
            raise BadWish("There is no such chat; reload the page.")
        if not found.inside(viewer) and found.username is None:
            raise BadWish(f"{viewer.name} is not in this chat.")
        return found

    def _message(self, wish: Wish, chat: Chat, viewer: User, name: str = "message") -> Message:
        named = str(wish.get(name))
        whispered = named.startswith("e")
        number = number_of(named.removeprefix("e"))
        found = (chat.ephemeral if whispered else chat.log).get(number or 0)
        if found is None or found.deleted or not self._world.sees(viewer, found):
            raise BadWish("This message is gone.")
        return found

    def _here(self, wish: Wish) -> tuple[User, Chat, Message]:
        viewer = self._person(wish)
        chat = self._chat(wish, viewer)
        return viewer, chat, self._message(wish, chat, viewer)

    # Acts of people

    def _do_say(self, wish: Wish) -> Json:
        viewer = self._person(wish)
        chat = self._chat(wish, viewer)
        reply_to = None
        if wish.get("reply_to") is not None:
            reply_to = self._message(wish, chat, viewer, "reply_to")
        target = chat.bot if chat.bot is not None else chat
        voice = None
        if wish.get("voice") is not None:
            voice = self._world.chats.get(wish.text("voice", longest=64))
            if voice is None or voice.type == "private":
                raise BadWish("“voice” must be the group itself or a channel.")
        text = wish.text("text")
        sent = self._world.say(viewer, target, text, reply_to=reply_to, as_chat=voice)
        return {"message": view.id_of(sent)}

    async def _do_press(self, wish: Wish) -> Json:
        viewer, _, message = self._here(wish)
        place = (wish.whole("row", 0, 99), wish.whole("col", 0, 99))
        press = self._world.press(viewer, message, place)
        if press.bot is None:
            if press.url is None:
                raise BadWish("The playground does not know this kind of button yet.")
            return {"answer": {"text": "", "alert": False, "url": press.url}}
        until = time.monotonic() + PRESS_WAIT
        with contextlib.suppress(AssertionError):
            await self._playground.until(
                lambda: press.answer is not None, within=max(0.1, until - time.monotonic())
            )
        answer = press.answer
        if answer is None:
            return {"answer": None}
        return {"answer": {"text": answer.text, "alert": answer.show_alert, "url": answer.url}}

    def _do_react(self, wish: Wish) -> None:
        viewer, _, message = self._here(wish)
        emoji = None if wish.get("emoji") is None else wish.text("emoji", longest=16)
        self._world.react(viewer, message, emoji)

    def _do_forward(self, wish: Wish) -> Json:
        viewer, _, message = self._here(wish)
        target = self._chat(wish, viewer, "to")
        sent = self._world.forward(viewer, message, target.bot or target)
        return {"message": view.id_of(sent)}

    def _do_edit(self, wish: Wish) -> None:
        viewer, _, message = self._here(wish)
        text = wish.text("text", longest=4096)
        self._world.edit(viewer, message, text)

    def _do_delete(self, wish: Wish) -> None:
        viewer, _, message = self._here(wish)
        self._world.delete(viewer, message)

    def _do_pin(self, wish: Wish) -> None:
        viewer, _, message = self._here(wish)
        self._world.pin(viewer, message)

    def _do_unpin(self, wish: Wish) -> None:
        viewer, chat, message = self._here(wish)
        member = chat.member(viewer)
        if chat.type != "private" and (member is None or not view.may_pin(chat, member)):
            raise CannotAct("you can't pin messages here")
        if message.message_id in chat.pinned:
            chat.pinned.remove(message.message_id)
            self._world.touch(chat)
            self._live.publish("people")

    def _do_join(self, wish: Wish) -> Json:
        viewer = self._person(wish)
        chat = self._chat(wish, viewer)
        self._world.join(viewer, chat)
        return {"inside": chat.inside(viewer)}

    def _do_leave(self, wish: Wish) -> None:
        viewer = self._person(wish)
        self._world.leave(viewer, self._chat(wish, viewer))

    def _do_start(self, wish: Wish) -> None:
        payload = wish.text("payload", longest=64) if wish.get("payload") else ""
        self._world.start(self._person(wish), self._bot(wish), payload)

    def _do_open(self, wish: Wish) -> Json:
        """Follow a link into Telegram: a bot, an invitation, a public chat, one of its messages."""
        viewer = self._person(wish)
        url = wish.text("url", longest=2_000)
        if url in self._world.links:
            chat = self._world.links[url].chat
            if not chat.inside(viewer):
                self._world.join(viewer, chat, url)
            return {"chat": view.key_of(chat), "message": None, "inside": chat.inside(viewer)}
        name, rest, query = _address(url)
        bot = next(
            (one for one in self._world.bots.values() if (one.username or "").lower() == name), None
        )
        if bot is not None:
            payload = query.get("start", "")[:64]
            if payload or not self._world.private(viewer, bot).log:
                self._world.start(viewer, bot, payload)
            return {"chat": f"b{bot.id}", "message": None}
        chat_found = self._world.chat_by_id(
            f"-100{rest[0]}" if name == "c" and rest else f"@{name}"
        )
        if chat_found is None or (not chat_found.inside(viewer) and chat_found.username is None):
            raise BadWish("This link leads to nobody and nothing in the playground.")
        message = rest[-1] if rest and rest[-1].isdecimal() and (name != "c" or rest[1:]) else None
        return {"chat": view.key_of(chat_found), "message": message}

    def _do_block(self, wish: Wish) -> None:
        self._world.block(self._person(wish), self._bot(wish))

    def _do_unblock(self, wish: Wish) -> None:
        self._world.unblock(self._person(wish), self._bot(wish))

    def _do_make_group(self, wish: Wish) -> Json:
        viewer = self._person(wish)
        title = wish.text("title", longest=128)
        kind = wish.choice("kind", ("group", "supergroup", "channel"))
        make = {
            "group": self._world.make_group,
            "supergroup": self._world.make_supergroup,
            "channel": self._world.make_channel,
        }[kind]
        return {"chat": view.key_of(make(title, viewer))}

    def _do_add_bot(self, wish: Wish) -> None:
        viewer = self._person(wish)
        chat = self._chat(wish, viewer)
        self._may_add(chat, viewer)
        self._world.add_member(chat, self._bot(wish), by=viewer)

    def _do_invite(self, wish: Wish) -> None:
        viewer = self._person(wish)
        chat = self._chat(wish, viewer)
        self._may_add(chat, viewer)
        self._world.add_member(chat, self._person(wish, "who"), by=viewer)

    def _may_add(self, chat: Chat, viewer: User) -> None:
        if not view.may_add(chat, viewer):
            raise CannotAct("you can't add anybody here")

    def _do_promote(self, wish: Wish) -> None:
        viewer, chat, who = self._over(wish, "can_promote_members")
        if wish.flag("on"):
            self._world.promote(chat, who, by=viewer)
        else:
            self._world.demote(chat, who, by=viewer)

    def _do_kick(self, wish: Wish) -> None:
        viewer, chat, who = self._over(wish, "can_restrict_members")
        self._world.kick(chat, who, by=viewer)

    def _do_mute(self, wish: Wish) -> None:
        viewer, chat, who = self._over(wish, "can_restrict_members")
        if wish.flag("on"):
            self._world.restrict(chat, who, by=viewer)
        else:
            self._world.set_member(chat, who, actor=viewer, status="member")

    def _do_approve(self, wish: Wish) -> None:
        viewer = self._person(wish)
        chat = self._chat(wish, viewer)
        who = self._person(wish, "who")
        member = chat.member(viewer)
        if member is None or not member.may("can_invite_users"):
            raise CannotAct("you may not do that here")
        if wish.flag("on"):
            self._world.approve(chat, who, by=viewer)
        else:
            self._world.decline(chat, who, by=viewer)

    def _over(self, wish: Wish, right: str) -> tuple[User, Chat, User]:
        """The admin, the chat and the member concerned; refuses where the right is missing."""
        viewer = self._person(wish)
        chat = self._chat(wish, viewer)
        mine = chat.member(viewer)
        number = wish.get("who")
        member = chat.member(number) if isinstance(number, int) else None
        if member is None or not member.inside:
            raise BadWish("“who” must be the id of a member of this chat.")
        if mine is None or not mine.may(right) or member.status == "creator":
            raise CannotAct("you may not do that here")
        return viewer, chat, member.user

    def _do_language(self, wish: Wish) -> None:
        viewer = self._person(wish)
        viewer.language_code = wish.text("language", longest=12)
        self._world.touch(viewer)
        self._world.emit("user", user=viewer.id)

    def _do_add_person(self, wish: Wish) -> Json:
        name = wish.text("name", longest=64).strip()
        language = wish.text("language", longest=12)
        role = wish.choice("role", ("fan", "admin"))
        made = self._world.add_user(name, language_code=language)
        community = seed.cast(self._world)
        if role == "admin" and community is not None:
            self._world.join(made, community.group)
            self._world.promote(community.group, made, by=community.influencer)
        return {"person": made.id}

    # Time, weather, the bot

    def _do_clock(self, wish: Wish) -> None:
        if wish.get("speed") is not None:
            self._clock.set_speed(wish.number("speed", 0, 86_400))
        elif wish.get("advance") is not None:
            self._clock.advance(wish.number("advance", 1, 366 * 86_400))
        elif wish.get("to") is not None:
            wish.choice("to", ("morning",))
            local = self._clock.now() + ZONE_SHIFT
            morning = local.replace(hour=MORNING, minute=0, second=0, microsecond=0)
            self._clock.set(morning + timedelta(days=1) - ZONE_SHIFT)
        else:
            try:
                moment = datetime.fromisoformat(wish.text("set", longest=40))
            except ValueError as problem:
                raise BadWish(
                    "“set” must be a time such as 2030-05-01T08:00:00+08:00."
                ) from problem
            if moment.tzinfo is None or not 2000 < moment.year < 2200:
                raise BadWish("“set” needs its zone (+08:00) and a year between 2001 and 2199.")
            self._clock.set(moment.astimezone(UTC))

    def _do_fault(self, wish: Wish) -> None:
        kind = wish.choice("kind", ("clear", *faults.KINDS))
        if kind == "clear":
            self._playground.faults.clear()
        else:
            method = wish.text("method", longest=64)
            self._playground.faults.add(
                None if method == "*" else method,
                cast(faults.FaultKind, kind),
                times=wish.whole("times", 1, 1000),
                retry_after=3,
                seconds=4.0,
            )
        self._tell_faults()

    def _do_unruly(self, wish: Wish) -> None:
        chance = UNRULY if wish.flag("on") else 0.0
        self._playground.faults.updates = faults.Unruly(chance, chance, chance)
        self._tell_faults()

    def _do_flood(self, wish: Wish) -> None:
        self._playground.flood.enabled = wish.flag("on")
        self._tell_faults()

    def _do_simulation(self, wish: Wish) -> None:
        if self._simulation is None:
            raise BadWish("There are no simulated fans in this playground.")
        on = None if wish.get("on") is None else wish.flag("on")
        pace = None if wish.get("pace") is None else wish.number("pace", 1, 600)
        self._simulation.switch(on, pace)

    def _do_process(self, wish: Wish) -> None:
        what = wish.choice("do", ("kill", "stop", "start"))
        if self._process is None:
            raise BadWish("No bot process belongs to this playground.")
        done = {
            "kill": self._process.kill,
            "stop": self._process.stop,
            "start": self._process.start,
        }
        if not done[what]():
            raise BadWish(
                "The bot is not running." if what != "start" else "The bot is running already."
            )


def _spelled(method: str | None) -> str:
    """A method's name for the page; faults keep them in lower case."""
    if method is None:
        return "*"
    return next((name for name in _METHODS if name.lower() == method), method)


_METHODS = (
    "sendMessage", "answerCallbackQuery", "editMessageText", "getUpdates", "sendPhoto",
    "setMessageReaction", "deleteMessage",
)  # fmt: skip


def _address(url: str) -> tuple[str, list[str], dict[str, str]]:
    """A Telegram link's name in lower case, what follows it in the path, and its query."""
    try:
        parts = urlsplit(url if "://" in url else f"https://{url}")
        query = dict(parse_qsl(parts.query))
    except ValueError as problem:
        raise BadWish("That is not a link.") from problem
    if parts.scheme == "tg":
        return query.get("domain", "").lower(), [query["post"]] if "post" in query else [], query
    if (parts.hostname or "") not in ("t.me", "telegram.me"):
        raise BadWish("That link leads out of the playground.")
    name, *rest = [part for part in parts.path.split("/") if part] or [""]
    return name.lower(), rest, query


def _picture_kind(data: bytes) -> str | None:
    """The media type of what is really a picture; the name that somebody gave it does not count."""
    if data[:8] == b"\x89PNG\r\n\x1a\n":
        return "image/png"
    if data[:3] == b"\xff\xd8\xff":
        return "image/jpeg"
    if data[:6] in (b"GIF87a", b"GIF89a"):
        return "image/gif"
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "image/webp"
    return None


async def _lead_in(_: web.Request) -> web.StreamResponse:
    raise web.HTTPFound("/play/")
