"""Where people say they live, and which clock hangs there."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from typing import Final
from zoneinfo import available_timezones

# What is offered at a tap: the key of the button, and the zone.
OFFERED: Final[Mapping[str, str]] = {
    "zone_beijing": "Asia/Shanghai",
    "zone_taipei": "Asia/Taipei",
    "zone_singapore": "Asia/Singapore",
    "zone_tokyo": "Asia/Tokyo",
    "zone_london": "Europe/London",
    "zone_newyork": "America/New_York",
    "zone_losangeles": "America/Los_Angeles",
    "zone_sydney": "Australia/Sydney",
}

# Cities that zoneinfo does not name, or that people write in Chinese.
_NAMES: Final[Mapping[str, str]] = {
    "Asia/Shanghai": "中国 中國 大陆 北京 上海 广州 廣州 深圳 成都 重庆 重慶 杭州 南京 武汉 武漢"
    " 西安 苏州 蘇州 天津 长沙 長沙 郑州 鄭州 青岛 青島 沈阳 瀋陽 大连 大連 厦门 廈門 福州 昆明"
    " 合肥 济南 濟南 哈尔滨 哈爾濱 长春 長春 宁波 寧波 东莞 東莞 佛山 beijing shenzhen guangzhou"
    " chengdu hangzhou china",
    "Asia/Urumqi": "乌鲁木齐 烏魯木齊",
    "Asia/Hong_Kong": "香港 hongkong hk",
    "Asia/Macau": "澳门 澳門",
    "Asia/Taipei": "台湾 台灣 臺灣 台北 臺北 高雄 台中 taiwan",
    "Asia/Singapore": "新加坡",
    "Asia/Kuala_Lumpur": "吉隆坡 马来西亚 馬來西亞 malaysia",
    "Asia/Tokyo": "日本 东京 東京 大阪 京都 名古屋 osaka kyoto japan",
    "Asia/Seoul": "韩国 韓國 首尔 首爾 釜山 busan korea",
    "Asia/Bangkok": "泰国 泰國 曼谷 清迈 清邁 thailand",
    "Asia/Ho_Chi_Minh": "越南 胡志明 河内 河內 hanoi saigon vietnam",
    "Asia/Manila": "菲律宾 菲律賓 马尼拉 馬尼拉",
    "Asia/Jakarta": "雅加达 雅加達 印尼",
    "Asia/Kolkata": "印度 新德里 孟买 孟買 delhi mumbai india",
    "Asia/Dubai": "迪拜 杜拜",
    "Europe/London": "英国 英國 伦敦 倫敦 曼彻斯特 manchester uk england",
    "Europe/Paris": "法国 法國 巴黎 france",
    "Europe/Berlin": "德国 德國 柏林 慕尼黑 法兰克福 法蘭克福 munich frankfurt germany",
    "Europe/Madrid": "西班牙 马德里 馬德里 巴塞罗那 barcelona spain",
    "Europe/Rome": "意大利 義大利 罗马 羅馬 米兰 米蘭 milan italy",
    "Europe/Amsterdam": "荷兰 荷蘭 阿姆斯特丹",
    "Europe/Moscow": "俄罗斯 俄羅斯 莫斯科",
    "America/New_York": "纽约 紐約 波士顿 波士頓 华盛顿 華盛頓 费城 boston washington nyc",
    "America/Chicago": "芝加哥 休斯顿 休士頓 达拉斯 達拉斯 houston dallas",
    "America/Denver": "丹佛",
    "America/Los_Angeles": "洛杉矶 洛杉磯 旧金山 舊金山 西雅图 西雅圖 圣地亚哥 拉斯维加斯"
    " seattle sanfrancisco la sf",
    "America/Toronto": "多伦多 多倫多 蒙特利尔 montreal",
    "America/Vancouver": "温哥华 溫哥華",
    "Australia/Sydney": "悉尼 雪梨",
    "Australia/Melbourne": "墨尔本 墨爾本",
    "Australia/Perth": "珀斯 伯斯",
    "Pacific/Auckland": "新西兰 紐西蘭 奥克兰 奧克蘭",
}
_BEFORE: Final = r"(?:我在|我住在?|I(?:'|’| A)?M IN |I LIVE IN )\s*"
_AFTER: Final = r"市?[。.!！]?"


def zone_of_city(text: str) -> str | None:
    """The zone of a city or a country of one zone; also a zone's own name.

    >>> zone_of_city("东京"), zone_of_city("New York"), zone_of_city("asia/tokyo")
    ('Asia/Tokyo', 'America/New_York', 'Asia/Tokyo')
    >>> zone_of_city("Nowhere") is None
    True
    """
    return _known().get(_fold(text))


def said() -> str:
    """A pattern of what somebody says who was asked, in private: only with a place that we know,
    since 我在 begins many sentences. A start payload can hold no such thing."""
    names = {name.rpartition("/")[2] for name in _known().values()} | set(_known())
    spelled = sorted((re.escape(name.upper()) for name in names), key=len, reverse=True)
    return f"{_BEFORE}(?:{'|'.join(one.replace('_', '[ _]?') for one in spelled)}){_AFTER}"


def city_said(text: str) -> str:
    """The place in what somebody said.

    >>> city_said("我在东京！"), city_said("I'm in Paris")
    ('东京', 'Paris')
    """
    found = re.fullmatch(f"{_BEFORE}(.+?){_AFTER}", text, re.IGNORECASE)
    return found[1] if found is not None else text


def _fold(text: str) -> str:
    return re.sub(r"[\s_\-市]", "", text).lower()


@cache
def _known() -> Mapping[str, str]:
    zones = sorted(name for name in available_timezones() if "/" in name)
    known = {_fold(name): name for name in zones}
    for name in zones:
        if not name.startswith(("Etc/", "SystemV/", "US/", "posix/", "right/")):
            known.setdefault(_fold(name.rpartition("/")[2]), name)
    for zone, names in _NAMES.items():
        known |= dict.fromkeys(names.split(), zone)
    return known
