"""What no persona says: machine words, storms, gaps where a name was missing, offers among care.

Pure: words in, reasons out. `templates/touchpoints.toml` says what a text is for, a persona's file
what she never says.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from templates import BadTemplate, NoWords, Voice, markup
from templates.touchpoints import TouchPoint

LONGEST_NAME: Final = "N" * 64
LONG: Final = 700
_MARK: Final = {"zh": "鹿鹿", "zh-TW": "鹿鹿"}  # a way to say I that cannot be meant otherwise


def _words(chinese: str, english: str) -> re.Pattern[str]:
    return re.compile(rf"{chinese}|(?i:\b(?:{english})\b)")


MACHINE: Final = _words(
    r"尊敬的|用户(?!名)|用戶(?!名)|亲爱的|親愛的|(?<![父母双雙])亲[，,！!～~]|转人工|轉人工|客服|系统|系統|机器人|機器人"
    r"|温馨提示|溫馨提示|操作(?:成功|失败|失敗)|请稍[后候]再?试|請稍[後候]再?試|无效|無效|指令|错误代码|敬请|敬請",
    r"dear (?:user|customer|member|fan)|valued|users?|system|bots?|invalid|error|successfully"
    r"|customer service|please try again later|operation|notification",
)
HURRY: Final = _words(
    r"赶快|趕快|赶紧|趕緊|抓紧|抓緊|最后机会|最後機會|马上就要|馬上就要|过期不候|過期不候|仅限今天|僅限今天|错过就|錯過就",
    r"hurry up|last chance|don't miss|act now|only today|before it's too late",
)
MONEY: Final = _words(
    r"购买|購買|付款|充值|儲值|下单|下單|打赏|打賞", r"buy|purchase|pay now|donate"
)
OFFER: Final = _words(
    r"优惠|優惠|折扣|限时|限時|抢购|搶購|促销|促銷|秒杀|秒殺|包邮|包郵|价格|價格|新品|上架|￥|¥|\d元",
    r"discounts?|offers?|sale|order|coupons?|limited|price|deal|shop|merch",
)
NOW: Final = _words(
    r"早安|早上好|晚安|晚上好|中午好|下午好|午安|今早|今夜|此刻|正在|在线等|在線等|打字中|正打字"
    r"|刚(?:画|唱|醒|起床|下班|回家|吃|拍|排练)|剛(?:畫|唱|醒|起床|下班|回家|吃|拍|排練)|外面(?:下雨|下雪|出太阳)",
    r"good (?:morning|afternoon|evening|night)|tonight|this (?:morning|evening)|right now"
    r"|as I write|(?:I'm|I am) (?:typing|drawing|singing|playing|painting|in bed|on stage)"
    r"|(?:I've |I )?just (?:woke|got (?:home|up)|finished|came back)",
)
GAP: Final = re.compile(
    r"None|undefined|\(\s*\)|（\s*）|「\s*」|“\s*”|(?<!\d)  (?![\d+−-])|[，,、]\s*[，,、。.！!？?]"
    r"|^[，、。,.：:；;！!？?]|\s[，。、；：]|\s[,.!?;:](?!\w)|Dear\s*[,，]",
    re.MULTILINE,
)
LINK: Final = re.compile(r"https?://|www\.|\bt\.me/", re.IGNORECASE)
TRAILING: Final = re.compile(r"…|\.\.\.|。。")
STORM: Final = re.compile(r"[!！]")
WAVES: Final = re.compile(r"[~～]{2}|[?？]{2}")
I_ZH: Final = re.compile("我")
I_EN: Final = re.compile(r"\bI\b")


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that a persona would not say: where (`variant` counts from 1, 0 is the whole
    file), why, and the words as a fan would read them."""

    file: str
    variant: int
    reason: str
    words: str = ""


def reasons(
    words: str, point: TouchPoint, *, taboo: Iterable[str] = (), own_self: str = ""
) -> Iterator[str]:
    """Why a persona does not say these plain words; nothing when she does.

    *own_self* is how she says I where that is not the language's own word.

    >>> list(reasons("尊敬的用户，签到成功！！", TouchPoint()))
    ['it shouts: more than one exclamation mark', 'a machine speaks: 尊敬的, 用户']
    """
    if len(STORM.findall(words)) > 1:
        yield "it shouts: more than one exclamation mark"
    if WAVES.search(words):
        yield "it shouts: marks in a row"
    if any(len(_pictures(line)) > 1 for line in words.splitlines()):
        yield "more than one emoji in a line"
    yield from _found(MACHINE, words, "a machine speaks")
    yield from _found(HURRY, words, "it hurries or threatens")
    yield from _found(MONEY, words, "it asks for money")
    yield from _found(NOW, words, "prepared words claim to know this moment")
    yield from _found(LINK, words, "a link")
    yield from _found(TRAILING, words, "it trails off")
    if point.cls == "care":
        yield from _found(OFFER, words, "an offer inside of care")
    if GAP.search(words):
        yield "a gap where something was missing"
    if said := [word for word in taboo if _says(words, word)]:
        yield f"she never says: {', '.join(said)}"
    if own_self and (I_EN if own_self.isascii() else I_ZH).search(words):
        yield f"somebody else says I here; she says {own_self}"
    if markup.length(words) > LONG:
        yield f"longer than {LONG} characters"


def examine(
    voice: Voice,
    name: str,
    point: TouchPoint,
    *,
    locale: str,
    persona: Mapping[str, Any],
    samples: Sequence[Mapping[str, object]],
) -> Iterator[Finding]:
    """What is wrong with all ways to say one template, rendered for each of *samples*.

    A reason is given once for each variant, with the first words that showed it.
    """
    try:
        file, count = voice.source(name, locale, persona), voice.variants(name, locale, persona)
        taboo = tuple(voice.speaker(persona, locale).get("taboo", ()))
    except (NoWords, BadTemplate) as error:
        yield Finding(f"{locale}/{name}.j2", 0, str(error))
        return

    def say(variant: int, facts: Mapping[str, object], own_self: str = "") -> str:
        """Plain words; raises what the author must hear of."""
        speaker = persona
        if own_self:
            spoken = persona.get(locale, {})
            speaker = {**persona, "self": own_self, locale: {**spoken, "self": own_self}}
        html = voice.render(name, facts, locale=locale, persona=speaker, variant=variant)
        markup.check(html)
        return markup.plain(html)

    def found(variant: int, facts: Mapping[str, object]) -> Iterator[str]:
        yield from reasons(say(variant, facts), point, taboo=taboo)
        mark = _MARK.get(locale)
        if mark and I_ZH.search(say(variant, facts)) and I_ZH.search(say(variant, facts, mark)):
            yield "it says 我 where {{ persona.self }} belongs"
        wide = {**facts, **({"name": LONGEST_NAME} if facts.get("name") else {})}
        if point.toast and markup.length(say(variant, wide)) > markup.TOAST_LIMIT:
            yield f"longer than the {markup.TOAST_LIMIT} characters of a toast"

    heard: dict[str, int] = {}
    for variant in range(count):
        told: dict[str, str] = {}
        for facts in samples:
            try:
                for reason in found(variant, facts):
                    told.setdefault(reason, say(variant, facts))
            except (BadTemplate, markup.Unsendable) as error:
                told.setdefault(str(error), "")
        yield from (Finding(file, variant + 1, reason, words) for reason, words in told.items())
        if not told and (twin := heard.setdefault(say(variant, samples[0]), variant)) != variant:
            yield Finding(file, variant + 1, f"the same as variant {twin + 1}")


def _found(pattern: re.Pattern[str], words: str, reason: str) -> Iterator[str]:
    if found := dict.fromkeys(match.group() for match in pattern.finditer(words)):
        yield f"{reason}: {', '.join(found)}"


def _says(words: str, taboo: str) -> bool:
    """Whether a word stands in there; a Latin one only as a whole word."""
    if not taboo.isascii():
        return taboo in words
    return re.search(rf"(?<!\w){re.escape(taboo)}s?(?!\w)", words, re.IGNORECASE) is not None


def _pictures(line: str) -> list[str]:
    return [letter for letter in line if unicodedata.category(letter) == "So"]
