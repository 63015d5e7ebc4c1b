"""The playground's world: who is there, what they do, and which bot gets to know of it."""

from __future__ import annotations

import asyncio
import struct
import zlib
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any

from bot.playground import html, render
from bot.playground.clock import Clock
from bot.playground.journal import Keeper
from bot.playground.pictures import measured, painted
from bot.playground.records import (
    CHANNEL_BOT,
    CHANNEL_RIGHTS,
    DEFAULT_PERMISSIONS,
    GROUP_ANONYMOUS_BOT,
    GROUP_RIGHTS,
    PERMISSIONS,
    RIGHTS,
    SERVICE_NOTIFICATIONS,
    BotAccount,
    Chat,
    InlineQuery,
    InviteLink,
    JoinRequest,
    Json,
    Member,
    Message,
    Press,
    Record,
    StoredFile,
    User,
)
from bot.playground.refusals import CannotAct
from bot.playground.updates import Updates

_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
#: What a bot is told of its own deeds.
_OWN_SERVICES = frozenset(
    {"new_chat_title", "new_chat_photo", "delete_chat_photo", "left_chat_member", "pinned_message"}
)
QUERY_LIFE = 150
MAX_PRESSES = 20_000
REQUEST_LIFE = 300
EPHEMERAL_REPLY_LIFE = 15
MEDIA_KINDS = (
    "photo", "video", "audio", "voice", "video_note", "animation", "document", "sticker",
)  # fmt: skip
_STICKER = {
    "type": "regular", "width": 512, "height": 512, "is_animated": False, "is_video": False,
    "emoji": "🙂",
}  # fmt: skip
_MEDIA_PERMISSION = {
    "photo": "photos", "video": "videos", "audio": "audios", "voice": "voice_notes",
    "video_note": "video_notes", "document": "documents",
}  # fmt: skip
_MIME = {
    "photo": ("png", "image/png"), "video": ("mp4", "video/mp4"), "audio": ("mp3", "audio/mpeg"),
    "voice": ("ogg", "audio/ogg"), "video_note": ("mp4", "video/mp4"),
    "animation": ("mp4", "video/mp4"), "document": ("txt", "text/plain"),
    "sticker": ("webp", "image/webp"),
}  # fmt: skip


@dataclass(slots=True, eq=False)
class Subscription:
    """A stream of small event dicts for a live page; the oldest are lost when nobody reads."""

    _close: Callable[[Subscription], None]
    _events: deque[Json] = field(default_factory=lambda: deque(maxlen=5_000))
    _wake: asyncio.Event = field(default_factory=asyncio.Event)

    def put(self, event: Json) -> None:
        """Add an event."""
        self._events.append(event)
        self._wake.set()

    async def __aiter__(self) -> AsyncIterator[Json]:
        while True:
            while self._events:
                yield self._events.popleft()
            self._wake.clear()
            await self._wake.wait()

    def close(self) -> None:
        """End the stream."""
        self._close(self)


class World:
    """Everybody and everything. Acts of people are methods; each raises `CannotAct` for what
    Telegram's app would not let that person do. Acts of bots come through the Bot API.
    """

    def __init__(self, clock: Clock, keeper: Keeper, updates: Updates, random: Random) -> None:
        self.clock = clock
        self.keeper = keeper
        self.updates = updates
        self.random = random
        self.users: dict[int, User] = {}
        self.bots: dict[int, BotAccount] = {}
        self.chats: dict[str, Chat] = {}
        self.links: dict[str, InviteLink] = {}
        self.files: dict[int, StoredFile] = {}
        self.presses: dict[str, Press] = {}
        self.queries: dict[str, InlineQuery] = {}
        self.inline_messages: dict[str, Message] = {}
        self.render = render.Renderer(self.users, self.chats, self.files)
        self._subscriptions: set[Subscription] = set()
        self._listeners: list[Callable[[], None]] = []
        self._events = 0
        for number, name, username in (
            (SERVICE_NOTIFICATIONS, "Telegram", None),
            (GROUP_ANONYMOUS_BOT, "Group", "GroupAnonymousBot"),
            (CHANNEL_BOT, "Channel", "Channel_Bot"),
        ):
            self.users[number] = User(
                number, name, username=username, is_bot=number != SERVICE_NOTIFICATIONS
            )
            self.touch(self.users[number])

    # Being told

    def subscribe(self) -> Subscription:
        """A stream of events `{"n", "type", …ids}`: iterate with `async for`, then `close()`."""
        subscription = Subscription(self._subscriptions.discard)
        self._subscriptions.add(subscription)
        return subscription

    def listen(self, listener: Callable[[], None]) -> Callable[[], None]:
        """Call `listener` after every change; the returned function ends that."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    def emit(self, kind: str, **ids: Any) -> None:
        """Tell everybody who looks on that something happened."""
        self._events += 1
        for subscription in tuple(self._subscriptions):
            subscription.put({"n": self._events, "type": kind, **ids})
        for listener in tuple(self._listeners):
            listener()

    def touch(self, record: Record) -> None:
        """The record changed and has to be kept."""
        self.keeper.touch(record)

    # People, bots, chats

    def add_user(
        self,
        first_name: str,
        last_name: str = "",
        username: str | None = None,
        language_code: str | None = "zh-hans",
        *,
        user_id: int | None = None,
        **facts: Any,
    ) -> User:
        """A new person; without a `user_id` one above 2³² is given out, as Telegram does now."""
        number = user_id if user_id is not None else self._free_id(5_000_000_001)
        if number in self.users:
            raise ValueError(f"there is already somebody with the id {number}")
        person = User(number, first_name, last_name, username, language_code, **facts)
        self.users[number] = person
        self.touch(person)
        self.emit("user", user=number)
        return person

    def add_bot(
        self,
        first_name: str,
        username: str,
        *,
        token: str | None = None,
        privacy: bool = True,
        can_join_groups: bool = True,
        inline: bool = False,
        inline_feedback: bool = False,
    ) -> BotAccount:
        """A new bot with a token of the usual shape; settings as BotFather makes them at first."""
        number = int(token.partition(":")[0]) if token else self._free_id(7_000_000_001)
        if number in self.users:
            raise ValueError(f"there is already somebody with the id {number}")
        secret = "".join(self.random.choice(_ALPHABET) for _ in range(32))
        made = BotAccount(
            number,
            first_name,
            username=username,
            is_bot=True,
            token=token or f"{number}:AAE{secret}",
            privacy=privacy,
            can_join_groups=can_join_groups,
            inline=inline,
            inline_feedback=inline_feedback,
        )
        self.users[number] = self.bots[number] = made
        self.touch(made)
        self.emit("bot", bot=number)
        return made

    def _free_id(self, start: int) -> int:
        while start in self.users:
            start += 1
        return start

    def _new_chat_id(self, kind: str) -> int:
        chosen = 0
        while chosen == 0 or str(chosen) in self.chats:
            chosen = (
                -self.random.randrange(4_000_000_000, 4_900_000_000)
                if kind == "group"
                else -1_000_000_000_000 - self.random.randrange(1_500_000_000, 2_900_000_000)
            )
        return chosen

    def bot_by_token(self, token: str) -> BotAccount | None:
        """The bot that the token belongs to."""
        number = token.partition(":")[0]
        bot = self.bots.get(int(number)) if number.isdigit() else None
        return bot if bot is not None and bot.token == token else None

    def chat_by_id(self, chat_id: int | str) -> Chat | None:
        """A group or channel by id or @username (case does not matter)."""
        text = str(chat_id)
        if text.startswith("@"):
            name = text[1:].lower()
            return next(
                (c for c in self.chats.values() if c.username and c.username.lower() == name), None
            )
        return self.chats.get(text)

    def private(self, user: User, bot: BotAccount) -> Chat:
        """The private chat of a person with a bot; the bot may write once she wrote there."""
        key = f"{user.id}:{bot.id}"
        chat = self.chats.get(key)
        if chat is None:
            chat = self.chats[key] = Chat(user.id, "private", user=user, bot=bot, permissions=[])
            self.touch(chat)
            self.emit("chat", chat=key)
        return chat

    def make_group(
        self,
        title: str,
        owner: User,
        members: Iterable[User] = (),
        bots: Iterable[BotAccount] = (),
    ) -> Chat:
        """A basic group."""
        chat = self._make("group", title, owner)
        self._service(chat, owner, "group_chat_created")
        for person in (*members, *bots):
            self.add_member(chat, person, by=owner)
        return chat

    def make_supergroup(
        self,
        title: str,
        owner: User,
        members: Iterable[User] = (),
        bots: Iterable[BotAccount] = (),
        *,
        username: str | None = None,
        forum: bool = False,
        joins_by_request: bool = False,
    ) -> Chat:
        """A supergroup; public where it has a `username`."""
        chat = self._make("supergroup", title, owner, username=username)
        chat.is_forum = forum
        chat.joins_by_request = joins_by_request
        self._service(chat, owner, "supergroup_chat_created")
        for person in (*members, *bots):
            self.add_member(chat, person, by=owner)
        return chat

    def make_channel(
        self,
        title: str,
        owner: User,
        members: Iterable[User] = (),
        bots: Iterable[BotAccount] = (),
        *,
        username: str | None = None,
        discussion: Chat | None = None,
    ) -> Chat:
        """A channel; bots join as administrators, posts are forwarded into the discussion group."""
        chat = self._make("channel", title, owner, username=username)
        for person in members:
            self.set_member(chat, person, actor=owner, status="member")
        for bot in bots:
            self.promote(chat, bot)
        if discussion is not None:
            chat.linked, discussion.linked = discussion, chat
            self.touch(discussion)
        return chat

    def _make(self, kind: str, title: str, owner: User, *, username: str | None = None) -> Chat:
        chat = Chat(self._new_chat_id(kind), kind, title=title, username=username)
        self.chats[chat.key] = chat
        chat.members[owner.id] = Member(chat, owner, status="creator")
        self.touch(chat)
        self.touch(chat.members[owner.id])
        self.emit("chat", chat=chat.key)
        return chat

    def owner(self, chat: Chat) -> User:
        """The chat's owner."""
        for member in chat.members.values():
            if member.status == "creator":
                return member.user
        raise CannotAct("this chat has no owner")

    def upgrade(self, group: Chat) -> Chat:
        """Turn a basic group into a supergroup: a new chat with a new id, and both say so."""
        if group.type != "group" or group.migrated_to is not None:
            raise CannotAct("only a basic group can become a supergroup, once")
        chat = Chat(
            self._new_chat_id("supergroup"),
            "supergroup",
            title=group.title,
            permissions=list(group.permissions),
            migrated_from=group.id,
        )
        self.chats[chat.key] = chat
        self.touch(chat)
        owner = self.owner(group)
        for member in group.members.values():
            if member.inside:
                moved = Member(
                    chat,
                    member.user,
                    status=member.status,
                    rights=list(member.rights),
                    custom_title=member.custom_title,
                    promoted_by=member.promoted_by,
                )
                chat.members[member.user.id] = moved
                self.touch(moved)
        chat.met_bots = list(group.met_bots)
        self._service(group, owner, "migrate_to_chat_id", chat.id)
        group.migrated_to = chat.id
        self.touch(group)
        self._service(chat, owner, "migrate_from_chat_id", group.id)
        self.emit("chat", chat=chat.key)
        return chat

    # Members

    def set_member(
        self,
        chat: Chat,
        user: User,
        *,
        actor: User,
        link: InviteLink | None = None,
        by_request: bool = False,
        **state: Any,
    ) -> Member:
        """Change how somebody stands in a chat and tell the bots that may know of it."""
        member = chat.members.get(user.id)
        if member is None:
            member = chat.members[user.id] = Member(chat, user, status="left")
        before = member.picture()
        for name, value in state.items():
            setattr(member, name, value)
        if member.status != "administrator":
            member.rights, member.promoted_by = [], None
            if member.status != "creator":
                member.is_anonymous, member.custom_title = False, None
        else:
            member.tag = None
        if member.status != "restricted":
            member.permissions = []
        if member.status not in ("restricted", "kicked"):
            member.until_date = 0
        member.is_member = member.status in ("creator", "administrator", "member") or (
            member.status == "restricted" and member.is_member
        )
        after = member.picture()
        self.touch(member)
        if before == after:
            return member
        if isinstance(user, BotAccount) and member.inside and user.id not in chat.met_bots:
            chat.met_bots.append(user.id)
            self.touch(chat)
        self._tell_member(chat, user, actor, before, after, link, by_request)
        self.emit("member", chat=chat.key, user=user.id, status=member.status)
        return member

    def _tell_member(
        self,
        chat: Chat,
        user: User,
        actor: User,
        before: Json,
        after: Json,
        link: InviteLink | None,
        by_request: bool,
    ) -> None:
        if before["tag"] != after["tag"] and {**before, "tag": None} == {**after, "tag": None}:
            # A tag is shown beside messages; its change is no change of membership.
            return
        for bot in self._witnesses(chat, user):
            body = {
                "chat": render.chat(chat),
                "from": render.user(actor),
                "date": self.date(),
                "old_chat_member": render.member(user, chat, before, bot),
                "new_chat_member": render.member(user, chat, after, bot),
            }
            if link is not None:
                body["invite_link"] = render.invite_link(link, bot)
            if by_request:
                body["via_join_request"] = True
            kind = "my_chat_member" if bot is user else "chat_member"
            self.updates.put(bot, kind, body, lane=f"{kind}:{chat.id}")

    def _witnesses(self, chat: Chat, user: User) -> list[BotAccount]:
        """The bot concerned, and the administrators among the other bots."""
        out: list[BotAccount] = [user] if isinstance(user, BotAccount) else []
        for bot in chat.bots():
            member = chat.member(bot)
            if bot is not user and member is not None and member.is_admin:
                out.append(bot)
        return out

    def add_member(self, chat: Chat, user: User, *, by: User | None = None) -> Member:
        """Add somebody to a group by hand, with the service message."""
        actor = by or self.owner(chat)
        if isinstance(user, BotAccount) and not user.can_join_groups:
            raise CannotAct("this bot can't be added to groups")
        if chat.inside(user):
            raise CannotAct(f"{user.name} is already in the chat")
        if chat.type == "channel":
            if isinstance(user, BotAccount):
                return self.promote(chat, user, by=actor)
            return self.set_member(chat, user, actor=actor, status="member")
        member = self.set_member(chat, user, actor=actor, status="member")
        self._service(chat, actor, "new_chat_members", [user.id])
        return member

    def promote(
        self,
        chat: Chat,
        who: User,
        *,
        by: User | None = None,
        is_anonymous: bool = False,
        custom_title: str | None = None,
        **rights: bool,
    ) -> Member:
        """Make somebody an administrator; without named rights with all but appointing others."""
        actor = by or self.owner(chat)
        absent = GROUP_RIGHTS if chat.type == "channel" else CHANNEL_RIGHTS
        if unknown := set(rights) - set(RIGHTS):
            raise ValueError(f"there is no right called {', '.join(sorted(unknown))}")
        if rights:
            granted = [name for name in RIGHTS if rights.get(name) or name == "can_manage_chat"]
        else:
            granted = [n for n in RIGHTS if n not in absent and n != "can_promote_members"]
        new = not chat.inside(who)
        member = self.set_member(
            chat,
            who,
            actor=actor,
            status="administrator",
            rights=granted,
            is_anonymous=is_anonymous,
            custom_title=custom_title,
            promoted_by=actor.id,
        )
        if new and chat.is_group:
            self._service(chat, actor, "new_chat_members", [who.id])
        return member

    def demote(self, chat: Chat, who: User, *, by: User | None = None) -> Member:
        """Make an administrator a plain member again."""
        return self.set_member(chat, who, actor=by or self.owner(chat), status="member")

    def kick(self, chat: Chat, who: User, *, by: User | None = None) -> Member:
        """Take somebody out; she may come back."""
        self.ban(chat, who, by=by)
        return self.unban(chat, who, by=by)

    def ban(self, chat: Chat, who: User, *, by: User | None = None, until: int = 0) -> Member:
        """Take somebody out for good (or until a Unix time)."""
        actor = by or self.owner(chat)
        was_inside = chat.inside(who)
        member = self.set_member(chat, who, actor=actor, status="kicked", until_date=until)
        if was_inside and chat.is_group:
            self._service(chat, actor, "left_chat_member", who.id)
        return member

    def unban(self, chat: Chat, who: User, *, by: User | None = None) -> Member:
        """Lift a ban; she is outside, but may join."""
        return self.set_member(chat, who, actor=by or self.owner(chat), status="left")

    def restrict(
        self,
        chat: Chat,
        who: User,
        *,
        by: User | None = None,
        until: int = 0,
        **allowed: bool,
    ) -> Member:
        """Leave a member only the named permissions (none: she may read)."""
        if chat.type != "supergroup":
            raise CannotAct("members can be restricted in supergroups only")
        return self.set_member(
            chat,
            who,
            actor=by or self.owner(chat),
            status="restricted",
            is_member=chat.inside(who),
            permissions=[name for name in PERMISSIONS if allowed.get(name)],
            until_date=until,
        )

    def leave(self, user: User, chat: Chat) -> None:
        """Go out by oneself."""
        if not chat.inside(user):
            raise CannotAct(f"{user.name} is not in the chat")
        self.set_member(chat, user, actor=user, status="left")
        if chat.is_group:
            self._service(chat, user, "left_chat_member", user.id)

    def join(
        self, user: User, chat: Chat, link: InviteLink | str | None = None
    ) -> Member | JoinRequest:
        """Come in: through an invite link, or into a public chat; may end as a request at the door.

        Without a link a private chat is entered through its primary one.
        """
        if chat.migrated_to is not None:
            chat = self.chats[str(chat.migrated_to)]
        if chat.inside(user):
            raise CannotAct(f"{user.name} is already in the chat")
        member = chat.member(user)
        if member is not None and member.status == "kicked" and not self._over(member):
            raise CannotAct("you were banned from this chat")
        way = self._way(chat, link)
        if way is not None and (way.revoked or self._spent(way)):
            raise CannotAct("this invite link has expired")
        if (way is not None and way.by_request) or chat.joins_by_request:
            return self.request_join(user, chat, way)
        return self._enter(chat, user, user, way, by_request=False)

    def _way(self, chat: Chat, link: InviteLink | str | None) -> InviteLink | None:
        if isinstance(link, str):
            found = self.links.get(link)
            if found is None:
                raise CannotAct("this invite link does not exist")
            link = found
        if link is None and chat.username is None:
            return self.primary_link(chat)
        return link

    def _over(self, member: Member) -> bool:
        return 0 < member.until_date <= self.date()

    def _spent(self, link: InviteLink) -> bool:
        late = link.expire_date is not None and link.expire_date <= self.date()
        full = link.member_limit is not None and len(link.joined) >= link.member_limit
        return late or full

    def _enter(
        self, chat: Chat, user: User, actor: User, link: InviteLink | None, *, by_request: bool
    ) -> Member:
        member = self.set_member(
            chat, user, actor=actor, link=link, by_request=by_request, status="member"
        )
        if link is not None:
            link.joined.append(user.id)
            self.touch(link)
        if chat.is_group:
            self._service(chat, user, "new_chat_members", [user.id])
        return member

    def primary_link(self, chat: Chat) -> InviteLink:
        """The link that every private chat has."""
        for link in chat.links.values():
            if link.primary and not link.revoked:
                return link
        return self.make_link(chat, self.owner(chat), primary=True)

    def make_link(self, chat: Chat, creator: User, **facts: Any) -> InviteLink:
        """A new invite link; `facts` are the fields of `InviteLink`."""
        code = "".join(self.random.choice(_ALPHABET) for _ in range(16))
        link = InviteLink(chat, f"https://t.me/+{code}", creator, **facts)
        chat.links[link.url] = self.links[link.url] = link
        self.touch(link)
        return link

    def request_join(
        self, user: User, chat: Chat, link: InviteLink | str | None = None
    ) -> JoinRequest:
        """Knock at the door of a chat that lets people in by hand."""
        if chat.inside(user):
            raise CannotAct(f"{user.name} is already in the chat")
        way = self._way(chat, link)
        request = chat.requests[user.id] = JoinRequest(chat, user, self.date(), way)
        self.touch(request)
        for bot in chat.bots():
            member = chat.member(bot)
            if member is None or not member.may("can_invite_users"):
                continue
            body = {
                "chat": render.chat(chat),
                "from": render.user(user),
                "user_chat_id": user.id,
                "date": request.date,
            }
            if user.bio:
                body["bio"] = user.bio
            if way is not None:
                body["invite_link"] = render.invite_link(way, bot)
            self.updates.put(bot, "chat_join_request", body, lane=f"chat_join_request:{chat.id}")
        self.emit("member", chat=chat.key, user=user.id, status="requested")
        return request

    def approve(self, chat: Chat, user: User, *, by: User | None = None) -> Member:
        """Let somebody in who knocked."""
        request = self._answered(chat, user)
        return self._enter(chat, user, by or self.owner(chat), request.link, by_request=True)

    def decline(self, chat: Chat, user: User, *, by: User | None = None) -> None:
        """Turn somebody away who knocked."""
        self._answered(chat, user)
        self.emit("member", chat=chat.key, user=user.id, status="declined")

    def _answered(self, chat: Chat, user: User) -> JoinRequest:
        request = chat.requests.pop(user.id, None)
        if request is None:
            raise CannotAct(f"{user.name} has not asked to join")
        self.keeper.drop(request)
        return request

    # A person and a bot

    def start(self, user: User, bot: BotAccount, payload: str = "") -> Message:
        """Press START in the bot's private chat, perhaps from a link with a payload."""
        self.unblock(user, bot)
        return self.say(user, bot, f"/start {payload}".strip())

    def block(self, user: User, bot: BotAccount) -> None:
        """Stop the bot."""
        if bot.id not in user.blocked:
            user.blocked.append(bot.id)
            self.touch(user)
            self._tell_block(user, bot, "member", "kicked")

    def unblock(self, user: User, bot: BotAccount) -> None:
        """Let the bot write again."""
        if bot.id in user.blocked:
            user.blocked.remove(bot.id)
            self.touch(user)
            self._tell_block(user, bot, "kicked", "member")

    def _tell_block(self, user: User, bot: BotAccount, old: str, new: str) -> None:
        chat = self.private(user, bot)

        def standing(status: str) -> Json:
            state = Member(chat, bot, status=status).picture()
            return render.member(bot, chat, state, bot)

        body = {
            "chat": render.chat(chat),
            "from": render.user(user),
            "date": self.date(),
            "old_chat_member": standing(old),
            "new_chat_member": standing(new),
        }
        self.updates.put(bot, "my_chat_member", body, lane=f"my_chat_member:{user.id}")
        self.emit("member", chat=chat.key, user=bot.id, status=new)

    def delete_account(self, user: User) -> None:
        """The account is gone: it leaves its chats and becomes nameless."""
        for chat in list(self.chats.values()):
            if chat.type != "private" and chat.inside(user):
                self.leave(user, chat)
        user.deleted = True
        user.first_name, user.last_name, user.username = "", "", None
        self.touch(user)
        self.emit("user", user=user.id)

    # Saying

    def say(
        self,
        user: User,
        chat: Chat | BotAccount,
        text: str,
        *,
        reply_to: Message | None = None,
        entities: list[Json] | None = None,
        as_chat: Chat | None = None,
        thread: int | None = None,
    ) -> Message:
        """Write something. `as_chat` is the group itself (an anonymous admin) or a channel of hers.

        In a group a command that the bot registered as ephemeral is seen by the bot alone.
        """
        where = self._where(user, chat)
        self._may_write(user, where, "can_send_messages", as_chat)
        if not text.strip():
            raise CannotAct("an empty message can't be sent")
        if len(text) > 4096:
            raise CannotAct("a message holds 4096 characters at most")
        message = self._drafted(user, where, as_chat, reply_to, thread)
        message.text = text
        message.entities = html.find_entities(text, list(entities or []))
        listener = self._ephemeral_listener(where, text)
        if listener is not None:
            return self._whisper(message, listener)
        return self.post(message)

    def _whisper(self, message: Message, bot: BotAccount) -> Message:
        self.number_ephemeral(message, bot)
        self._deliver(message, edited=False)
        return message

    def _ephemeral_listener(self, chat: Chat, text: str) -> BotAccount | None:
        if not chat.is_group or not text.startswith("/"):
            return None
        word, _, name = text[1:].split()[0].partition("@")
        for bot in chat.bots():
            if name and name.lower() != (bot.username or "").lower():
                continue
            for commands in bot.commands.values():
                if any(c["command"] == word and c.get("is_ephemeral") for c in commands):
                    return bot
        return None

    def send_media(
        self,
        user: User,
        chat: Chat | BotAccount,
        kind: str,
        *,
        caption: str = "",
        data: bytes | None = None,
        name: str | None = None,
        album: str | None = None,
        reply_to: Message | None = None,
        as_chat: Chat | None = None,
        thread: int | None = None,
        **facts: Any,
    ) -> Message:
        """Send a photo, video, audio, voice, video_note, animation, document or sticker.

        Without `data` the playground makes something up; messages with one `album` belong together.
        """
        where = self._where(user, chat)
        permission = _MEDIA_PERMISSION.get(kind, "other_messages")
        self._may_write(user, where, f"can_send_{permission}", as_chat)
        message = self._drafted(user, where, as_chat, reply_to, thread)
        message.media = self.attach(kind, data, name=name, **facts)
        message.caption = caption or None
        message.entities = html.find_entities(caption, [])
        message.album = album
        return self.post(message)

    def album(
        self,
        user: User,
        chat: Chat | BotAccount,
        items: Sequence[str | tuple[str, str]],
        **options: Any,
    ) -> list[Message]:
        """Send 2–10 things as one album; an item is a kind, or a kind with its caption."""
        if not 2 <= len(items) <= 10:
            raise CannotAct("an album has 2 to 10 parts")
        name = str(self.random.randrange(10**16, 10**17))
        pairs = [(item, "") if isinstance(item, str) else item for item in items]
        return [
            self.send_media(user, chat, kind, caption=caption, album=name, **options)
            for kind, caption in pairs
        ]

    def forward(self, user: User, message: Message, to_chat: Chat | BotAccount) -> Message:
        """Forward a message, with its origin."""
        where = self._where(user, to_chat)
        self._may_write(user, where, "can_send_messages", None)
        if message.service is not None or message.extra.get("protected"):
            raise CannotAct("this message can't be forwarded")
        return self.post(self.copied(message, self._drafted(user, where, None, None, None)))

    def copied(self, source: Message, onto: Message, *, origin: bool = True) -> Message:
        """Fill a drafted message with the content of another, with or without its origin."""
        onto.text, onto.caption = source.text, source.caption
        onto.entities = [dict(entity) for entity in source.entities]
        onto.media = source.media
        if "shown" in source.extra:
            onto.extra["shown"] = dict(source.extra["shown"])
        if origin:
            onto.forward_origin = source.forward_origin or self._origin_of(source)
        return onto

    def _origin_of(self, source: Message) -> Json:
        date = source.date
        if source.chat.type == "channel":
            origin = {
                "type": "channel",
                "date": date,
                "chat": source.chat.key,
                "message_id": source.message_id,
            }
            if source.author_signature:
                origin["signature"] = source.author_signature
            return origin
        if source.sender_chat is not None:
            origin = {"type": "chat", "date": date, "chat": source.sender_chat.key}
            if source.author_signature:
                origin["signature"] = source.author_signature
            return origin
        sender = source.sender
        if sender is None or sender.hides_forwards or sender.deleted:
            return {
                "type": "hidden_user",
                "date": date,
                "name": sender.name if sender is not None and sender.name else "Deleted Account",
            }
        return {"type": "user", "date": date, "user": sender.id}

    def edit(self, user: User, message: Message, text: str) -> Message:
        """Change one's own message."""
        author = message.extra.get("author", message.sender.id if message.sender else None)
        if author != user.id:
            raise CannotAct("only the author can edit a message")
        if message.deleted:
            raise CannotAct("the message is gone")
        if message.text is not None:
            message.text = text
        else:
            message.caption = text or None
        message.entities = html.find_entities(text, [])
        self.edited(message)
        return message

    def edited(
        self,
        message: Message,
        *,
        by: BotAccount | None = None,
        mark: bool = True,
        tell: bool = True,
    ) -> None:
        """A message changed: note the time (`mark`), tell the lookers-on, and bots if they may."""
        if mark:
            message.edit_date = max(self.date(), message.date)
        self.touch(message)
        self._told("edited", message)
        if tell:
            self._deliver(message, edited=True, but=by)
        copied = message.extra.get("discussed_as")
        if copied is not None and message.chat.linked is not None:
            copy = message.chat.linked.log.get(copied)
            if copy is not None and not copy.deleted:
                self.edited(self.copied(message, copy, origin=False), by=by, mark=mark, tell=tell)

    def delete(self, user: User, message: Message) -> None:
        """Take a message away for everybody: one's own, or any for an admin."""
        own = message.sender is user or message.extra.get("author") == user.id
        member = message.chat.member(user)
        if not own and not (
            message.chat.type == "private" or (member and member.may("can_delete_messages"))
        ):
            raise CannotAct("you can't delete this message")
        self.removed(message)

    def removed(self, message: Message) -> None:
        """A message is gone; nobody is told but the lookers-on."""
        message.deleted = True
        if message.message_id in message.chat.pinned:
            message.chat.pinned.remove(message.message_id)
            self.touch(message.chat)
        self.touch(message)
        self._told("deleted", message)

    def react(self, user: User, message: Message, emoji: str | None) -> None:
        """Put a reaction on a message, change it, or take it away (None)."""
        chat = message.chat
        if message.deleted:
            raise CannotAct("the message is gone")
        if chat.type != "private":
            member = chat.member(user)
            if member is None or not member.inside:
                raise CannotAct("only members can react")
            if member.status == "restricted" and "can_react_to_messages" not in member.permissions:
                raise CannotAct("you may not react here")
        before = message.reactions.get(user.id, [])
        after = [emoji] if emoji else []
        if before == after:
            return
        self.reacted(message, user, after)
        body: Json = {"chat": render.chat(chat), "date": self.date()}
        for bot in chat.bots():
            member = chat.member(bot)
            if chat.type != "private" and (member is None or not member.is_admin):
                continue
            body["message_id"] = message.id_for(bot)
            if chat.type == "channel":
                counts: dict[str, int] = {}
                for one in message.reactions.values():
                    for name in one:
                        counts[name] = counts.get(name, 0) + 1
                shown = [
                    {"type": {"type": "emoji", "emoji": name}, "total_count": count}
                    for name, count in counts.items()
                ]
                self.updates.put(
                    bot,
                    "message_reaction_count",
                    {**body, "reactions": shown},
                    lane=f"message_reaction_count:{chat.id}",
                )
                continue
            sender = chat.member(user)
            whose = (
                {"actor_chat": render.chat(chat)}
                if sender is not None and sender.is_anonymous
                else {"user": render.user(user)}
            )
            old, new = ([{"type": "emoji", "emoji": e} for e in list_] for list_ in (before, after))
            self.updates.put(
                bot,
                "message_reaction",
                {**body, **whose, "old_reaction": old, "new_reaction": new},
                lane=f"message_reaction:{chat.id}",
            )

    def reacted(self, message: Message, who: User, emoji: list[str]) -> None:
        """Note somebody's reactions; of a bot's reaction no bot is told."""
        if emoji:
            message.reactions[who.id] = emoji
        else:
            message.reactions.pop(who.id, None)
        self.touch(message)
        self._told("reaction", message, user=who.id)

    def pin(self, user: User, message: Message) -> Message | None:
        """Pin a message; returns the service message that says so (None if it was pinned)."""
        member = message.chat.member(user)
        may = member is not None and self._may_pin(message.chat, member)
        if message.chat.type != "private" and not may:
            raise CannotAct("you can't pin messages here")
        return self.pinned(message, user)

    @staticmethod
    def _may_pin(chat: Chat, member: Member) -> bool:
        right = "can_edit_messages" if chat.type == "channel" else "can_pin_messages"
        return member.may(right) or (member.inside and right in chat.permissions)

    def pinned(self, message: Message, by: User) -> Message | None:
        """Pin and say so in the chat."""
        chat = message.chat
        if message.message_id in chat.pinned:
            return None
        chat.pinned.append(message.message_id)
        self.touch(chat)
        return self._service(chat, by, "pinned_message", message.message_id)

    # Buttons

    def press(self, user: User, message: Message, button: str | int | tuple[int, int] = 0) -> Press:
        """Press an inline button: named by its text or data, its number, or (row, column).

        `answer` of the returned press is set when the bot answers the query.
        """
        chosen = self._button(message, button)
        if not self.sees(user, message):
            raise CannotAct("this person can't see the message")
        if message.deleted:
            raise CannotAct("the message is gone")
        if chosen.get("disabled") is not None:
            raise CannotAct("this button is switched off")
        number = str(self.random.randrange(10**17, 10**18))
        press = Press(number, user, message, chosen.get("callback_data"), self.clock.seconds())
        if press.data is None:
            press.url = chosen.get("url") or chosen.get("login_url", {}).get("url")
            return press
        owner = message.extra.get("keyboard_of", message.sender.id if message.sender else None)
        bot = self.bots.get(owner) if owner is not None else None
        if bot is None:
            raise CannotAct("nobody listens to this button")
        press.bot = bot
        self._forget_old_presses()
        self.presses[number] = press
        inline = message.extra.get("inline_id")
        body = {
            "id": number,
            "from": render.user(user),
            **(
                {"inline_message_id": inline}
                if inline
                else {"message": self.render.message(message, bot)}
            ),
            "chat_instance": self.chat_instance(message.chat),
            "data": press.data,
        }
        self.updates.put(bot, "callback_query", body, lane=f"callback_query:{user.id}")
        self.emit(
            "press", chat=message.chat.key, message=message.message_id, user=user.id, press=number
        )
        return press

    def _forget_old_presses(self) -> None:
        """Weeks of simulated fans must not fill the memory with presses nobody can answer."""
        if len(self.presses) < MAX_PRESSES:
            return
        dead = self.clock.seconds() - QUERY_LIFE
        for number in [n for n, press in self.presses.items() if press.at < dead]:
            del self.presses[number]

    def forge_press(self, user: User, message: Message, data: str) -> Press:
        """Press a button that does not exist, as a modified client can: the bot has to check."""
        kept = message.markup
        message.markup = {"inline_keyboard": [[{"text": "?", "callback_data": data}]]}
        try:
            return self.press(user, message, 0)
        finally:
            message.markup = kept

    @staticmethod
    def _button(message: Message, button: str | int | tuple[int, int]) -> Json:
        rows: list[list[Json]] = (message.markup or {}).get("inline_keyboard", [])
        flat = [one for row in rows for one in row]
        try:
            if isinstance(button, tuple):
                return rows[button[0]][button[1]]
            if isinstance(button, int):
                return flat[button]
        except IndexError as error:
            raise CannotAct(f"the message has no button {button}") from error
        for one in flat:
            if button in (one["text"], one.get("callback_data")):
                return one
        for one in flat:
            if button in one["text"]:
                return one
        labels = ", ".join(one["text"] for one in flat) or "none"
        raise CannotAct(f"the message has no button {button!r}; it has {labels}")

    def chat_instance(self, chat: Chat) -> str:
        """What callback queries call a chat; the same for all its buttons."""
        crc = zlib.crc32(chat.key.encode())
        return str(struct.unpack(">q", struct.pack(">II", crc, zlib.crc32(b"chat", crc)))[0])

    # Looking

    def messages(self, chat: Chat | BotAccount, *, of: User | None = None) -> list[Message]:
        """Everything said in a chat, ephemeral messages included, deleted ones not."""
        if isinstance(chat, BotAccount):
            if of is None:
                raise ValueError("messages(bot, of=user) needs the person")
            chat = self.private(of, chat)
        whole = [m for m in chat.log.values() if not m.deleted]
        whispers = [m for m in chat.ephemeral.values() if not m.deleted]
        if not whispers:
            return whole
        return sorted([*whole, *whispers], key=lambda m: m.extra.get("after", m.message_id))

    def visible(self, user: User, chat: Chat) -> list[Message]:
        """What that person sees of a chat."""
        if chat.type == "private":
            return self.messages(chat) if chat.user is user else []
        if not chat.inside(user) and chat.username is None:
            return []
        shown = [m for m in self.messages(chat) if self.sees(user, m)]
        hidden = {id(m.replaces) for m in shown if m.replaces is not None}
        return [m for m in shown if id(m) not in hidden]

    def sees(self, user: User, message: Message) -> bool:
        """Whether the message is shown to that person."""
        if message.chat.type == "private":
            return message.chat.user is user
        if message.ephemeral_id is not None:
            return user in (message.ephemeral_for, message.sender)
        return message.chat.inside(user) or message.chat.username is not None

    def chats_of(self, user: User) -> list[Chat]:
        """The chats that the person finds in her list."""
        return [
            chat
            for chat in self.chats.values()
            if (chat.user is user or (chat.type != "private" and chat.inside(user)))
            and chat.migrated_to is None
        ]

    # The workings that acts of people and methods of bots share

    def date(self) -> int:
        """Now, as messages are dated."""
        return int(self.clock.seconds())

    def _where(self, user: User, chat: Chat | BotAccount) -> Chat:
        if isinstance(chat, BotAccount):
            return self.private(user, chat)
        if chat.migrated_to is not None:
            return self.chats[str(chat.migrated_to)]
        return chat

    def _may_write(self, user: User, chat: Chat, permission: str, as_chat: Chat | None) -> None:
        if user.deleted:
            raise CannotAct("this account was deleted")
        if chat.bot is not None:
            if chat.user is not user:
                raise CannotAct("this is somebody else's private chat")
            if chat.bot.id in user.blocked:
                raise CannotAct("unblock the bot first")
            return
        member = chat.member(user)
        if member is None or not member.inside:
            raise CannotAct(f"{user.name} is not in the chat")
        if as_chat is not None and as_chat is not chat:
            voice = as_chat.member(user)
            if as_chat.type != "channel" or voice is None or not voice.is_admin:
                raise CannotAct("she can't speak for that chat")
        if as_chat is chat and not member.is_admin:
            raise CannotAct("only an administrator can write anonymously")
        if member.is_admin:
            if chat.type == "channel" and not member.may("can_post_messages"):
                raise CannotAct("you can't post in this channel")
            return
        if chat.type == "channel":
            raise CannotAct("only administrators post in a channel")
        if member.status == "restricted" and self._over(member):
            self.set_member(chat, user, actor=user, status="member")
        allowed = chat.permissions
        if member.status == "restricted":
            allowed = [name for name in allowed if name in member.permissions]
        if permission not in allowed:
            raise CannotAct("you are not allowed to send this here")

    def drafted_by(self, user: User, chat: Chat | BotAccount) -> Message:
        """An empty message of a person who may write there."""
        where = self._where(user, chat)
        self._may_write(user, where, "can_send_other_messages", None)
        return self._drafted(user, where, None, None, None)

    def _drafted(
        self,
        user: User,
        chat: Chat,
        as_chat: Chat | None,
        reply_to: Message | None,
        thread: int | None,
    ) -> Message:
        message = Message(chat, 0, self.date(), sender=user, reply_to=reply_to, thread=thread)
        member = chat.member(user)
        if chat.type == "channel":
            message.sender, message.sender_chat = None, chat
            message.extra["author"] = user.id
        elif as_chat is chat or (as_chat is None and member is not None and member.is_anonymous):
            message.sender, message.sender_chat = self.users[GROUP_ANONYMOUS_BOT], chat
            message.author_signature = member.custom_title if member else None
            message.extra["author"] = user.id
        elif as_chat is not None:
            message.sender, message.sender_chat = self.users[CHANNEL_BOT], as_chat
            message.extra["author"] = user.id
        return message

    def post(self, message: Message) -> Message:
        """Number a drafted message, keep it, and give it to everybody who may see it."""
        chat = message.chat
        if message.thread is None and chat.type == "supergroup" and message.reply_to is not None:
            above = message.reply_to
            if above.chat is chat and (not chat.is_forum or above.thread is not None):
                message.thread = above.thread or above.message_id
        self._number(message)
        chat.log[message.message_id] = message
        chat.started = chat.started or message.sender is chat.user
        self.touch(chat)
        self.touch(message)
        if isinstance(message.sender, BotAccount) and chat.is_group:
            chat.last_speaker_bot = message.sender.id
        self._told("message", message)
        self._deliver(message, edited=False)
        linked = chat.linked
        if chat.type == "channel" and linked is not None and message.service is None:
            self._comment(message, linked)
        return message

    def _comment(self, post: Message, group: Chat) -> None:
        """Telegram forwards a channel's posts into the group that discusses them, and pins them."""
        copy = Message(
            group,
            0,
            post.date,
            sender=self.users[SERVICE_NOTIFICATIONS],
            sender_chat=post.chat,
            automatic_forward=True,
            album=post.album,
        )
        self.post(self.copied(post, copy))
        post.extra["discussed_as"] = copy.message_id
        group.pinned.append(copy.message_id)
        self.touch(post)
        self.touch(group)

    def _number(self, message: Message) -> None:
        chat = message.chat
        if chat.bot is not None:
            chat.bot.last_message_id += 1
            message.message_id = chat.bot.last_message_id
            self.touch(chat.bot)
            return
        chat.last_message_id += 1
        message.message_id = chat.last_message_id
        if chat.type == "group":
            # Every account counts the messages of its basic groups in one sequence of its own.
            for bot in chat.bots():
                bot.last_message_id += 1
                message.ids[bot.id] = bot.last_message_id
                chat.aliases[bot.id, bot.last_message_id] = message.message_id
                self.touch(bot)

    def number_ephemeral(self, message: Message, reader: User) -> None:
        """Number and keep a message that only one account sees."""
        chat = message.chat
        chat.last_ephemeral_id += 1
        message.message_id = 0
        message.ephemeral_id = chat.last_ephemeral_id
        message.ephemeral_for = reader
        message.extra["after"] = chat.last_message_id + 0.5
        chat.ephemeral[chat.last_ephemeral_id] = message
        self.touch(chat)
        self.touch(message)
        self._told("message", message)

    def find(self, chat: Chat, bot: BotAccount, message_id: int) -> Message | None:
        """The message that the bot calls by that number, unless it is gone."""
        if chat.type == "group":
            message_id = chat.aliases.get((bot.id, message_id), 0)
        message = chat.log.get(message_id)
        return None if message is None or message.deleted else message

    def _service(self, chat: Chat, actor: User, kind: str, value: Any = True) -> Message:
        message = self._drafted(actor, chat, None, None, None)
        message.service = {"kind": kind, "value": value}
        return self.post(message)

    def announce(self, chat: Chat, actor: User, kind: str, value: Any = True) -> Message:
        """A service message: what somebody did to the chat."""
        return self._service(chat, actor, kind, value)

    def _told(self, kind: str, message: Message, **more: Any) -> None:
        ids: Json = {"chat": message.chat.key, "message": message.message_id}
        if message.ephemeral_id is not None:
            ids["ephemeral"] = message.ephemeral_id
        self.emit(kind, **ids, **more)

    def _deliver(self, message: Message, *, edited: bool, but: BotAccount | None = None) -> None:
        channel = message.chat.type == "channel"
        kind = ("edited_" if edited else "") + ("channel_post" if channel else "message")
        for bot in message.chat.bots():
            if bot is but or not self.hears(bot, message, edited=edited):
                continue
            if edited and bot is message.sender:
                continue
            body = self.render.message(message, bot)
            self.updates.put(bot, kind, body, lane=f"message:{message.chat.id}")

    def hears(self, bot: BotAccount, message: Message, *, edited: bool = False) -> bool:
        """Whether Telegram gives that bot the message: membership, privacy mode, its own words."""
        chat = message.chat
        if message.ephemeral_id is not None:
            return message.ephemeral_for is bot
        own = message.sender is bot or message.extra.get("author") == bot.id
        if own:
            return not edited and (message.service or {}).get("kind") in _OWN_SERVICES
        if chat.bot is not None or chat.type == "channel":
            return True
        if isinstance(message.sender, BotAccount) and message.service is None:
            return False
        member = chat.member(bot)
        if not bot.privacy or message.service is not None or (member and member.is_admin):
            return True
        return self._meant_for(bot, message)

    def _meant_for(self, bot: BotAccount, message: Message) -> bool:
        above = message.reply_to
        if message.via_bot is bot or (above is not None and above.sender is bot):
            return True
        for entity in message.entities:
            if entity["type"] == "bot_command":
                name = html.cut(message.words, entity["offset"], entity["length"]).partition("@")[2]
                if name:
                    if name.lower() == (bot.username or "").lower():
                        return True
                elif message.chat.last_speaker_bot in (None, bot.id) or not any(
                    other is not bot for other in message.chat.bots()
                ):
                    return True
        return False

    def attach(
        self, kind: str, data: bytes | None, *, name: str | None = None, **facts: Any
    ) -> Json:
        """Keep a file and return what `Message.media` says of it."""
        if kind not in MEDIA_KINDS:
            raise ValueError(f"there is no attachment called {kind!r}")
        suffix, mime = _MIME[kind]
        if data is None:
            data = painted(self.random) if kind == "photo" else b"made up by the playground"
        width, height = measured(data) or (512, 512)
        number = len(self.files) + 1
        kept = StoredFile(
            number, kind, data, name or f"{kind}_{number}.{suffix}", mime, width, height
        )
        self.files[number] = kept
        self.touch(kept)
        shown = dict(facts)
        if kind in ("video", "animation"):
            shown = {"width": 640, "height": 360, "duration": 5, **shown}
        elif kind in ("audio", "voice"):
            shown = {"duration": 5, **shown}
        elif kind == "video_note":
            shown = {"length": 240, "duration": 5, **shown}
        elif kind == "sticker":
            shown = {**_STICKER, **shown}
        kept.facts = shown
        return {"kind": kind, "file": number, "facts": shown}

    def restore(self, records: Iterable[Record]) -> None:
        """Take back what a state file kept."""
        for record in records:
            match record:
                case BotAccount():
                    self.users[record.id] = self.bots[record.id] = record
                case User():
                    self.users[record.id] = record
                case Chat():
                    self.chats[record.key] = record
                case StoredFile():
                    self.files[record.no] = record
                case _:
                    continue
        for record in records:
            match record:
                case Member():
                    record.chat.members[record.user.id] = record
                case Message() if record.ephemeral_id is not None:
                    record.chat.ephemeral[record.ephemeral_id] = record
                case Message():
                    record.chat.log[record.message_id] = record
                    if "inline_id" in record.extra:
                        self.inline_messages[record.extra["inline_id"]] = record
                    for bot, alias in record.ids.items():
                        record.chat.aliases[bot, alias] = record.message_id
                case InviteLink():
                    record.chat.links[record.url] = self.links[record.url] = record
                case JoinRequest():
                    record.chat.requests[record.user.id] = record
                case _:
                    continue


__all__ = ["DEFAULT_PERMISSIONS", "MEDIA_KINDS", "Subscription", "World", "measured", "painted"]
