"""The seeded community: Lulu, her admin, her fans, their group and channel, and a short history."""

from __future__ import annotations

import math
import struct
import zlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random

from bot.playground.clock import Clock
from bot.playground.records import BotAccount, Chat, Message, User
from bot.playground.world import World

#: A token of the right shape that is good nowhere but in a playground.
TOKEN = "7000000001:PLAYGROUND-Lulu-of-the-forest-house"
BOT_USERNAME = "lulu_renqing_bot"
VISITOR, INFLUENCER, ADMIN, FIRST_FAN = 5_000_000_000, 5_000_000_001, 5_000_000_002, 5_000_000_101
GROUP_USERNAME, CHANNEL_USERNAME = "lulu_forest_house", "lulu_draws_and_sings"

#: Name, family name, username, Telegram's language code; most fans have no username, as in life.
FANS: tuple[tuple[str, str, str | None, str], ...] = (
    ("林小满", "", "xiaoman_lin", "zh-hans"),
    ("陈屿", "", None, "zh-hans"),
    ("Mia", "Carter", "mia_draws", "en"),
    ("يوسف", "الحداد", None, "ar"),
    ("阿Q不是鲁迅写的", "", None, "zh-hans"),
    ("陳柏宇", "", "boyu_c", "zh-hant"),
    ("今天也要早睡🌙", "", None, "zh-hans"),
    ("さくら", "", "sakura_paint", "ja"),
    ("赵一一", "", None, "zh-hans"),
    ("Анна", "Соколова", None, "ru"),
    ("困困", "", "kunkun_zzz", "zh-hans"),
    ("沈知夏", "", None, "zh-hans"),
    ("נועה", "לוי", None, "he"),
    ("Tom", "", "tom_from_leeds", "en"),
    ("一颗糖炒栗子🌰", "", None, "zh-hans"),
    ("周周", "", None, "zh-hans"),
    ("林怡君", "", None, "zh-hant"),
    ("顾北", "", "gubei_guitar", "zh-hans"),
    ("Priya", "N.", None, "en"),
    ("喵呜 (´・ω・`)", "", None, "zh-hans"),
    ("老王", "", None, "zh-hans"),
    ("<b>小明</b> & 朋友们", "", None, "zh-hans"),
    ("苏念", "", None, "zh-hans"),
    ("민지", "", None, "ko"),
    ("👩‍🎨画画的阿沅", "", "ayuan_art", "zh-hans"),
    ("Lucía", "Ferrer", None, "es"),
    ("江湖人称小笼包", "", None, "zh-hans"),
    ("何以解忧", "", None, "zh-hans"),
    ("ليلى", "", None, "ar"),
    ("南风知我意", "", None, "zh-hans"),
    ("黃詩涵", "", None, "zh-hant"),
    ("每天都在等新歌等到花儿都谢了的一位普通听众", "", None, "zh-hans"),
    ("Ben", "Okafor", None, "en"),
    ("芝芝莓莓", "", None, "zh-hans"),
)
#: So many of them are in the group from the start; the others come while the simulation runs.
INSIDE = 26


@dataclass(frozen=True, slots=True)
class Cast:
    """Who is who in the seeded community, found again after every restart."""

    bot: BotAccount
    visitor: User
    influencer: User
    admin: User
    fans: tuple[User, ...]
    group: Chat
    channel: Chat


def cast(world: World) -> Cast | None:
    """The seeded people and chats of this world; None where it was never seeded."""
    bot = next((one for one in world.bots.values() if one.token == TOKEN), None)
    group = next((one for one in world.chats.values() if one.username == GROUP_USERNAME), None)
    channel = next((one for one in world.chats.values() if one.username == CHANNEL_USERNAME), None)
    if bot is None or group is None or channel is None:
        return None
    people = world.users
    return Cast(
        bot=bot,
        visitor=people[VISITOR],
        influencer=people[INFLUENCER],
        admin=people[ADMIN],
        fans=tuple(people[FIRST_FAN + n] for n in range(len(FANS))),
        group=group,
        channel=channel,
    )


def plant(world: World, clock: Clock) -> Cast:
    """Make the community in an empty world, with its talk since yesterday; answers who is who.

    It is evening there: before eight the clock is put forward to eight o'clock in Shanghai, so that
    what was said in the morning is some hours old. Last of all Lulu adds the bot to her group: that
    is the first thing the bot hears.
    """
    now = _evening(clock.now())
    clock.set(now - timedelta(hours=27))
    lulu = world.add_user("小鹿", "", "lulu_in_the_woods", "zh-hans", user_id=INFLUENCER)
    admin = world.add_user("阿杰", "", "ajie_admin", "zh-hans", user_id=ADMIN)
    visitor = world.add_user("新来的粉丝", "", None, "zh-hans", user_id=VISITOR)
    fans = tuple(
        world.add_user(first, last, username, language, user_id=FIRST_FAN + number)
        for number, (first, last, username, language) in enumerate(FANS)
    )
    bot = world.add_bot("小鹿的小助手", BOT_USERNAME, token=TOKEN)
    group = world.make_supergroup(
        "小鹿的林间小屋", lulu, [admin, *fans[:INSIDE]], username=GROUP_USERNAME
    )
    channel = world.make_channel(
        "小鹿 · 画画和唱歌", lulu, discussion=group, username=CHANNEL_USERNAME
    )
    for person in (admin, visitor, *fans[:12]):
        world.join(person, channel)
    world.promote(
        group,
        admin,
        can_delete_messages=True,
        can_restrict_members=True,
        can_pin_messages=True,
        can_invite_users=True,
    )
    for chat, number in ((group, 4), (channel, 2)):
        chat.photo = world.attach("photo", picture(number, 96, 96))["file"]
        world.touch(chat)
    people = Cast(bot, visitor, lulu, admin, fans, group, channel)
    _remember(world, clock, people, now)
    clock.set(now)
    world.start(lulu, bot)
    world.add_member(group, bot, by=lulu)
    world.promote(
        group,
        bot,
        can_delete_messages=True,
        can_restrict_members=True,
        can_pin_messages=True,
        can_invite_users=True,
        can_manage_tags=True,
    )
    return people


def _evening(now: datetime) -> datetime:
    local = now + timedelta(hours=8)
    return (
        now if local.hour >= 20 else now + timedelta(hours=20 - local.hour, minutes=-local.minute)
    )


#: Minutes before now, who speaks (a fan's number, or one of the names), what, and to what line.
_TALK: tuple[tuple[int, int | str, str, int | None], ...] = (
    (1500, "admin", "大家晚上好，群公告更新了：随便聊，互相照应，别发广告就行。", None),
    (1496, 0, "收到杰哥", 0),
    (1490, 2, "Hello from Leeds! Just found this little house in the woods 🌲", None),
    (1488, 5, "歡迎歡迎，隨便坐", 2),
    (1420, 7, "はじめまして、さくらです。新しい絵、とても好きです🌸", None),
    (1416, 11, "欢迎さくら！她的画真的越看越暖", 4),
    (1130, 6, "还有人醒着吗，刚画完作业", None),
    (1127, 10, "我也没睡，正在单曲循环《慢慢走》", 6),
    (1124, 6, "那我也去听一遍再睡，晚安", 7),
    (760, 1, "早呀，今天路上雾好大，像小鹿那张雪地", None),
    (757, 14, "早～路上慢点。糖炒栗子开张啦", 9),
    (640, "lulu", "早上好。刚把昨天那首歌的小样又听了一遍，决定把鼓去掉，留钢琴就够了。", None),
    (638, 3, "صباح الخير يا لولو 🌷", 11),
    (636, 17, "钢琴版！！那个前奏我已经脑补出来了", 11),
    (118, 8, "今天加班，回来听你们说说话就不累了", None),
    (116, 0, "辛苦啦，先去吃点热的", 14),
    (95, 12, "שלום לכולם 🌿", None),
    (93, 13, "hello from breakfast! what did everyone draw today?", None),
    (90, 24, "画了三只松鼠，两只像土豆", 17),
    (87, 19, "土豆也可爱 (´・ω・`)", 18),
    (58, "lulu", "晚上我会在群里待一会儿。请了位小助手帮忙记签到，来过的日子都替我记着 ☕", None),
    (56, 0, "哇，那我要连签一百天", 20),
    (55, 4, "小助手会不会嫌我们吵", 20),
    (54, "admin", "不会，它脾气比我好。", 22),
    (52, 9, "Привет, помощник! 🌲", None),
)  # fmt: skip
_POSTS: tuple[tuple[int, str, bool], ...] = (
    (1560, "新画：《森林邮局》之三。邮差是一只怕黑的狐狸，所以信总是傍晚就送到。", True),
    (480, "下周三晚上八点，在这里唱三首歌。不露脸，露猫。", False),
    (70, "今天试唱了《第七棵树》的第二段，还差一点点，先给你们看看封面。", True),
)
#: Which line got what from which fans.
_REACTIONS: tuple[tuple[int, str, tuple[int, ...]], ...] = (
    (0, "👍", (0, 4, 11)),
    (2, "❤", (0, 1, 7)),
    (11, "🔥", (0, 1, 17, 24)),
    (11, "❤", (3, 5)),
    (20, "🎉", (0, 2, 8, 11, 13)),
    (20, "❤", (6, 7)),
    (23, "😁", (0, 4, 14)),
)


def _remember(world: World, clock: Clock, people: Cast, now: datetime) -> None:
    """Tell the history: what the channel posted and the group said before the visitor came."""
    said: list[Message] = []
    who: dict[str, User] = {"lulu": people.influencer, "admin": people.admin}
    events: list[tuple[int, int, str]] = [
        (minutes, n, "talk") for n, (minutes, *_) in enumerate(_TALK)
    ]
    events += [(minutes, n, "post") for n, (minutes, *_) in enumerate(_POSTS)]
    for minutes, n, kind in sorted(events, key=lambda event: -event[0]):
        clock.set(now - timedelta(minutes=minutes, seconds=-(n * 7 % 50)))
        if kind == "post":
            _, text, pictured = _POSTS[n]
            if pictured:
                world.send_media(
                    people.influencer, people.channel, "photo", caption=text, data=picture(n)
                )
            else:
                world.say(people.influencer, people.channel, text)
            continue
        _, speaker, text, to = _TALK[n]
        user = who[speaker] if isinstance(speaker, str) else people.fans[speaker]
        reply_to = said[to] if to is not None else None
        said.append(world.say(user, people.group, text, reply_to=reply_to))
    for n, emoji, fans in _REACTIONS:
        for fan in fans:
            world.react(people.fans[fan], said[n], emoji)


def picture(seed: int, width: int = 480, height: int = 320) -> bytes:
    """A PNG of wooded hills and a moon at dusk; the same seed paints the same one."""
    random = Random(f"picture {seed}")
    top, low = _SKIES[seed % len(_SKIES)]
    size = height / 320
    moon = (random.uniform(0.2, 0.85) * width, random.uniform(0.16, 0.3) * height, 26 * size)
    hills = [_hill(random, layer, width, height) for layer in range(4)]
    shades = [_mixed(low, (24, 44, 40), 0.28 + 0.24 * layer) for layer in range(4)]
    stars = {(random.randrange(width), random.randrange(height // 3)) for _ in range(width // 10)}
    rows = bytearray()
    for y in range(height):
        row = bytearray(bytes(_mixed(top, low, min(1.0, y / (height * 0.62)))) * width)
        for x in range(width):
            pixel = None
            for line, shade in zip(reversed(hills), reversed(shades), strict=True):
                if y >= line[x]:
                    pixel = shade
                    break
            if pixel is None and (x - moon[0]) ** 2 + (y - moon[1]) ** 2 < moon[2] ** 2:
                pixel = (252, 241, 212)
            if pixel is None and (x, y) in stars:
                pixel = (244, 238, 226)
            if pixel is not None:
                row[3 * x : 3 * x + 3] = bytes(pixel)
        rows += b"\0" + row
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    parts = ((b"IHDR", header), (b"IDAT", zlib.compress(bytes(rows), 6)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
        for name, body in parts
    )


_SKIES = (
    ((52, 60, 104), (246, 190, 148)),
    ((38, 76, 92), (214, 226, 196)),
    ((84, 62, 104), (250, 206, 158)),
)


def _hill(random: Random, layer: int, width: int, height: int) -> list[float]:
    """The skyline of one row of hills with its firs: a height for every column."""
    size = height / 320
    waves = [
        (random.uniform(0.003, 0.014) / size, random.uniform(0, 7), random.uniform(5, 20) * size)
        for _ in range(3)
    ]
    base = height * (0.56 + 0.12 * layer)
    ground = [base + sum(a * math.sin(x * p + o) for p, o, a in waves) for x in range(width)]
    line = list(ground)
    for _ in range(26 - 5 * layer):
        foot, tall = random.randrange(width), (random.uniform(9, 16) + 7 * layer) * size
        half = tall * 0.3
        for x in range(max(0, int(foot - half)), min(width, int(foot + half) + 1)):
            away = abs(x - foot) / half
            # Three tiers of branches, each a little wider than the one above.
            tier = away + 0.12 * math.sin(away * 19)
            line[x] = min(line[x], ground[foot] - tall * max(0.0, 1 - tier))
    return line


def _mixed(one: tuple[int, int, int], two: tuple[int, int, int], part: float) -> tuple[int, ...]:
    return tuple(int(a + (b - a) * part) for a, b in zip(one, two, strict=True))
