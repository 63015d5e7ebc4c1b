"""Where Bot API methods are answered: parameters, and the checks that most methods share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from bot.playground import html
from bot.playground.journal import Lint
from bot.playground.records import BotAccount, Chat, Json, Member, Message, User
from bot.playground.refusals import Refusal, bad, forbidden, migrated
from bot.playground.world import REQUEST_LIFE, World

MAX_TEXT = 4096
MAX_CAPTION = 1024
MAX_RAW = 32_768


@dataclass(frozen=True, slots=True)
class Upload:
    """A file that came as a part of a form."""

    name: str
    mime: str
    data: bytes


class Params(dict[str, Any]):
    """The parameters of a call as plain values, and its uploads."""

    def __init__(self, values: dict[str, Any], uploads: dict[str, Upload]) -> None:
        super().__init__(values)
        self.uploads = uploads


@dataclass(slots=True)
class Desk:
    """What a method needs: the world, and a place to put lint."""

    world: World
    lint: list[Lint] = field(default_factory=list)

    def remark(self, method: str, name: str, sentence: str) -> None:
        """Note something that Telegram would swallow."""
        self.lint.append(Lint(method, name, sentence))


Method = Callable[[Desk, BotAccount, Params], Any]


def chat_of(desk: Desk, bot: BotAccount, chat_id: Any, *, name: str = "chat_id") -> Chat:
    """The chat that the bot means and may read, or Telegram's refusal."""
    text = str(chat_id if chat_id is not None else "").strip()
    if not text:
        raise bad(f"{name} is empty")
    world = desk.world
    if not text.startswith(("@", "-")):
        chat = world.chats.get(f"{text}:{bot.id}")
        if chat is not None and chat.started:
            return chat
        raise _stranger(world, bot, text)
    chat = world.chat_by_id(text)
    if chat is None or (bot.id not in chat.met_bots and chat.username is None):
        raise bad("chat not found")
    if chat.migrated_to is not None:
        raise migrated(chat.migrated_to)
    if chat.deleted:
        raise forbidden("the group chat was deleted")
    if chat.username is None:
        _inside(chat, bot)
    return chat


def _stranger(world: World, bot: BotAccount, text: str) -> Refusal:
    """Why a bot can't write to somebody who never wrote to it."""
    person = world.users.get(int(text)) if text.isdigit() else None
    if person is None:
        return bad("chat not found")
    if isinstance(person, BotAccount):
        return forbidden("bots can't send messages to bots")
    if known(world, bot, person):
        if person.deleted:
            return forbidden("user is deactivated")
        return forbidden("bot can't initiate conversation with a user")
    return bad("chat not found")


def known(world: World, bot: BotAccount, person: User, chat: Chat | None = None) -> bool:
    """Whether the bot can have seen that person: a chat in common, now or before.

    `chat` is where she most probably is; it spares a look into all the others.
    """
    if chat is not None and bot.id in chat.met_bots and person.id in chat.members:
        return True
    private = world.chats.get(f"{person.id}:{bot.id}")
    if private is not None and private.started:
        return True
    return any(
        bot.id in chat.met_bots and (person.id in chat.members or person.id in chat.requests)
        for chat in world.chats.values()
    )


def _inside(chat: Chat, bot: BotAccount) -> Member:
    member = chat.member(bot)
    if member is not None and member.inside:
        return member
    if member is not None and member.status == "kicked":
        raise forbidden(f"bot was kicked from the {chat.kind_word} chat")
    raise forbidden(f"bot is not a member of the {chat.kind_word} chat")


def writable(
    desk: Desk,
    bot: BotAccount,
    chat_id: Any,
    permission: str = "can_send_messages",
    what: str = "text messages",
) -> Chat:
    """The chat, if the bot may send that there now; `what` names it in the refusal."""
    world = desk.world
    text = str(chat_id if chat_id is not None else "").strip()
    own = world.chats.get(f"{text}:{bot.id}")
    started = own is not None and own.started
    chat = (None if started else _invited(world, bot, text)) or chat_of(desk, bot, text)
    if chat.user is not None:
        if chat.user.deleted:
            raise forbidden("user is deactivated")
        if bot.id in chat.user.blocked:
            raise forbidden("bot was blocked by the user")
        return chat
    member = _inside(chat, bot)
    if chat.type == "channel":
        if not member.may("can_post_messages"):
            raise bad("need administrator rights in the channel chat")
        return chat
    if not member.is_admin:
        allowed = permission in chat.permissions and (
            member.status != "restricted" or permission in member.permissions
        )
        if not allowed:
            raise bad(f"not enough rights to send {what} to the chat")
    return chat


def _invited(world: World, bot: BotAccount, text: str) -> Chat | None:
    """The private chat of somebody who knocks at a door that this bot keeps: five minutes long."""
    person = world.users.get(int(text)) if text.isdigit() else None
    if person is None:
        return None
    for chat in world.chats.values():
        request = chat.requests.get(person.id)
        if request is None or world.date() - request.date > REQUEST_LIFE:
            continue
        member = chat.member(bot)
        if member is not None and member.may("can_invite_users"):
            return world.private(person, bot)
    return None


def administered(desk: Desk, bot: BotAccount, chat_id: Any, right: str, sentence: str) -> Chat:
    """A group or channel in which the bot is an administrator with that right."""
    chat = chat_of(desk, bot, chat_id)
    if chat.user is not None:
        raise bad("method is available only for supergroups and channels")
    member = _inside(chat, bot)
    if not member.may(right):
        raise bad(sentence)
    return chat


def person_of(desk: Desk, bot: BotAccount, chat: Chat, user_id: Any) -> User:
    """The user of that number, as far as the bot can know of her."""
    person = desk.world.users.get(user_id)
    if not isinstance(user_id, int) or user_id <= 0:
        raise bad("invalid user_id specified")
    if person is None or (person is not bot and not known(desk.world, bot, person, chat)):
        raise bad("PARTICIPANT_ID_INVALID")
    return person


def found(desk: Desk, bot: BotAccount, chat: Chat, message_id: Any, what: str) -> Message:
    """The message of that number in the chat; `what` names it in the refusal."""
    message = desk.world.find(chat, bot, message_id) if isinstance(message_id, int) else None
    if message is None:
        raise bad(f"{what} not found")
    return message


def words(
    desk: Desk, p: Params, name: str = "text", *, source: Json | None = None
) -> tuple[str, list[Json]]:
    """Text and entities of a parameter after parsing, within Telegram's limits.

    `source` is the object that holds them, where they are not parameters of the call itself.
    """
    fields: Json = p if source is None else source
    caption = name == "caption"
    raw = fields.get(name) or ""
    if not raw:
        if caption:
            return "", []
        raise bad("message text is empty")
    try:
        size = len(raw.encode())
    except UnicodeEncodeError as error:
        raise bad("strings must be encoded in UTF-8") from error
    if size > MAX_RAW:
        raise bad("message caption is too long" if caption else "text is too long")
    given = fields.get("caption_entities" if caption else "entities")
    text, entities = dialect(html.cleaned(raw), fields.get("parse_mode"), given)
    entities = html.find_entities(text, entities)
    text, entities = html.trimmed(text, entities)
    if not text and not caption:
        raise bad("text must be non-empty")
    if len(text) > (MAX_CAPTION if caption else MAX_TEXT):
        raise bad("message caption is too long" if caption else "message is too long")
    return text, entities


def dialect(raw: str, mode: str | None, given: list[Json] | None) -> tuple[str, list[Json]]:
    """Parse a text by its parse_mode, or take the entities that came with it."""
    try:
        match (mode or "").strip().lower():
            case "":
                return raw, _given(raw, given or [])
            case "html":
                return html.parse_html(raw)
            case "markdownv2":
                return html.parse_markdown(raw)
            case "none":
                return raw, []
            case "markdown":
                return html.parse_old_markdown(raw)
            case _:
                raise bad("unsupported parse_mode")
    except html.ParseError as error:
        raise bad(f"can't parse entities: {error}") from error


def _given(text: str, entities: list[Json]) -> list[Json]:
    """Entities as a bot listed them; what Telegram finds by itself anyway is dropped."""
    end = html.units(text)
    kept: list[Json] = []
    for entity in entities:
        offset, length = entity.get("offset", -1), entity.get("length", 0)
        if offset < 0 or length <= 0 or offset + length > end:
            raise bad(
                f"entity beginning at UTF-16 offset {offset} ends after the end of the text at"
                f" UTF-16 offset {offset + length}"
            )
        if entity["type"] == "text_mention":
            entity = {**entity, "user_id": entity["user"]["id"]}
            del entity["user"]
        if entity["type"] not in (
            "bot_command",
            "mention",
            "hashtag",
            "cashtag",
            "url",
            "email",
            "phone_number",
        ):
            kept.append(entity)
    return kept


def done(desk: Desk, bot: BotAccount, message: Message) -> Json:
    """The message as the answer to the bot that sent or changed it."""
    return desk.world.render.message(message, bot)
