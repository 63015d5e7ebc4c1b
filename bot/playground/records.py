"""What the playground's world is made of: people, bots, chats, members, messages, links, files."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, ClassVar

from bot.playground import html

Json = dict[str, Any]

#: Telegram's own accounts that speak for others.
SERVICE_NOTIFICATIONS = 777000
GROUP_ANONYMOUS_BOT = 1087968824
CHANNEL_BOT = 136817688

PERMISSIONS = (
    "can_send_messages", "can_send_audios", "can_send_documents", "can_send_photos",
    "can_send_videos", "can_send_video_notes", "can_send_voice_notes", "can_send_polls",
    "can_send_other_messages", "can_add_web_page_previews", "can_react_to_messages",
    "can_edit_tag", "can_change_info", "can_invite_users", "can_pin_messages",
    "can_manage_topics",
)  # fmt: skip
DEFAULT_PERMISSIONS: tuple[str, ...] = tuple(
    name
    for name in PERMISSIONS
    if name not in ("can_change_info", "can_pin_messages", "can_manage_topics")
)
RIGHTS = (
    "can_manage_chat", "can_delete_messages", "can_manage_video_chats", "can_restrict_members",
    "can_promote_members", "can_change_info", "can_invite_users", "can_post_stories",
    "can_edit_stories", "can_delete_stories", "can_send_welcome_messages", "can_post_messages",
    "can_edit_messages", "can_pin_messages", "can_manage_topics", "can_manage_direct_messages",
    "can_manage_tags",
)  # fmt: skip
CHANNEL_RIGHTS = frozenset({"can_post_messages", "can_edit_messages", "can_manage_direct_messages"})
GROUP_RIGHTS = frozenset({"can_pin_messages", "can_manage_topics", "can_manage_tags"})


class Record:
    """Something that outlives the process: the journal keeps it under (`table`, `key`)."""

    __slots__ = ()
    table: ClassVar[str]

    @property
    def key(self) -> str:
        """What it is called in the journal; never changes."""
        raise NotImplementedError

    def __repr__(self) -> str:
        # Records point at each other; a full picture of one would be a picture of the world.
        name = getattr(self, "title", None) or getattr(self, "first_name", None) or ""
        return f"<{self.table} {self.key}{' ' + name if name else ''}>"


@dataclass(slots=True, eq=False, repr=False)
class User(Record):
    """A person. `photos` are numbers of files, newest first; `blocked` are bots she stopped."""

    table: ClassVar[str] = "user"
    id: int
    first_name: str
    last_name: str = ""
    username: str | None = None
    language_code: str | None = None
    is_bot: bool = False
    is_premium: bool = False
    deleted: bool = False
    hides_forwards: bool = False
    bio: str | None = None
    birthdate: Json | None = None
    photos: list[list[int]] = field(default_factory=list)
    blocked: list[int] = field(default_factory=list)

    @property
    def key(self) -> str:
        return str(self.id)

    @property
    def name(self) -> str:
        """First and last name as a chat shows them."""
        return f"{self.first_name} {self.last_name}".strip()


@dataclass(slots=True, eq=False, repr=False)
class BotAccount(User):
    """A bot: the account, its settings, and what setMyCommands and its kin made of it."""

    table: ClassVar[str] = "bot"
    token: str = ""
    privacy: bool = True
    can_join_groups: bool = True
    inline: bool = False
    inline_feedback: bool = False
    last_message_id: int = 0
    logged_out: bool = False
    commands: dict[str, list[Json]] = field(default_factory=dict)
    texts: dict[str, str] = field(default_factory=dict)
    menu_buttons: dict[str, Json] = field(default_factory=dict)
    default_rights: dict[str, Json] = field(default_factory=dict)
    webhook: Json | None = None
    allowed_updates: list[str] | None = None
    last_update_id: int = 0
    last_update_at: float = 0.0


@dataclass(slots=True, eq=False, repr=False)
class Member(Record):
    """How an account stands in a chat: `rights` of admins, `permissions` of the restricted."""

    table: ClassVar[str] = "member"
    chat: Chat
    user: User
    status: str = "member"
    rights: list[str] = field(default_factory=list)
    permissions: list[str] = field(default_factory=list)
    is_member: bool = True
    is_anonymous: bool = False
    custom_title: str | None = None
    tag: str | None = None
    until_date: int = 0
    promoted_by: int | None = None

    @property
    def key(self) -> str:
        return f"{self.chat.key}/{self.user.id}"

    @property
    def inside(self) -> bool:
        """True while she is in the chat."""
        return self.status in ("creator", "administrator", "member") or (
            self.status == "restricted" and self.is_member
        )

    @property
    def is_admin(self) -> bool:
        """True for the owner and the administrators."""
        return self.status in ("creator", "administrator")

    def may(self, right: str) -> bool:
        """Whether an administrator has the right; the owner has all."""
        return self.status == "creator" or (self.status == "administrator" and right in self.rights)

    def picture(self) -> Json:
        """The state alone, to compare before and after."""
        return {
            "status": self.status,
            "rights": list(self.rights),
            "permissions": list(self.permissions),
            "is_member": self.is_member,
            "is_anonymous": self.is_anonymous,
            "custom_title": self.custom_title,
            "tag": self.tag,
            "until_date": self.until_date,
            "promoted_by": self.promoted_by,
        }


@dataclass(slots=True, eq=False, repr=False)
class Chat(Record):
    """A chat. For `private` ones `id` is the person's id and `key` holds the bot too; `started`
    tells that she wrote there, so that the bot may. `met_bots` are all that were ever inside.
    """

    table: ClassVar[str] = "chat"
    id: int
    type: str
    title: str | None = None
    username: str | None = None
    user: User | None = None
    bot: BotAccount | None = None
    is_forum: bool = False
    linked: Chat | None = None
    description: str = ""
    permissions: list[str] = field(default_factory=lambda: list(DEFAULT_PERMISSIONS))
    joins_by_request: bool = False
    migrated_to: int | None = None
    migrated_from: int | None = None
    deleted: bool = False
    last_message_id: int = 0
    last_ephemeral_id: int = 0
    pinned: list[int] = field(default_factory=list)
    topics: dict[str, Json] = field(default_factory=dict)
    last_speaker_bot: int | None = None
    photo: int | None = None
    started: bool = False
    met_bots: list[int] = field(default_factory=list)
    members: dict[int, Member] = field(default_factory=dict, metadata={"kept": False})
    log: dict[int, Message] = field(default_factory=dict, metadata={"kept": False})
    ephemeral: dict[int, Message] = field(default_factory=dict, metadata={"kept": False})
    links: dict[str, InviteLink] = field(default_factory=dict, metadata={"kept": False})
    requests: dict[int, JoinRequest] = field(default_factory=dict, metadata={"kept": False})
    aliases: dict[tuple[int, int], int] = field(default_factory=dict, metadata={"kept": False})

    @property
    def key(self) -> str:
        return f"{self.id}:{self.bot.id}" if self.bot is not None else str(self.id)

    @property
    def is_group(self) -> bool:
        """Basic groups and supergroups."""
        return self.type in ("group", "supergroup")

    @property
    def kind_word(self) -> str:
        """What Telegram's sentences call it."""
        return {"group": "group", "supergroup": "supergroup", "channel": "channel"}.get(
            self.type, "private"
        )

    def member(self, user: User | int) -> Member | None:
        """How that account stands here; None for one that was never here."""
        return self.members.get(user if isinstance(user, int) else user.id)

    def inside(self, user: User | int) -> bool:
        """Whether that account is in the chat now."""
        member = self.member(user)
        return member is not None and member.inside

    def bots(self) -> Iterator[BotAccount]:
        """The bots that are in this chat now."""
        if self.bot is not None:
            yield self.bot
            return
        # Looked up from the few that ever came in: a group may have a hundred thousand members.
        for number in self.met_bots:
            member = self.members.get(number)
            if member is not None and member.inside and isinstance(member.user, BotAccount):
                yield member.user


@dataclass(slots=True, eq=False, repr=False)
class Message(Record):
    """A message. In basic groups each bot counts for itself: `ids` holds its number there.

    `text` and `caption` are None where there is none; `entities` belong to whichever is there;
    `media` says what is attached, `service` what happened, `markup` are inline buttons and
    `keyboard` is what a reply keyboard, its removal or a forced reply asks of the fan's app.
    """

    table: ClassVar[str] = "message"
    chat: Chat
    message_id: int
    date: int
    sender: User | None = None
    sender_chat: Chat | None = None
    text: str | None = None
    caption: str | None = None
    entities: list[Json] = field(default_factory=list)
    media: Json | None = None
    service: Json | None = None
    markup: Json | None = None
    keyboard: Json | None = None
    reply_to: Message | None = None
    quote: Json | None = None
    thread: int | None = None
    edit_date: int | None = None
    reactions: dict[int, list[str]] = field(default_factory=dict)
    forward_origin: Json | None = None
    automatic_forward: bool = False
    album: str | None = None
    via_bot: User | None = None
    author_signature: str | None = None
    ephemeral_for: User | None = None
    ephemeral_id: int | None = None
    replaces: Message | None = None
    extra: Json = field(default_factory=dict)
    ids: dict[int, int] = field(default_factory=dict)
    deleted: bool = False

    @property
    def key(self) -> str:
        if self.ephemeral_id is not None:
            return f"{self.chat.key}/e{self.ephemeral_id}"
        return f"{self.chat.key}/{self.message_id}"

    @property
    def words(self) -> str:
        """The text or the caption, empty where there is neither."""
        return self.text if self.text is not None else (self.caption or "")

    def __repr__(self) -> str:
        return f"<message {self.key} {self.words[:40]!r}>"

    @property
    def html(self) -> str:
        """The words in Telegram's HTML, entities rendered."""
        return html.render(self.words, self.entities)

    @property
    def buttons(self) -> list[Json]:
        """The inline buttons in reading order."""
        rows = (self.markup or {}).get("inline_keyboard", [])
        return [button for row in rows for button in row]

    def id_for(self, bot: User | None) -> int:
        """The message's number as that bot counts."""
        return self.message_id if bot is None else self.ids.get(bot.id, self.message_id)


@dataclass(slots=True, eq=False, repr=False)
class InviteLink(Record):
    """A way into a chat; `joined` are the people who came by it."""

    table: ClassVar[str] = "link"
    chat: Chat
    url: str
    creator: User
    name: str | None = None
    expire_date: int | None = None
    member_limit: int | None = None
    by_request: bool = False
    primary: bool = False
    revoked: bool = False
    joined: list[int] = field(default_factory=list)

    @property
    def key(self) -> str:
        return self.url


@dataclass(slots=True, eq=False, repr=False)
class JoinRequest(Record):
    """Somebody who knocks; it is gone once an admin answered."""

    table: ClassVar[str] = "request"
    chat: Chat
    user: User
    date: int
    link: InviteLink | None = None

    @property
    def key(self) -> str:
        return f"{self.chat.key}/{self.user.id}"


@dataclass(slots=True, eq=False, repr=False)
class StoredFile(Record):
    """Bytes that somebody sent, and what was said of them; `no` is what file ids are made of."""

    table: ClassVar[str] = "file"
    no: int
    kind: str
    data: bytes
    name: str
    mime: str
    width: int = 0
    height: int = 0
    facts: Json = field(default_factory=dict)

    @property
    def key(self) -> str:
        return str(self.no)

    @property
    def path(self) -> str:
        """Where the /file route serves it."""
        folder = {"photo": "photos", "document": "documents", "video": "videos"}.get(
            self.kind, "files"
        )
        return f"{folder}/file_{self.no}.{self.name.rpartition('.')[2] or 'bin'}"


@dataclass(frozen=True, slots=True)
class Answer:
    """What answerCallbackQuery showed: a toast, an alert (`show_alert`), or an opened `url`."""

    text: str
    show_alert: bool = False
    url: str | None = None


@dataclass(slots=True, eq=False)
class Press:
    """One press of a button. `answer` is set once the bot answered; a query dies after 150 s.

    A press of a link button opens `url` and never reaches the bot.
    """

    id: str
    user: User
    message: Message
    data: str | None
    at: float
    bot: BotAccount | None = None
    url: str | None = None
    answer: Answer | None = None


@dataclass(slots=True, eq=False)
class InlineQuery:
    """What a fan typed after @bot. `results` are set once the bot answered, within 30 seconds."""

    id: str
    user: User
    bot: BotAccount
    text: str
    at: float
    results: list[Json] | None = None
    button: Json | None = None
    cache_time: int = 300
    is_personal: bool = False
