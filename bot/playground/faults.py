"""Faults on demand: what goes wrong between the bot and Telegram, as a test or a visitor likes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from random import Random
from typing import Any, Literal, get_args

FaultKind = Literal[
    "429", "500", "502", "403", "400", "migrate",
    "timeout_before", "timeout_after", "lost_answer", "drop_before", "wrong_json", "slow",
]  # fmt: skip
KINDS: tuple[str, ...] = get_args(FaultKind)
#: These happen after the method took effect.
AFTER = frozenset({"timeout_after", "lost_answer", "wrong_json"})


@dataclass(slots=True)
class Fault:
    """One thing that shall go wrong, `times` times (None: for ever), after `after` calls."""

    no: int
    kind: FaultKind
    method: str | None = None
    times: int | None = 1
    chance: float = 1.0
    chat: str | None = None
    bot: int | None = None
    after: int = 0
    retry_after: int = 1
    seconds: float = 1.0
    description: str | None = None
    hits: int = 0


@dataclass(slots=True)
class Unruly:
    """How updates misbehave on their way: chances between 0 and 1 for each update given out."""

    duplicate: float = 0.0
    unknown_field: float = 0.0
    unknown_kind: float = 0.0

    def quiet(self) -> bool:
        """True when updates travel undisturbed."""
        return not (self.duplicate or self.unknown_field or self.unknown_kind)


@dataclass(slots=True)
class Faults:
    """The faults that wait for their call, in the order in which they were asked for."""

    random: Random
    updates: Unruly = field(default_factory=Unruly)
    _waiting: list[Fault] = field(default_factory=list)
    _made: int = 0

    def add(
        self,
        method: str | None = None,
        kind: FaultKind = "500",
        *,
        times: int | None = 1,
        chance: float = 1.0,
        chat: Any = None,
        bot: Any = None,
        after: int = 0,
        retry_after: int = 1,
        seconds: float = 1.0,
        description: str | None = None,
    ) -> Fault:
        """Let calls fail: of one method (None: any but getUpdates), in one chat, for one bot.

        `after` matching calls go well first; `seconds` is the delay of "slow"; `description`
        replaces the sentence of "400", "403" and "500".
        """
        if kind not in KINDS:
            raise ValueError(f"no fault is called {kind!r}; there are {', '.join(KINDS)}")
        self._made += 1
        fault = Fault(
            no=self._made,
            kind=kind,
            method=method.lower() if method else None,
            times=times,
            chance=chance,
            chat=None if chat is None else str(getattr(chat, "id", chat)),
            bot=None if bot is None else int(getattr(bot, "id", bot)),
            after=after,
            retry_after=retry_after,
            seconds=seconds,
            description=description,
        )
        self._waiting.append(fault)
        return fault

    def remove(self, fault: Fault | int) -> None:
        """Take one back, by itself or by its number."""
        no = fault if isinstance(fault, int) else fault.no
        self._waiting = [waiting for waiting in self._waiting if waiting.no != no]

    def clear(self) -> None:
        """Take all back; updates travel undisturbed again."""
        self._waiting.clear()
        self.updates = Unruly()

    def __iter__(self) -> Iterator[Fault]:
        return iter(tuple(self._waiting))

    def strike(self, method: str, chat: str | None, bot: int) -> Fault | None:
        """The fault that hits this call, if any; counts it."""
        if not self._waiting:
            return None
        name = method.lower()
        for fault in self._waiting:
            if fault.method is None:
                if name == "getupdates":
                    continue
            elif fault.method != name:
                continue
            if fault.chat is not None and fault.chat != chat:
                continue
            if fault.bot is not None and fault.bot != bot:
                continue
            if fault.after > 0:
                fault.after -= 1
                continue
            if fault.chance < 1 and self.random.random() >= fault.chance:
                continue
            fault.hits += 1
            if fault.times is not None:
                fault.times -= 1
                if fault.times <= 0:
                    self.remove(fault)
            return fault
        return None
