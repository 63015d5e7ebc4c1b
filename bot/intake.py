"""What an update is, read as cheaply as the log needs it: no aiogram, no pydantic.

``split`` cuts Telegram's answer into updates without decoding them, ``read`` turns one into an
Arrival, and ``Triggers`` says whether anybody must react to it. Chatter, which is nearly all
that a group ever says, ends here as one row in the log.
"""

from __future__ import annotations

import re
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from typing import Annotated, Final

import msgspec

from storage.records import Arrival, ChatKind, ChatSeen, Class, FanSeen, Kind

SECOND: Final = 1_000_000
LONGEST_TEXT: Final = 4096  # a message cannot be longer; a bio or a forged update can
LONGEST_WORD: Final = 32  # of a plain word that a room may wait for
SERVICE_ACCOUNTS: Final = frozenset({777000, 1087968824, 136817688})  # Telegram, anonymous admin,
# and the face of channels that speak in groups: none of them is a person

FLOOD, FLOOD_SECONDS, MOST_WATCHED = 4, 10, 10_000  # the room counts again, by the settings
LINKS: Final = frozenset({"url", "text_link"})  # kinds of entities

CHAT_KINDS: Final = {kind.value: kind for kind in ChatKind}  # an Enum's own look-up is slow

# Ids stay below 2^53 (Bot API documentation); what is larger would not fit the store either.
Id = Annotated[int, msgspec.Meta(ge=-(2**53), le=2**53)]
Second = Annotated[int, msgspec.Meta(ge=0, le=2**40)]
# A part of which only its presence counts. Not "Raw or None": a decoder that may choose between
# the two takes nothing but null.
ABSENT: Final = msgspec.Raw(b"")


class Part(msgspec.Struct, gc=False):
    """A piece of an update: a tree, which the garbage collector need not look at."""


class User(Part):
    id: Id
    first_name: str = ""
    last_name: str = ""
    username: str = ""
    language_code: str = ""
    is_bot: bool = False


class Chat(Part):
    id: Id
    type: str
    title: str = ""
    username: str = ""


class Replied(Part):
    message_id: Id
    from_: User | None = msgspec.field(default=None, name="from")


class Entity(Part):
    type: str
    offset: int
    length: int


class Message(Part):
    message_id: Id
    chat: Chat
    date: Second = 0
    edit_date: Second | None = None
    from_: User | None = msgspec.field(default=None, name="from")
    sender_chat: Chat | None = None
    text: str | None = None
    caption: str | None = None
    entities: list[Entity] = []
    caption_entities: list[Entity] = []
    reply_to_message: Replied | None = None
    forward_origin: msgspec.Raw = ABSENT
    is_automatic_forward: bool = False
    new_chat_members: list[User] | None = None
    left_chat_member: User | None = None
    migrate_to_chat_id: Id | None = None
    migrate_from_chat_id: Id | None = None
    pinned_message: msgspec.Raw = ABSENT
    new_chat_title: str | None = None
    successful_payment: msgspec.Raw = ABSENT
    photo: msgspec.Raw = ABSENT
    video: msgspec.Raw = ABSENT
    voice: msgspec.Raw = ABSENT
    video_note: msgspec.Raw = ABSENT
    audio: msgspec.Raw = ABSENT
    animation: msgspec.Raw = ABSENT
    document: msgspec.Raw = ABSENT
    sticker: msgspec.Raw = ABSENT


class Pressed(Part):
    chat: Chat
    message_id: Id


class Press(Part):
    id: str
    from_: User = msgspec.field(name="from")
    data: str = ""
    message: Pressed | None = None


class Inline(Part):
    from_: User = msgspec.field(name="from")
    query: str = ""
    inline_message_id: str | None = None
    result_id: str = ""


class Standing(Part):
    user: User
    status: str
    is_member: bool = True


class MemberChange(Part):
    chat: Chat
    from_: User = msgspec.field(name="from")
    date: Second
    old_chat_member: Standing
    new_chat_member: Standing


class JoinRequest(Part):
    chat: Chat
    from_: User = msgspec.field(name="from")
    date: Second


class Emoji(Part):
    type: str
    emoji: str = ""


class Reaction(Part):
    chat: Chat
    message_id: Id
    date: Second
    new_reaction: list[Emoji] = []
    user: User | None = None


class ReactionCount(Part):
    chat: Chat
    message_id: Id
    date: Second


class Vote(Part):
    poll_id: str
    user: User | None = None


class BoostSource(Part):
    user: User | None = None


class Boost(Part):
    source: BoostSource


class BoostChange(Part):
    chat: Chat
    boost: Boost | None = None
    source: BoostSource | None = None


class Checkout(Part):
    from_: User = msgspec.field(name="from")


class Update(Part):
    update_id: Id
    message: Message | None = None
    edited_message: Message | None = None
    channel_post: Message | None = None
    edited_channel_post: Message | None = None
    callback_query: Press | None = None
    inline_query: Inline | None = None
    chosen_inline_result: Inline | None = None
    my_chat_member: MemberChange | None = None
    chat_member: MemberChange | None = None
    chat_join_request: JoinRequest | None = None
    message_reaction: Reaction | None = None
    message_reaction_count: ReactionCount | None = None
    poll_answer: Vote | None = None
    poll: msgspec.Raw = ABSENT
    chat_boost: BoostChange | None = None
    removed_chat_boost: BoostChange | None = None
    pre_checkout_query: Checkout | None = None


class Answer(Part):
    """Telegram's envelope of every answer."""

    ok: bool
    result: msgspec.Raw = msgspec.Raw(b"null")
    error_code: int = 0
    description: str = ""
    parameters: dict[str, int] = {}


class Undecodable(ValueError):
    """These bytes are no update; ``update_id`` is what could still be found in them, else None."""

    def __init__(self, update_id: int | None, reason: str) -> None:
        super().__init__(reason)
        self.update_id = update_id


_updates = msgspec.json.Decoder(list[msgspec.Raw])
_update = msgspec.json.Decoder(Update)
_answer = msgspec.json.Decoder(Answer)
_UPDATE_ID = re.compile(rb'"update_id"\s*:\s*(\d{1,15})(?![\d.eE])')
_ESCAPE = re.compile(
    rb"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}"  # a proper pair
    rb"|\\u[dD][89a-fA-F][0-9a-fA-F]{2}"  # half of one
    rb"|\\u0000"
    rb"|\\.",
    re.DOTALL,
)

ALLOWED_UPDATES: Final = tuple(
    field.name for field in msgspec.structs.fields(Update) if field.name != "update_id"
)


def clean(raw: bytes) -> bytes:
    """The same JSON without what no database and no decoder can carry: NUL and half surrogates.

    >>> clean(rb'"a\\u0000b\\ud800c\\ud83d\\ude00\\\\u0000"')
    b'"ab\\\\ufffdc\\\\ud83d\\\\ude00\\\\\\\\u0000"'
    """

    def mended(match: re.Match[bytes]) -> bytes:
        escape = match.group()
        if escape == rb"\u0000":
            return b""
        if len(escape) == 6 and escape[2:3] in b"dD" and escape[3:4] in b"89abcdefABCDEF":
            return rb"\ufffd"
        return escape

    return _ESCAPE.sub(mended, raw.decode("utf-8", "replace").encode())


def answer(body: bytes) -> Answer:
    """Telegram's envelope; raises Undecodable when it is none even after cleaning."""
    for mend in (bytes, clean):
        try:
            return _answer.decode(mend(body))
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            reason = str(error)
    raise Undecodable(None, reason)


def split(result: bytes) -> list[bytes]:
    """The updates of one answer, each as its own bytes, undecoded."""
    try:
        return [bytes(raw) for raw in _updates.decode(result)]
    except (msgspec.MsgspecError, RecursionError) as error:
        raise Undecodable(None, str(error)) from error


def update_id_in(raw: bytes) -> int | None:
    """The number of an update that cannot be decoded, for whoever must confirm it."""
    found = _UPDATE_ID.search(raw)
    return int(found.group(1)) if found else None


@dataclass(slots=True)
class Watch:
    """The groups whose newcomers are watched, by Telegram's ids; what anybody writes elsewhere is
    not even looked at. Whether the writer is a newcomer is the room's business."""

    chats: AbstractSet[int] = frozenset()
    _lately: dict[tuple[int, int], list[int]] = field(default_factory=dict)

    def suspects(self, message: Message, fan: int) -> bool:
        """A link, or more than FLOOD messages within ten seconds."""
        linked = message.entities or message.caption_entities
        if any(entity.type in LINKS for entity in linked):
            return True
        if len(self._lately) > MOST_WATCHED:
            self._lately.clear()
        key, begin = (message.chat.id, fan), message.date - FLOOD_SECONDS
        times = [at for at in self._lately.get(key, ()) if at > begin]
        self._lately[key] = [*times, message.date]
        return len(times) >= FLOOD


@dataclass(frozen=True, slots=True)
class Triggers:
    """Who is concerned: our own name and the words that some room waits for.

    ``words`` count anywhere, folded as ``fold`` does; commands are known by their slash.
    """

    bot_id: int
    username: str
    commands: AbstractSet[str]
    words: AbstractSet[str]
    watch: Watch = field(default_factory=lambda: Watch())

    def command(self, text: str) -> str | None:
        """The command that is meant for us, without slash and arguments; None for others' ones."""
        head = text[1:].split(maxsplit=1)[0] if len(text) > 1 and text[0] == "/" else ""
        name, _, addressee = head.partition("@")
        if not name or (addressee and addressee.lower() != self.username.lower()):
            return None
        return name.lower()


def fold(text: str) -> str:
    """How plain words are compared: without white space and closing marks around, lower case."""
    return text.strip().rstrip("!！。.~～").lower()


def read(raw: bytes, triggers: Triggers, received: int) -> Arrival:
    """One update as the log wants it; its raw bytes stay only when somebody must react.

    Raises Undecodable. *received* (microseconds UTC) is the time of acts that carry no date.
    """
    if b"\\u0000" in raw:
        raw = clean(raw)  # NUL is proper JSON, but PostgreSQL cannot keep it, in whatever field
    try:
        return _arrival(_update.decode(raw), raw, triggers, received)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        if (mended := clean(raw)) != raw:
            return read(mended, triggers, received)
        raise Undecodable(update_id_in(raw), str(error)) from error


def _arrival(update: Update, raw: bytes, triggers: Triggers, received: int) -> Arrival:
    message = update.message
    if message is not None:
        return _message(update.update_id, message, raw, triggers, received)
    if (press := update.callback_query) is not None:
        pressed = press.message
        return Arrival(
            update.update_id,
            Kind.PRESS,
            Class.VOLUNTARY,
            received,
            chat=_chat(pressed.chat) if pressed else None,
            fan=_fan(press.from_),
            message=pressed.message_id if pressed else None,
            ref=pressed.message_id if pressed else None,
            text=_bare(press.data),
            raw=raw,
        )
    return _rare(update, raw, triggers, received)


def _message(
    update_id: int, message: Message, raw: bytes, triggers: Triggers, received: int
) -> Arrival:
    sender = message.from_
    text = _bare(message.text if message.text is not None else message.caption)
    replied = message.reply_to_message
    kind, reacts = Kind.MESSAGE, message.chat.type == "private"
    fan = sender if message.sender_chat is None else None
    cls = Class.VOLUNTARY if fan is not None and not fan.is_bot else Class.PASSIVE
    if message.text is None and message.caption is None and not _has_media(message):
        kind, cls = Kind.SERVICE, Class.PASSIVE
        if message.migrate_to_chat_id or message.migrate_from_chat_id:
            kind, reacts = Kind.MIGRATION, True
        elif message.new_chat_members:
            kind, reacts, fan = Kind.JOIN, True, message.new_chat_members[0]
        elif message.left_chat_member:
            kind, reacts, fan = Kind.LEAVE, True, message.left_chat_member
        elif message.successful_payment:
            kind, reacts = Kind.PAYMENT, True
    elif message.forward_origin:
        kind = Kind.FORWARD
        reacts = reacts or not message.is_automatic_forward
    elif text is not None and text.startswith("/"):
        kind = Kind.COMMAND
        reacts = reacts or triggers.command(text) in triggers.commands
    elif text is not None and len(text) <= LONGEST_WORD and fold(text) in triggers.words:
        reacts = True
    elif replied is not None:
        kind = Kind.REPLY
        to_us = replied.from_ is not None and replied.from_.id == triggers.bot_id
        reacts = reacts or to_us
    elif message.text is None:
        kind = Kind.MEDIA
    if not reacts and fan is not None and message.chat.id in triggers.watch.chats:
        reacts = triggers.watch.suspects(message, fan.id)
    return Arrival(
        update_id,
        kind,
        cls,
        message.date * SECOND or received,
        _chat(message.chat),
        _fan(fan),
        message.message_id,
        replied.message_id if replied is not None else None,
        text,
        raw if reacts else None,
    )


def _rare(update: Update, raw: bytes, triggers: Triggers, received: int) -> Arrival:
    """Everything that is no message and no press; each kind once, in a row of its own."""
    number = update.update_id
    if (edited := update.edited_message) is not None:
        return _edit(number, edited, Kind.EDIT, received)
    if (post := update.channel_post) is not None:
        at = post.date * SECOND or received
        text = post.text if post.text is not None else post.caption
        return Arrival(
            number,
            Kind.CHANNEL_POST,
            Class.PASSIVE,
            at,
            chat=_chat(post.chat),
            message=post.message_id,
            text=_bare(text),
            raw=raw if text is not None and text.startswith("/") else None,
        )
    if (edited := update.edited_channel_post) is not None:
        return _edit(number, edited, Kind.CHANNEL_EDIT, received)
    if (change := update.my_chat_member) is not None:
        kind = Kind.BOT_MEMBER
        if change.chat.type == "private":
            kind = Kind.BLOCK if change.new_chat_member.status == "kicked" else Kind.UNBLOCK
        return _member(number, change, change.from_, kind, raw)
    if (change := update.chat_member) is not None:
        was, is_ = _inside(change.old_chat_member), _inside(change.new_chat_member)
        kind = Kind.JOIN if is_ and not was else Kind.LEAVE if was and not is_ else Kind.MEMBER
        return _member(number, change, change.new_chat_member.user, kind, raw)
    if (request := update.chat_join_request) is not None:
        return Arrival(
            number,
            Kind.JOIN_REQUEST,
            Class.PASSIVE,
            request.date * SECOND,
            chat=_chat(request.chat),
            fan=_fan(request.from_),
            raw=raw,
        )
    if (reaction := update.message_reaction) is not None:
        emoji = "".join(r.emoji or r.type for r in reaction.new_reaction)
        return Arrival(
            number,
            Kind.REACTION,
            Class.VOLUNTARY if reaction.user else Class.PASSIVE,
            reaction.date * SECOND,
            chat=_chat(reaction.chat),
            fan=_fan(reaction.user),
            ref=reaction.message_id,
            text=emoji[:64],
        )
    if (counted := update.message_reaction_count) is not None:
        return Arrival(
            number,
            Kind.REACTION_COUNT,
            Class.PASSIVE,
            counted.date * SECOND,
            chat=_chat(counted.chat),
            ref=counted.message_id,
        )
    return _elsewhere(update, raw, received)


def _elsewhere(update: Update, raw: bytes, received: int) -> Arrival:
    """What happens in no chat of ours: inline use, votes, boosts, payments, tomorrow's news."""
    number = update.update_id
    for kind, inline in (
        (Kind.INLINE_QUERY, update.inline_query),
        (Kind.INLINE_CHOSEN, update.chosen_inline_result),
    ):
        if inline is not None:
            who, text = _fan(inline.from_), _bare(inline.query)
            return Arrival(number, kind, Class.VOLUNTARY, received, fan=who, text=text, raw=raw)
    if (vote := update.poll_answer) is not None:
        return Arrival(number, Kind.VOTE, Class.VOLUNTARY, received, fan=_fan(vote.user))
    if update.poll:
        return Arrival(number, Kind.POLL, Class.PASSIVE, received)
    for kind, change in (
        (Kind.BOOST, update.chat_boost),
        (Kind.UNBOOST, update.removed_chat_boost),
    ):
        if change is not None:
            source = change.source or (change.boost.source if change.boost else None)
            who = _fan(source.user) if source is not None else None
            cls = Class.VOLUNTARY if who is not None and kind is Kind.BOOST else Class.PASSIVE
            return Arrival(number, kind, cls, received, chat=_chat(change.chat), fan=who)
    if (checkout := update.pre_checkout_query) is not None:
        who = _fan(checkout.from_)
        return Arrival(number, Kind.PAYMENT, Class.VOLUNTARY, received, fan=who, raw=raw)
    return Arrival(number, Kind.OTHER, Class.PASSIVE, received)


def _edit(update_id: int, message: Message, kind: Kind, received: int) -> Arrival:
    text = message.text if message.text is not None else message.caption
    return Arrival(
        update_id,
        kind,
        Class.PASSIVE,
        (message.edit_date or message.date) * SECOND or received,
        chat=_chat(message.chat),
        fan=_fan(message.from_) if message.sender_chat is None else None,
        message=message.message_id,
        text=_bare(text),
    )


def _member(
    update_id: int, change: MemberChange, concerned: User, kind: Kind, raw: bytes
) -> Arrival:
    return Arrival(
        update_id,
        kind,
        Class.PASSIVE,
        change.date * SECOND,
        chat=_chat(change.chat),
        fan=_fan(concerned),
        text=change.new_chat_member.status[:32],
        raw=raw,
    )


def _inside(standing: Standing) -> bool:
    if standing.status == "restricted":
        return standing.is_member
    return standing.status in ("creator", "administrator", "member")


def _has_media(message: Message) -> bool:
    return bool(
        message.photo
        or message.sticker
        or message.video
        or message.voice
        or message.document
        or message.animation
        or message.video_note
        or message.audio
    )


def _fan(user: User | None) -> FanSeen | None:
    """The person behind an act; bots and Telegram's own accounts are none."""
    if user is None or user.is_bot or user.id in SERVICE_ACCOUNTS:
        return None
    name = f"{user.first_name} {user.last_name}" if user.last_name else user.first_name
    return FanSeen(user.id, _bare(name) or "", user.username[:64], user.language_code[:16])


def _chat(chat: Chat) -> ChatSeen:
    kind = CHAT_KINDS.get(chat.type, ChatKind.SUPERGROUP)
    return ChatSeen(chat.id, kind, _bare(chat.title) or "", chat.username[:64])


def _bare(text: str | None) -> str | None:
    """No longer than a message may be."""
    return text[:LONGEST_TEXT] if text is not None else None
