"""Bot API methods about chats: who is in them, with which rights, by which link; their looks."""

from __future__ import annotations

import re
from typing import Any

from bot.playground import render
from bot.playground.methods.desk import (
    Desk,
    Method,
    Params,
    administered,
    chat_of,
    known,
    person_of,
)
from bot.playground.records import (
    CHANNEL_RIGHTS,
    GROUP_RIGHTS,
    PERMISSIONS,
    RIGHTS,
    BotAccount,
    Chat,
    InviteLink,
    Json,
    Member,
    User,
)
from bot.playground.refusals import CannotAct, bad, forbidden

_EMOJI = re.compile("[\u2600-\u27bf\U0001f000-\U0001faff\u2b50\u231a-\u23ff\ufe0f]")
_NOT_MEDIA = {"can_send_messages", "can_send_polls", "can_send_other_messages"}
_RESTRICT = "not enough rights to restrict/unrestrict chat member"
_INVITE = "not enough rights to manage chat invite link"


def get_chat(desk: Desk, bot: BotAccount, p: Params) -> Json:
    """getChat"""
    chat = _readable(desk, bot, p.get("chat_id"))
    out = render.chat(chat)
    out |= {
        "accent_color_id": abs(chat.id) % 7,
        "max_reaction_count": 11,
        "accepted_gift_types": {
            "unlimited_gifts": True,
            "limited_gifts": True,
            "unique_gifts": True,
            "premium_subscription": True,
            "gifts_from_channels": True,
        },
    }
    if chat.user is not None:
        person = chat.user
        if person.bio:
            out["bio"] = person.bio
        if person.birthdate:
            out["birthdate"] = person.birthdate
        if person.username:
            out["active_usernames"] = [person.username]
        return out
    if chat.description:
        out["description"] = chat.description
    if chat.linked is not None:
        out["linked_chat_id"] = chat.linked.id
    if chat.is_group:
        out["permissions"] = render.permissions(chat.permissions)
        out["join_by_request"] = chat.joins_by_request
    member = chat.member(bot)
    if member is not None and member.may("can_invite_users"):
        own = _own_primary(desk, chat, bot)
        if own is not None:
            out["invite_link"] = own.url
    pinned = next((chat.log[n] for n in reversed(chat.pinned) if n in chat.log), None)
    if pinned is not None and not pinned.deleted:
        out["pinned_message"] = desk.world.render.message(pinned, bot, inner=True)
    return out


def _readable(desk: Desk, bot: BotAccount, chat_id: Any) -> Chat:
    """Also somebody the bot only knows from a group can be looked up."""
    text = str(chat_id if chat_id is not None else "").strip()
    person = desk.world.users.get(int(text)) if text.isdigit() else None
    if person is not None and not isinstance(person, BotAccount) and known(desk.world, bot, person):
        return desk.world.private(person, bot)
    return chat_of(desk, bot, chat_id)


def _own_primary(desk: Desk, chat: Chat, bot: BotAccount) -> InviteLink | None:
    return next(
        (
            link
            for link in chat.links.values()
            if link.primary and not link.revoked and link.creator is bot
        ),
        None,
    )


def _group(desk: Desk, bot: BotAccount, p: Params) -> Chat:
    return chat_of(desk, bot, p.get("chat_id"))


def get_chat_member(desk: Desk, bot: BotAccount, p: Params) -> Json:
    """getChatMember"""
    chat = _group(desk, bot, p)
    if chat.user is not None:
        raise bad("there are no members in the private chat")
    person = person_of(desk, bot, chat, p["user_id"])
    own = chat.member(bot)
    if chat.type == "channel" and person is not bot and not (own and own.is_admin):
        raise bad("CHAT_ADMIN_REQUIRED")
    member = chat.member(person) or Member(chat, person, status="left", is_member=False)
    return render.member(person, chat, member.picture(), bot)


def get_chat_member_count(desk: Desk, bot: BotAccount, p: Params) -> int:
    """getChatMemberCount"""
    chat = _group(desk, bot, p)
    if chat.user is not None:
        return 2
    return sum(1 for member in chat.members.values() if member.inside)


def get_chat_administrators(desk: Desk, bot: BotAccount, p: Params) -> list[Json]:
    """getChatAdministrators: other bots are left out, as Telegram does"""
    chat = _group(desk, bot, p)
    if chat.user is not None:
        raise bad("there are no administrators in the private chat")
    return [
        render.member(member.user, chat, member.picture(), bot)
        for member in chat.members.values()
        if member.is_admin and (not member.user.is_bot or member.user is bot)
    ]


def _target(desk: Desk, bot: BotAccount, chat: Chat, p: Params) -> tuple[User, Member | None]:
    person = person_of(desk, bot, chat, p["user_id"])
    member = chat.member(person)
    if member is not None and member.status == "creator":
        raise bad("can't remove chat owner")
    if person is bot:
        raise bad("can't restrict self")
    if member is not None and member.status == "administrator" and member.promoted_by != bot.id:
        raise bad("user is an administrator of the chat")
    return person, member


def ban_chat_member(desk: Desk, bot: BotAccount, p: Params) -> bool:
    """banChatMember"""
    chat = administered(desk, bot, p.get("chat_id"), "can_restrict_members", _RESTRICT)
    person, _ = _target(desk, bot, chat, p)
    until = _until(desk, p.get("until_date"))
    if chat.type == "group":
        until = 0
    inside = chat.inside(person)
    world = desk.world
    world.set_member(chat, person, actor=bot, status="kicked", until_date=until)
    if inside and chat.is_group:
        world.announce(chat, bot, "left_chat_member", person.id)
    if p.get("revoke_messages"):
        for message in list(chat.log.values()):
            if message.sender is person and not message.deleted and message.service is None:
                world.removed(message)
    return True


def _until(desk: Desk, date: Any) -> int:
    """A ban of under 30 seconds or over 366 days is for ever."""
    if not date:
        return 0
    seconds = int(date) - desk.world.date()
    return int(date) if 30 <= seconds <= 366 * 86_400 else 0


def unban_chat_member(desk: Desk, bot: BotAccount, p: Params) -> bool:
    """unbanChatMember: without only_if_banned a member is put out, too"""
    chat = administered(desk, bot, p.get("chat_id"), "can_restrict_members", _RESTRICT)
    if chat.type == "group":
        raise bad("method is available for supergroup and channel chats only")
    person, member = _target(desk, bot, chat, p)
    if member is None or member.status == "left":
        return True
    if member.status != "kicked" and p.get("only_if_banned"):
        return True
    inside = member.inside
    desk.world.set_member(chat, person, actor=bot, status="left")
    if inside and chat.is_group:
        desk.world.announce(chat, bot, "left_chat_member", person.id)
    return True


def restrict_chat_member(desk: Desk, bot: BotAccount, p: Params) -> bool:
    """restrictChatMember"""
    chat = administered(desk, bot, p.get("chat_id"), "can_restrict_members", _RESTRICT)
    if chat.type != "supergroup":
        raise bad("method is available only for supergroups")
    person, member = _target(desk, bot, chat, p)
    allowed = _permissions(p["permissions"], bool(p.get("use_independent_chat_permissions")))
    inside = member is not None and member.inside
    if set(allowed) >= set(chat.permissions) and inside:
        desk.world.set_member(chat, person, actor=bot, status="member")
        return True
    desk.world.set_member(
        chat,
        person,
        actor=bot,
        status="restricted",
        is_member=inside,
        permissions=allowed,
        until_date=_until(desk, p.get("until_date")),
    )
    return True


def _permissions(given: Json, independent: bool) -> list[str]:
    allowed = {name for name in PERMISSIONS if given.get(name)}
    if not independent:
        # Wider permissions bring the narrower ones along.
        media = {n for n in PERMISSIONS if n.startswith("can_send_")} - _NOT_MEDIA
        if allowed & {"can_send_other_messages", "can_add_web_page_previews"}:
            allowed |= media
        if allowed & (media | {"can_send_polls"}):
            allowed.add("can_send_messages")
    return [name for name in PERMISSIONS if name in allowed]


def promote_chat_member(desk: Desk, bot: BotAccount, p: Params) -> bool:
    """promoteChatMember: without any right the member becomes a plain one again"""
    chat = administered(
        desk, bot, p.get("chat_id"), "can_promote_members", "not enough rights to promote members"
    )
    if chat.type == "group":
        raise bad("method is available for supergroup and channel chats only")
    person, member = _target(desk, bot, chat, p)
    absent = GROUP_RIGHTS if chat.type == "channel" else CHANNEL_RIGHTS
    granted = [name for name in RIGHTS if p.get(name) and name not in absent]
    own = chat.member(bot)
    if own is not None and any(not own.may(name) for name in granted):
        raise bad("RIGHT_FORBIDDEN")
    if (member is None or not member.inside) and chat.type != "channel":
        raise bad("USER_NOT_PARTICIPANT")
    if not granted and not p.get("is_anonymous"):
        desk.world.set_member(chat, person, actor=bot, status="member")
        return True
    desk.world.set_member(
        chat,
        person,
        actor=bot,
        status="administrator",
        rights=[n for n in RIGHTS if n in granted or n == "can_manage_chat"],
        is_anonymous=bool(p.get("is_anonymous")),
        promoted_by=bot.id,
    )
    return True


def set_custom_title(desk: Desk, bot: BotAccount, p: Params) -> bool:
    """setChatAdministratorCustomTitle"""
    chat = administered(
        desk,
        bot,
        p.get("chat_id"),
        "can_promote_members",
        "not enough rights to change custom title of the user",
    )
    if chat.type != "supergroup":
        raise bad("method is available only for supergroups")
    member = chat.member(person_of(desk, bot, chat, p["user_id"]))
    title = str(p.get("custom_title") or "")
    if len(title) > 16:
        raise bad("ADMIN_RANK_INVALID")
    if _EMOJI.search(title):
        raise bad("ADMIN_RANK_EMOJI_NOT_ALLOWED")
    if member is None or member.status != "administrator":
        raise bad("user is not an administrator")
    if member.promoted_by != bot.id:
        raise bad("not enough rights to change custom title of the user")
    desk.world.set_member(chat, member.user, actor=bot, custom_title=title or None)
    return True


def set_member_tag(desk: Desk, bot: BotAccount, p: Params) -> bool:
    """setChatMemberTag"""
    chat = administered(
        desk,
        bot,
        p.get("chat_id"),
        "can_manage_tags",
        "not enough rights to manage tags of chat members",
    )
    member = chat.member(person_of(desk, bot, chat, p["user_id"]))
    tag = str(p.get("tag") or "")
    if len(tag) > 16:
        raise bad("TAG_INVALID")
    if _EMOJI.search(tag):
        raise bad("TAG_EMOJI_NOT_ALLOWED")
    if member is None or not member.inside:
        raise bad("USER_NOT_PARTICIPANT")
    if member.is_admin:
        raise bad("user is an administrator of the chat")
    desk.world.set_member(chat, member.user, actor=bot, tag=tag or None)
    return True


def set_chat_permissions(desk: Desk, bot: BotAccount, p: Params) -> bool:
    """setChatPermissions"""
    chat = administered(
        desk,
        bot,
        p.get("chat_id"),
        "can_restrict_members",
        "not enough rights to change chat permissions",
    )
    allowed = _permissions(p["permissions"], bool(p.get("use_independent_chat_permissions")))
    if allowed == chat.permissions:
        raise bad("CHAT_NOT_MODIFIED")
    chat.permissions = allowed
    _changed(desk, chat)
    return True


def _changed(desk: Desk, chat: Chat) -> None:
    desk.world.touch(chat)
    desk.world.emit("chat", chat=chat.key)


# Links and requests


def export_link(desk: Desk, bot: BotAccount, p: Params) -> str:
    """exportChatInviteLink: a new primary link of the bot; its old one dies"""
    chat = administered(desk, bot, p.get("chat_id"), "can_invite_users", _INVITE)
    old = _own_primary(desk, chat, bot)
    if old is not None:
        old.revoked = True
        desk.world.touch(old)
    return desk.world.make_link(chat, bot, primary=True).url


def _link_facts(desk: Desk, p: Params) -> Json:
    name = str(p.get("name") or "")
    if len(name) > 32:
        raise bad("invite link name is too long")
    limit = int(p.get("member_limit") or 0)
    if not 0 <= limit <= 99_999:
        raise bad("USAGE_LIMIT_INVALID")
    expire = int(p.get("expire_date") or 0)
    if expire and expire <= desk.world.date():
        raise bad("EXPIRE_DATE_INVALID")
    if limit and p.get("creates_join_request"):
        raise bad("member limit can't be specified for links requiring administrator approval")
    return {
        "name": name or None,
        "expire_date": expire or None,
        "member_limit": limit or None,
        "by_request": bool(p.get("creates_join_request")),
    }


def create_link(desk: Desk, bot: BotAccount, p: Params) -> Json:
    """createChatInviteLink"""
    chat = administered(desk, bot, p.get("chat_id"), "can_invite_users", _INVITE)
    return render.invite_link(desk.world.make_link(chat, bot, **_link_facts(desk, p)), bot)


def _own_link(desk: Desk, bot: BotAccount, p: Params) -> InviteLink:
    chat = administered(desk, bot, p.get("chat_id"), "can_invite_users", _INVITE)
    link = chat.links.get(str(p.get("invite_link")))
    if link is None or link.creator is not bot:
        raise bad("INVITE_HASH_EXPIRED")
    return link


def edit_link(desk: Desk, bot: BotAccount, p: Params) -> Json:
    """editChatInviteLink"""
    link = _own_link(desk, bot, p)
    if link.primary:
        raise bad("CHAT_INVITE_PERMANENT")
    if link.revoked:
        raise bad("INVITE_HASH_EXPIRED")
    for name, value in _link_facts(desk, p).items():
        setattr(link, name, value)
    desk.world.touch(link)
    return render.invite_link(link, bot)


def revoke_link(desk: Desk, bot: BotAccount, p: Params) -> Json:
    """revokeChatInviteLink"""
    link = _own_link(desk, bot, p)
    link.revoked = True
    desk.world.touch(link)
    if link.primary:
        desk.world.make_link(link.chat, bot, primary=True)
    return render.invite_link(link, bot)


def _answer_request(let_in: bool) -> Method:
    def method(desk: Desk, bot: BotAccount, p: Params) -> bool:
        chat = administered(
            desk,
            bot,
            p.get("chat_id"),
            "can_invite_users",
            "not enough rights to manage chat join requests",
        )
        person = desk.world.users.get(p["user_id"])
        if person is None:
            raise bad("USER_ID_INVALID")
        if let_in and chat.inside(person):
            raise bad("USER_ALREADY_PARTICIPANT")
        try:
            if let_in:
                desk.world.approve(chat, person, by=bot)
            else:
                desk.world.decline(chat, person, by=bot)
        except CannotAct as error:
            raise bad("HIDE_REQUESTER_MISSING") from error
        return True

    return method


# Looks


def set_chat_title(desk: Desk, bot: BotAccount, p: Params) -> bool:
    """setChatTitle"""
    chat = administered(
        desk, bot, p.get("chat_id"), "can_change_info", "not enough rights to change chat title"
    )
    title = str(p.get("title") or "").strip()
    if not title:
        raise bad("title can't be empty")
    if len(title) > 128:
        raise bad("title is too long")
    if title == chat.title:
        return True
    chat.title = title
    _changed(desk, chat)
    desk.world.announce(chat, bot, "new_chat_title", title)
    return True


def set_chat_description(desk: Desk, bot: BotAccount, p: Params) -> bool:
    """setChatDescription"""
    chat = administered(
        desk, bot, p.get("chat_id"), "can_change_info", "not enough rights to set chat description"
    )
    text = str(p.get("description") or "")
    if len(text) > 255:
        raise bad("description is too long")
    if text == chat.description:
        raise bad("chat description is not modified")
    chat.description = text
    _changed(desk, chat)
    return True


def leave_chat(desk: Desk, bot: BotAccount, p: Params) -> bool:
    """leaveChat"""
    chat = _group(desk, bot, p)
    if chat.user is not None:
        raise bad("can't leave private chats")
    if not chat.inside(bot):
        raise forbidden(f"bot is not a member of the {chat.kind_word} chat")
    desk.world.leave(bot, chat)
    return True


# Topics


def _forum(desk: Desk, bot: BotAccount, p: Params) -> Chat:
    chat = chat_of(desk, bot, p.get("chat_id"))
    if not chat.is_forum:
        raise bad("the chat is not a forum")
    return administered(
        desk, bot, p.get("chat_id"), "can_manage_topics", "not enough rights to create a topic"
    )


def _topic(chat: Chat, p: Params) -> Json:
    topic = chat.topics.get(str(p["message_thread_id"]))
    if topic is None:
        raise bad("TOPIC_ID_INVALID")
    return topic


def create_topic(desk: Desk, bot: BotAccount, p: Params) -> Json:
    """createForumTopic"""
    chat = _forum(desk, bot, p)
    name = str(p.get("name") or "").strip()
    if not name or len(name) > 128:
        raise bad("TOPIC_TITLE_EMPTY" if not name else "TOPIC_TITLE_TOO_LONG")
    colour = p.get("icon_color") or 7322096
    shown = {"name": name, "icon_color": colour}
    opening = desk.world.announce(chat, bot, "forum_topic_created", shown)
    opening.thread = opening.message_id
    desk.world.touch(opening)
    chat.topics[str(opening.message_id)] = {**shown, "closed": False}
    _changed(desk, chat)
    return {"message_thread_id": opening.message_id, **shown}


def edit_topic(desk: Desk, bot: BotAccount, p: Params) -> bool:
    """editForumTopic"""
    chat = _forum(desk, bot, p)
    topic = _topic(chat, p)
    name = str(p.get("name") or "").strip()
    if not name or name == topic["name"]:
        raise bad("TOPIC_NOT_MODIFIED")
    topic["name"] = name
    _changed(desk, chat)
    return True


def _close_topic(closed: bool) -> Method:
    def method(desk: Desk, bot: BotAccount, p: Params) -> bool:
        chat = _forum(desk, bot, p)
        topic = _topic(chat, p)
        if topic["closed"] is closed:
            raise bad("TOPIC_NOT_MODIFIED")
        topic["closed"] = closed
        _changed(desk, chat)
        return True

    return method


def delete_topic(desk: Desk, bot: BotAccount, p: Params) -> bool:
    """deleteForumTopic: with everything said in it"""
    chat = _forum(desk, bot, p)
    _topic(chat, p)
    number = p["message_thread_id"]
    del chat.topics[str(number)]
    for message in list(chat.log.values()):
        if number in (message.thread, message.message_id) and not message.deleted:
            desk.world.removed(message)
    _changed(desk, chat)
    return True


METHODS: dict[str, Method] = {
    "getChat": get_chat,
    "getChatMember": get_chat_member,
    "getChatMemberCount": get_chat_member_count,
    "getChatAdministrators": get_chat_administrators,
    "banChatMember": ban_chat_member,
    "unbanChatMember": unban_chat_member,
    "restrictChatMember": restrict_chat_member,
    "promoteChatMember": promote_chat_member,
    "setChatAdministratorCustomTitle": set_custom_title,
    "setChatMemberTag": set_member_tag,
    "setChatPermissions": set_chat_permissions,
    "exportChatInviteLink": export_link,
    "createChatInviteLink": create_link,
    "editChatInviteLink": edit_link,
    "revokeChatInviteLink": revoke_link,
    "approveChatJoinRequest": _answer_request(True),
    "declineChatJoinRequest": _answer_request(False),
    "setChatTitle": set_chat_title,
    "setChatDescription": set_chat_description,
    "leaveChat": leave_chat,
    "createForumTopic": create_topic,
    "editForumTopic": edit_topic,
    "closeForumTopic": _close_topic(True),
    "reopenForumTopic": _close_topic(False),
    "deleteForumTopic": delete_topic,
}
