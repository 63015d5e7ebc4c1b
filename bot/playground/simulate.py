"""Simulated fans: from a seed, with habits, they talk, check in, react, forward, come and go."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from random import Random
from typing import Literal

from bot.playground import chatter
from bot.playground.clock import Clock
from bot.playground.records import Message, User
from bot.playground.refusals import CannotAct
from bot.playground.seed import Cast
from bot.playground.world import World

Hours = Literal["morning", "day", "evening", "night", "any"]

#: How likely somebody of these habits is awake and here: tenths, for each hour of her day from 0.
AWAKE: dict[Hours, Sequence[int]] = {
    "morning": (0, 0, 0, 0, 1, 5, 10, 10, 10, 8, 6, 5, 5, 4, 3, 3, 3, 3, 3, 3, 2, 1, 0, 0),
    "day": (0, 0, 0, 0, 0, 1, 2, 4, 8, 10, 10, 10, 10, 9, 9, 10, 10, 10, 8, 6, 5, 4, 2, 1),
    "evening": (2, 0, 0, 0, 0, 0, 1, 3, 3, 3, 3, 4, 5, 3, 3, 3, 4, 6, 9, 10, 10, 10, 10, 6),
    "night": (10, 10, 9, 5, 2, 0, 0, 0, 0, 1, 2, 2, 3, 3, 3, 3, 3, 3, 4, 5, 6, 8, 10, 10),
    "any": (3, 2, 1, 1, 1, 2, 5, 7, 8, 8, 8, 9, 9, 8, 8, 8, 8, 9, 10, 10, 10, 10, 8, 5),
}
#: Hours that a language's fans are behind or ahead of Shanghai, roughly.
AWAY = {"en": -8, "ru": -5, "ar": -5, "he": -6, "ja": 1, "ko": 1, "es": -7}
SHANGHAI = timedelta(hours=8)
CHECK_IN_WORDS = ("签到", "簽到", "打卡", "check in", "check-in")
#: Answers to an opening are said within the next so many deeds, or never.
PATIENCE = 12


@dataclass(frozen=True, slots=True)
class Habits:
    """What one fan is like; drawn once from the seed and her id, so she stays the same."""

    hours: Hours
    talkative: float
    reacts: float
    forwards: float
    check_in: Literal["word", "button", "never"]
    fickle: bool


def habits_of(fan: User, seed: int) -> Habits:
    """The habits of a fan: a few talk a lot, most a little, some only read."""
    random = Random(f"habits {seed} {fan.id}")
    kind = random.choices(("chatty", "steady", "lurker", "collector"), (3, 6, 4, 3))[0]
    return Habits(
        hours=random.choices(("morning", "day", "evening", "night", "any"), (2, 3, 5, 3, 5))[0],
        talkative={"chatty": 3.0, "steady": 1.0, "lurker": 0.12, "collector": 0.4}[kind],
        reacts={"chatty": 1.0, "steady": 1.0, "lurker": 1.6, "collector": 0.5}[kind],
        forwards={"chatty": 0.3, "steady": 0.1, "lurker": 0.02, "collector": 0.15}[kind],
        check_in="never" if kind == "lurker" else random.choice(("word", "word", "button")),
        fickle=random.random() < 0.25,
    )


@dataclass(frozen=True, slots=True)
class Answer:
    """Something that somebody will probably say to a message soon."""

    to: Message
    text: str
    language: str
    until: int


class Simulation:
    """The fans of a seeded community, moved by a switch (`on`) and a `pace` in deeds a minute.

    They do only what a person in Telegram's app can do. The same seed in the same world does the
    same things; `step` does one of them and can be called without the loop.
    """

    def __init__(
        self,
        world: World,
        people: Cast,
        *,
        clock: Clock,
        seed: int = 0,
        pace: float = 20.0,
    ) -> None:
        self._world = world
        self._people = people
        self._clock = clock
        self._random = Random(f"deeds {seed}")
        self._habits = {fan.id: habits_of(fan, seed) for fan in people.fans}
        self._checked: dict[int, date] = {}
        self._greeted: dict[int, date] = {}
        self._answers: list[Answer] = []
        self._used: dict[str, list[chatter.Talk]] = {}
        self._newcomers: set[int] = set()
        self._welcomed: set[str] = set()
        self._switched = asyncio.Event()
        self.on = False
        self.pace = pace
        self.done = 0
        self.on_change: list[Callable[[], None]] = []

    def switch(self, on: bool | None = None, pace: float | None = None) -> None:
        """Set going or stop, and say how much shall happen (1 to 600 deeds a minute)."""
        if pace is not None:
            if not 1 <= pace <= 600:
                raise ValueError("the pace must lie between 1 and 600 a minute")
            self.pace = pace
        if on is not None:
            self.on = on
        self._switched.set()
        for listener in self.on_change:
            listener()

    async def run(self) -> None:
        """One deed after another while switched on, until cancelled; paced by the real clock."""
        while True:
            self._switched.clear()
            if self.on:
                self.step()
            pause = self._random.expovariate(self.pace / 60) if self.on else None
            try:
                # A burst or a lull is fine, a minute of silence at a lively pace is not.
                longest = None if pause is None else min(pause, 180 / self.pace)
                async with asyncio.timeout(longest):
                    await self._switched.wait()
            except TimeoutError:
                continue

    def step(self) -> str | None:
        """One deed by one fan, in a few words; None when nobody felt like it or it was refused."""
        now = self._clock.now()
        self.done += 1
        self._answers = [one for one in self._answers if one.until > self.done]
        self._notice_newcomers()
        if self._answers and self._random.random() < 0.5:
            return self._try(self._answer, None, now)
        fan = self._pick(now)
        if fan is None:
            return None
        deed = self._choose(fan, now)
        return self._try(deed, fan, now)

    # Choosing

    def _local(self, fan: User, now: datetime) -> datetime:
        """The fan's own wall clock (naive on purpose: only hours and days are read from it)."""
        hours = AWAY.get(language_of(fan), 0)
        return (now + SHANGHAI + timedelta(hours=hours)).replace(tzinfo=None)

    def _pick(self, now: datetime) -> User | None:
        fans = [fan for fan in self._people.fans if not fan.deleted]
        if not fans:
            return None
        weights = []
        for fan in fans:
            habits = self._habits[fan.id]
            awake = AWAKE[habits.hours][self._local(fan, now).hour] / 10
            liveliness = habits.talkative + 0.35 * habits.reacts + 0.3
            # Somebody is always up, or the visitor would think that the switch is broken.
            at_home = 1.8 if language_of(fan) == "zh" else 1.0
            weights.append((awake + 0.08) * liveliness * at_home)
        return self._random.choices(fans, weights)[0]

    def _choose(self, fan: User, now: datetime) -> Callable[[User, datetime], str | None]:
        habits = self._habits[fan.id]
        if not self._people.group.inside(fan):
            return self._join
        local = self._local(fan, now)
        if (
            habits.check_in != "never"
            and self._checked.get(fan.id) != (now + SHANGHAI).date()
            and self._random.random() < 0.45
        ):
            return self._check_in
        if fan.id in self._newcomers:
            return self._say_hello
        greets = local.hour in (6, 7, 8, 9, 22, 23, 0)
        if greets and self._greeted.get(fan.id) != local.date() and self._random.random() < 0.4:
            return self._greet
        choices: list[tuple[Callable[[User, datetime], str | None], float]] = [
            (self._talk, 1.1 * habits.talkative),
            (self._short, 0.9 * habits.talkative),
            (self._react, 1.3 * habits.reacts),
            (self._forward, 0.5 * habits.forwards),
            (self._thank, 0.25 * habits.talkative),
            (self._edit, 0.06 * habits.talkative),
            (self._leave, 0.05 if habits.fickle else 0.0),
            (self._visit, 0.12 * habits.talkative),
        ]
        deeds, weights = zip(*choices, strict=True)
        chosen: Callable[[User, datetime], str | None] = self._random.choices(deeds, weights)[0]
        return chosen

    def _try(
        self,
        deed: Callable[[User, datetime], str | None],
        fan: User | None,
        now: datetime,
    ) -> str | None:
        who = fan or self._people.influencer
        try:
            return deed(who, now)
        except CannotAct:
            # An admin muted her, the group was closed, somebody deleted the message: she shrugs.
            return None

    # Deeds

    def _join(self, fan: User, now: datetime) -> str:
        self._world.join(fan, self._people.group)
        self._newcomers.add(fan.id)
        return f"{fan.name} joins"

    def _say_hello(self, fan: User, now: datetime) -> str:
        self._newcomers.discard(fan.id)
        return self._say(fan, self._one(chatter.HELLO, language_of(fan)))

    def _leave(self, fan: User, now: datetime) -> str:
        self._world.leave(fan, self._people.group)
        return f"{fan.name} leaves"

    def _check_in(self, fan: User, now: datetime) -> str:
        self._checked[fan.id] = (now + SHANGHAI).date()
        if self._habits[fan.id].check_in == "button" and (found := self._check_in_button()):
            message, button = found
            self._world.press(fan, message, button)
            return f"{fan.name} presses {message.buttons[button].get('text')}"
        code = (fan.language_code or "").lower()
        kind = (
            "zh-hant"
            if code in ("zh-hant", "zh-tw")
            else "zh"
            if code.startswith("zh")
            else "other"
        )
        return self._say(fan, self._random.choice(chatter.CHECK_IN[kind]))

    def _check_in_button(self) -> tuple[Message, int] | None:
        for message in reversed(self._recent(60)):
            for number, button in enumerate(message.buttons):
                label = str(button.get("text", "")).lower()
                if "callback_data" in button and any(word in label for word in CHECK_IN_WORDS):
                    return message, number
        return None

    def _greet(self, fan: User, now: datetime) -> str:
        local = self._local(fan, now)
        self._greeted[fan.id] = local.date()
        lines = chatter.MORNING if 4 <= local.hour < 12 else chatter.NIGHT
        return self._say(fan, self._one(lines, language_of(fan)))

    def _talk(self, fan: User, now: datetime) -> str:
        language = language_of(fan)
        talks = chatter.TALKS[language]
        used = self._used.setdefault(language, [])
        fresh = [talk for talk in talks if talk not in used]
        if not fresh:
            return self._short(fan, now)
        talk = self._random.choice(fresh)
        # The same topic comes back only when most others have been talked about since.
        used.append(talk)
        if len(used) > max(len(talks) * 3 // 4, 1) and self._random.random() < 0.5:
            used.pop(0)
        message = self._world.say(fan, self._people.group, self._fill(talk.opening, language))
        for text in self._random.sample(talk.answers, self._random.randint(0, len(talk.answers))):
            filled = self._fill(text, language)
            self._answers.append(Answer(message, filled, language, self.done + PATIENCE))
        return f"{fan.name}: {message.text}"

    def _answer(self, _: User, now: datetime) -> str | None:
        answer = self._answers.pop(0)
        here = [
            fan
            for fan in self._people.fans
            if self._people.group.inside(fan)
            and fan is not answer.to.sender
            and language_of(fan) == answer.language
        ]
        if not here:
            return None
        weights = [self._habits[fan.id].talkative for fan in here]
        fan = self._random.choices(here, weights)[0]
        near = answer.to in self._recent(3)
        return self._say(
            fan, answer.text, None if near and self._random.random() < 0.5 else answer.to
        )

    def _short(self, fan: User, now: datetime) -> str:
        line = self._one(chatter.SHORT, language_of(fan))
        if self._random.random() < 0.01:
            line = chatter.LONG_WORD
        return self._say(fan, line, self._somebodys(fan) if self._random.random() < 0.5 else None)

    def _thank(self, fan: User, now: datetime) -> str | None:
        said = [one for one in self._recent(25) if one.sender is self._people.bot]
        if not said:
            return self._short(fan, now)
        return self._say(fan, self._one(chatter.TO_PERSONA, language_of(fan)), said[-1])

    def _react(self, fan: User, now: datetime) -> str | None:
        candidates = [one for one in self._recent(15) if one.sender is not fan]
        if not candidates:
            return None
        message = self._random.choice(candidates)
        emoji = self._random.choice(chatter.REACTIONS)
        if self._random.random() < 0.08 and message.reactions.get(fan.id):
            self._world.react(fan, message, None)
            return f"{fan.name} takes a reaction back"
        self._world.react(fan, message, emoji)
        return f"{fan.name} reacts {emoji}"

    def _forward(self, fan: User, now: datetime) -> str | None:
        posts = [
            one
            for one in self._world.messages(self._people.channel)
            if one.service is None and not one.deleted
        ]
        if not posts:
            return None
        self._world.forward(fan, self._random.choice(posts[-8:]), self._people.group)
        return f"{fan.name} forwards a post"

    def _edit(self, fan: User, now: datetime) -> str | None:
        mine = [
            one
            for one in self._recent(40)
            if one.sender is fan and one.text and not one.forward_origin
        ]
        if not mine:
            return None
        mark = "～" if language_of(fan) == "zh" else " :)"
        self._world.edit(fan, mine[-1], f"{mine[-1].text}{mark}")
        return f"{fan.name} edits"

    def _visit(self, fan: User, now: datetime) -> str:
        """Somebody talks to the bot in private, as most fans do once."""
        bot = self._people.bot
        if bot.id in fan.blocked:
            self._world.unblock(fan, bot)
        if not self._world.messages(bot, of=fan):
            self._world.start(fan, bot)
            return f"{fan.name} starts the bot"
        text = self._one(chatter.TO_BOT, language_of(fan))
        self._world.say(fan, bot, text)
        return f"{fan.name} in private: {text}"

    def _notice_newcomers(self) -> None:
        """Whoever came in, the visitor too, is perhaps welcomed within the next deeds."""
        for message in self._world.messages(self._people.group)[-6:]:
            if (message.service or {}).get("kind") != "new_chat_members":
                continue
            if message.key in self._welcomed or message.sender is None or message.sender.is_bot:
                continue
            self._welcomed.add(message.key)
            language = language_of(message.sender)
            for _ in range(self._random.choice((0, 1, 1, 2))):
                text = self._one(chatter.WELCOME, language)
                self._answers.append(Answer(message, text, language, self.done + PATIENCE))

    # Words

    def _say(self, fan: User, text: str, reply_to: Message | None = None) -> str:
        if reply_to is not None and reply_to.deleted:
            reply_to = None
        self._world.say(fan, self._people.group, text, reply_to=reply_to)
        return f"{fan.name}: {text}"

    def _one(self, lines: dict[str, tuple[str, ...]], language: str) -> str:
        return self._random.choice(lines.get(language) or lines["en"])

    def _fill(self, text: str, language: str) -> str:
        slots = chatter.SLOTS.get(language, chatter.SLOTS["en"])
        for name, values in slots.items():
            if f"{{{name}}}" in text:
                text = text.replace(f"{{{name}}}", self._random.choice(values))
        return text

    def _recent(self, count: int) -> list[Message]:
        """The last messages of the group that everybody sees, oldest first."""
        return [
            one
            for one in list(self._world.messages(self._people.group))[-count * 2 :]
            if one.service is None and not one.deleted and one.ephemeral_for is None
        ][-count:]

    def _somebodys(self, fan: User) -> Message | None:
        others = [
            one for one in self._recent(8) if one.sender is not None and one.sender is not fan
        ]
        return self._random.choice(others) if others else None


def language_of(fan: User) -> str:
    """The key of `chatter`'s lists for her language; English where there is no list."""
    code = (fan.language_code or "en").lower().split("-")[0]
    return code if code in chatter.TALKS else "en"
