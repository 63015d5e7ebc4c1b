"""Records as the Bot API shows them: JSON objects of users, chats, members, files and messages."""

from __future__ import annotations

import base64
import struct
from collections.abc import Mapping
from typing import Any

from bot.playground.records import (
    CHANNEL_RIGHTS,
    GROUP_RIGHTS,
    PERMISSIONS,
    RIGHTS,
    BotAccount,
    Chat,
    InviteLink,
    Json,
    Message,
    StoredFile,
    User,
)

_PREFIX = {
    "photo": "AgACAgIA", "video": "BAACAgIA", "voice": "AwACAgIA", "document": "BQACAgIA",
    "sticker": "CAACAgIA", "audio": "CQACAgIA", "animation": "CgACAgIA", "video_note": "DQACAgIA",
}  # fmt: skip


def file_id(bot: int, no: int, kind: str, size: int = 0) -> str:
    """A file's name for one bot; another bot cannot use it."""
    body = base64.urlsafe_b64encode(struct.pack(">IQB", no, bot, size)).decode().rstrip("=")
    return f"{_PREFIX[kind]}{body}"


def read_file_id(bot: int, text: str) -> tuple[int, str] | None:
    """Number and kind of the file; None for what is no file id of that bot."""
    kind = next((k for k, prefix in _PREFIX.items() if text.startswith(prefix)), None)
    if kind is None:
        return None
    try:
        body = text[len(_PREFIX[kind]) :]
        no, owner, _ = struct.unpack(
            ">IQB", base64.urlsafe_b64decode(body + "=" * (-len(body) % 4))
        )
    except (ValueError, struct.error):
        return None
    return (no, kind) if owner == bot else None


def user(of: User) -> Json:
    """The User object that stands in messages."""
    out: Json = {"id": of.id, "is_bot": of.is_bot, "first_name": of.first_name}
    if of.last_name:
        out["last_name"] = of.last_name
    if of.username:
        out["username"] = of.username
    if of.language_code and not of.is_bot:
        out["language_code"] = of.language_code
    if of.is_premium:
        out["is_premium"] = True
    return out


def chat(of: Chat) -> Json:
    """The Chat object that stands in messages."""
    out: Json = {"id": of.id, "type": of.type}
    if of.user is not None:
        out["first_name"] = of.user.first_name
        if of.user.last_name:
            out["last_name"] = of.user.last_name
        if of.user.username:
            out["username"] = of.user.username
        return out
    out["title"] = of.title
    if of.username:
        out["username"] = of.username
    if of.is_forum:
        out["is_forum"] = True
    return out


def permissions(names: list[str]) -> Json:
    """The ChatPermissions object."""
    return {name: name in names for name in PERMISSIONS}


def rights(names: list[str], *, channel: bool | None, anonymous: bool = False) -> Json:
    """The ChatAdministratorRights object; for a channel or a group only those that exist there."""
    out: Json = {"is_anonymous": anonymous}
    for name in RIGHTS:
        if channel is True and name in GROUP_RIGHTS:
            continue
        if channel is False and name in CHANNEL_RIGHTS:
            continue
        out[name] = name in names
    return out


def member(of: User, where: Chat, state: Mapping[str, Any], viewer: BotAccount | None) -> Json:
    """One of the six ChatMember objects, from `Member.picture()`."""
    status = state["status"]
    out: Json = {"user": user(of), "status": status}
    if status in ("creator", "administrator"):
        if state["custom_title"]:
            out["custom_title"] = state["custom_title"]
        out["is_anonymous"] = state["is_anonymous"]
    if status == "administrator":
        own = viewer is not None and state["promoted_by"] == viewer.id
        out["can_be_edited"] = own
        out |= rights(
            state["rights"], channel=where.type == "channel", anonymous=state["is_anonymous"]
        )
    elif status == "restricted":
        out["is_member"] = state["is_member"]
        out |= permissions(state["permissions"])
        out["until_date"] = state["until_date"]
    elif status == "kicked":
        out["until_date"] = state["until_date"]
    if status in ("member", "restricted") and state["tag"]:
        out["tag"] = state["tag"]
    return out


def invite_link(of: InviteLink, viewer: BotAccount | None) -> Json:
    """The ChatInviteLink object; the end of a link that another admin made stays hidden."""
    own = viewer is None or of.creator.id == viewer.id
    out: Json = {
        "invite_link": of.url if own else f"{of.url[:-8]}…",
        "creator": user(of.creator),
        "creates_join_request": of.by_request,
        "is_primary": of.primary,
        "is_revoked": of.revoked,
    }
    if of.name:
        out["name"] = of.name
    if of.expire_date:
        out["expire_date"] = of.expire_date
    if of.member_limit:
        out["member_limit"] = of.member_limit
    if of.by_request:
        waiting = sum(1 for request in of.chat.requests.values() if request.link is of)
        if waiting:
            out["pending_join_request_count"] = waiting
    return out


class Renderer:
    """Shows messages; knows where people, chats and files are found."""

    def __init__(
        self,
        users: Mapping[int, User],
        chats: Mapping[str, Chat],
        files: Mapping[int, StoredFile],
    ) -> None:
        self._users = users
        self._chats = chats
        self._files = files

    def message(self, of: Message, bot: BotAccount | None, *, inner: bool = False) -> Json:
        """The Message object as that bot gets it; `inner` ones carry no reply of their own."""
        where = of.chat
        out: Json = {"message_id": 0 if of.ephemeral_id is not None else of.id_for(bot)}
        if of.thread is not None:
            out["message_thread_id"] = of.thread
            if where.is_forum:
                out["is_topic_message"] = True
        if of.sender is not None:
            out["from"] = user(of.sender)
        if of.sender_chat is not None:
            out["sender_chat"] = chat(of.sender_chat)
        if where.is_group and of.sender is not None and of.sender_chat is None:
            sender = where.member(of.sender)
            if sender is not None and sender.tag:
                out["sender_tag"] = sender.tag
        out["chat"] = chat(where)
        out["date"] = of.date
        if of.edit_date is not None:
            out["edit_date"] = of.edit_date
        if of.author_signature:
            out["author_signature"] = of.author_signature
        if of.forward_origin is not None:
            out |= self._origin(of.forward_origin)
        if of.automatic_forward:
            out["is_automatic_forward"] = True
        if of.reply_to is not None and not inner and not of.reply_to.deleted:
            out["reply_to_message"] = self.message(of.reply_to, bot, inner=True)
        if of.quote is not None:
            out["quote"] = of.quote
        if of.album:
            out["media_group_id"] = of.album
        if of.via_bot is not None:
            out["via_bot"] = user(of.via_bot)
        if of.ephemeral_id is not None:
            out["ephemeral_message_id"] = of.ephemeral_id
            if of.ephemeral_for is not None:
                out["receiver_user"] = user(of.ephemeral_for)
        if of.text is not None:
            out["text"] = of.text
        if of.media is not None:
            out |= self.media(of.media, bot)
        if of.caption is not None:
            out["caption"] = of.caption
        if of.entities:
            name = "entities" if of.text is not None else "caption_entities"
            out[name] = self.entities(of.entities)
        if of.service is not None:
            out |= self._service(of.service, of, bot)
        if of.markup is not None:
            out["reply_markup"] = of.markup
        out |= of.extra.get("shown", {})
        return out

    def entities(self, of: list[Json]) -> list[Json]:
        """Entities with the people they mention."""
        out: list[Json] = []
        for entity in of:
            if entity["type"] == "text_mention":
                mentioned = self._users.get(entity["user_id"])
                if mentioned is None:
                    continue
                entity = {k: v for k, v in entity.items() if k != "user_id"}
                entity["user"] = user(mentioned)
            out.append(entity)
        return out

    def media(self, of: Json, bot: BotAccount | None) -> Json:
        """The attachment, under its own name."""
        kind = of["kind"]
        if "value" in of:
            return {kind: of["value"]}
        owner = bot.id if bot is not None else 0
        kept = self._files[of["file"]]
        if kind == "photo":
            return {"photo": self.photo(kept, bot)}
        out = self._file(kept, kind, owner) | of.get("facts", {})
        shown: Json = {kind: out}
        if kind == "animation":
            # Old clients know animations as documents only, so Telegram sends both.
            keep = ("file_id", "file_unique_id", "file_name", "mime_type", "file_size")
            shown["document"] = {name: out[name] for name in keep if name in out}
        return shown

    def photo(self, kept: StoredFile, bot: BotAccount | None) -> list[Json]:
        """The sizes of a picture, smallest first."""
        owner = bot.id if bot is not None else 0
        longest = max(kept.width, kept.height, 1)
        sizes: list[Json] = []
        for size, bound in enumerate((90, 320, 800, 1280)):
            shrink = min(1.0, bound / longest)
            sizes.append(
                {
                    "file_id": file_id(owner, kept.no, "photo", size),
                    "file_unique_id": f"AQAD{kept.no:08x}{size}",
                    "file_size": max(1, int(len(kept.data) * shrink)),
                    "width": max(1, round(kept.width * shrink)),
                    "height": max(1, round(kept.height * shrink)),
                }
            )
            if bound >= longest:
                break
        return sizes

    def _file(self, kept: StoredFile, kind: str, owner: int) -> Json:
        out: Json = {
            "file_id": file_id(owner, kept.no, kind),
            "file_unique_id": f"AgAD{kept.no:08x}",
            "file_size": len(kept.data),
        }
        if kind not in ("sticker", "video_note"):
            out["mime_type"] = kept.mime
        if kind in ("document", "video", "audio", "animation"):
            out["file_name"] = kept.name
        return out

    def _origin(self, of: Json) -> Json:
        out: Json = {"type": of["type"], "date": of["date"]}
        old: Json = {"forward_date": of["date"]}
        if of["type"] == "user":
            out["sender_user"] = old["forward_from"] = user(self._users[of["user"]])
        elif of["type"] == "hidden_user":
            out["sender_user_name"] = old["forward_sender_name"] = of["name"]
        elif of["type"] == "chat":
            out["sender_chat"] = old["forward_from_chat"] = chat(self._chats[of["chat"]])
        else:
            out["chat"] = old["forward_from_chat"] = chat(self._chats[of["chat"]])
            out["message_id"] = old["forward_from_message_id"] = of["message_id"]
        if of.get("signature"):
            out["author_signature"] = old["forward_signature"] = of["signature"]
        return {"forward_origin": out, **old}

    def _service(self, of: Json, whole: Message, bot: BotAccount | None) -> Json:
        kind, value = of["kind"], of.get("value", True)
        if kind == "new_chat_members":
            people = [user(self._users[number]) for number in value]
            return {
                "new_chat_participant": people[0],
                "new_chat_member": people[0],
                "new_chat_members": people,
            }
        if kind == "left_chat_member":
            gone = user(self._users[value])
            return {"left_chat_participant": gone, "left_chat_member": gone}
        if kind == "pinned_message":
            pinned = whole.chat.log.get(value)
            if pinned is None:
                return {
                    "pinned_message": {"chat": chat(whole.chat), "message_id": value, "date": 0}
                }
            return {"pinned_message": self.message(pinned, bot, inner=True)}
        return {kind: value}
