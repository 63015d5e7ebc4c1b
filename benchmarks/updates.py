"""Updates as Telegram writes them, from a seed: the chatter and the acts of a fan community."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from random import Random
from typing import Any, Final

BATCH: Final = 100  # updates in one answer of getUpdates, at most
FIRST_FAN: Final = 5_100_000_000
GROUPS: Final = (-1002000000001, -1002000000002, -1002000000003)

_LINK = "https://example.org/wallpaper/2031?size=large"
_NAMES = (
    "林小满",
    "陈屿",
    "Mia",
    "阿沅",
    "困困",
    "さくら",
    "顾北",
    "Tom",
    "يوسف",
    "今天也要早睡🌙",
)
_LANGUAGES = ("zh-hans", "zh-hans", "zh-hans", "zh-hant", "en", "ja", None)
_LINES = (
    "哈哈哈哈哈",
    "今晚直播几点呀？我刚下班，地铁上信号不好，怕赶不上开头",
    "the new song has been on repeat all day, that bridge is unreal",
    "早上好🌞",
    "有没有人一起去周六的签售？我可以带两瓶水和一把伞",
    "笑死，昨天那段我看了八遍，每次都在同一个地方破防 😂😂😂",
    "ok",
    "她说这周会发新歌的幕后，我先把闹钟设好了，谁都别拦我",
    "同感",
    "I drew her with watercolours this time, be gentle with me please",
)


@dataclass(slots=True)
class Crowd:
    """So many fans in three groups, and what they do. Numbers of updates never come twice."""

    fans: int
    bot: int
    username: str
    seed: int = 7
    random: Random = field(init=False)
    _update: int = 700_000_000
    _message: int = 1_000

    def __post_init__(self) -> None:
        self.random = Random(self.seed)

    def chatter(self, count: int, at: int | None = None) -> list[bytes]:
        """Group talk that nobody answers: words, pictures, replies to others."""
        return [self.update("message", self._talk(at)) for _ in range(count)]

    def mix(self, count: int, sign: Callable[[str], str], at: int | None = None) -> list[bytes]:
        """The real mix: of a hundred updates 90 are chatter, 5 presses, 3 commands, 2 joins or
        reactions. *sign* makes button data that the house takes for its own."""
        data = sign("checkin.check_in")
        return [self._one_of_the_mix(data, at) for _ in range(count)]

    def check_ins(self, fans: range, at: int) -> list[bytes]:
        """One 签到 of each of these fans, at *at* (seconds)."""
        return [
            self.update("message", self._message_of(self.fan(n), "签到", at, GROUPS[0]))
            for n in fans
        ]

    def roll_call(self) -> list[bytes]:
        """One line of each fan, so that a store knows them all."""
        return [
            self.update("message", self._message_of(self.fan(n), "大家好", None, GROUPS[n % 3]))
            for n in range(self.fans)
        ]

    def private(self, fan: int, text: str) -> dict[str, Any]:
        """One private message as Telegram's own object, without its update."""
        who = self.fan(fan)
        chat = {"id": who["id"], "first_name": who["first_name"], "type": "private"}
        return {**self._message_of(who, text, None, GROUPS[0]), "chat": chat}

    def fan(self, number: int) -> dict[str, Any]:
        """Telegram's user object of a fan, always the same for a number."""
        user = {
            "id": FIRST_FAN + number,
            "is_bot": False,
            "first_name": f"{_NAMES[number % len(_NAMES)]}{number}",
        }
        if number % 3 == 0:
            user["username"] = f"fan_{number}"
        if language := _LANGUAGES[number % len(_LANGUAGES)]:
            user["language_code"] = language
        return user

    def _one_of_the_mix(self, data: str, at: int | None) -> bytes:
        dice = self.random.random()
        if dice < 0.90:
            return self.update("message", self._talk(at))
        if dice < 0.95:
            return self.update("callback_query", self._press(data))
        if dice < 0.98:
            text = self.random.choice(("/checkin", "/checkin", "签到", "/help", "/language"))
            return self.update("message", self._say(text, at))
        if dice < 0.99:
            return self.update("chat_member", self._join(at))
        return self.update("message_reaction", self._react(at))

    def _somebody(self) -> int:
        """As in every community, few talk much: a tenth of the fans says half of all."""
        return int(self.fans * self.random.random() ** 3)

    def _talk(self, at: int | None) -> dict[str, Any]:
        message = self._say(self.random.choice(_LINES), at)
        dice = self.random.random()
        if dice < 0.12:
            other = self._say(self.random.choice(_LINES), at)
            message["reply_to_message"] = other
        elif dice < 0.18:
            message["caption"] = message.pop("text")
            message["photo"] = [
                {
                    "file_id": f"AgACAgUAAxkBAAI{side}{self._message}",
                    "file_unique_id": f"AQAD{side}{self._message}",
                    "file_size": side * 90,
                    "width": side,
                    "height": side,
                }
                for side in (90, 320, 800)
            ]
        elif dice < 0.19:
            message["text"] = _LINK
            message["entities"] = [{"offset": 0, "length": len(_LINK), "type": "url"}]
        return message

    def _say(self, text: str, at: int | None) -> dict[str, Any]:
        fan = self.fan(self._somebody())
        message = self._message_of(fan, text, at, self.random.choice(GROUPS))
        if text.startswith("/"):
            message["entities"] = [{"offset": 0, "length": len(text), "type": "bot_command"}]
        return message

    def _message_of(
        self, fan: dict[str, Any], text: str, at: int | None, group: int
    ) -> dict[str, Any]:
        self._message += 1
        return {
            "message_id": self._message,
            "from": fan,
            "chat": self._group(group),
            "date": _now(at),
            "text": text,
        }

    def _press(self, data: str) -> dict[str, Any]:
        group = self.random.choice(GROUPS)
        bot = {"id": self.bot, "is_bot": True, "first_name": "小鹿", "username": self.username}
        self._message += 1
        return {
            "id": str(self.random.getrandbits(62)),
            "from": self.fan(self._somebody()),
            "message": {
                "message_id": self._message,
                "from": bot,
                "chat": self._group(group),
                "date": _now(None),
                "text": "今天签到了吗？点一下就好",
                "reply_markup": {"inline_keyboard": [[{"text": "签到", "callback_data": data}]]},
            },
            "chat_instance": str(self.random.getrandbits(62)),
            "data": data,
        }

    def _join(self, at: int | None) -> dict[str, Any]:
        """Somebody new comes in, and talks from then on."""
        self.fans += 1
        user = self.fan(self.fans - 1)
        return {
            "chat": self._group(self.random.choice(GROUPS)),
            "from": user,
            "date": _now(at),
            "old_chat_member": {"user": user, "status": "left"},
            "new_chat_member": {"user": user, "status": "member"},
        }

    def _react(self, at: int | None) -> dict[str, Any]:
        return {
            "chat": self._group(self.random.choice(GROUPS)),
            "message_id": self.random.randrange(1, self._message),
            "user": self.fan(self._somebody()),
            "date": _now(at),
            "old_reaction": [],
            "new_reaction": [{"type": "emoji", "emoji": "❤"}],
        }

    @staticmethod
    def _group(group: int) -> dict[str, Any]:
        return {
            "id": group,
            "title": f"小鹿的林间小屋 {group % 10}",
            "username": f"lulu_house_{-group % 10}",
            "type": "supergroup",
        }

    def update(self, kind: str, event: dict[str, Any]) -> bytes:
        """The event as an update of its own, with a number that never came before."""
        self._update += 1
        return json.dumps({"update_id": self._update, kind: event}).encode()


def bodies(updates: list[bytes]) -> Iterator[bytes]:
    """The updates as the bodies of Telegram's answers, a hundred each."""
    for start in range(0, len(updates), BATCH):
        yield b'{"ok":true,"result":[' + b",".join(updates[start : start + BATCH]) + b"]}"


def _now(at: int | None) -> int:
    return at if at is not None else int(time.time())
