"""Pictures that rooms draw, as PNG: made beside the loop, kept for a while, or honestly refused."""

from __future__ import annotations

import asyncio
import hashlib
import os
import sys
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

import structlog

log = structlog.get_logger(__name__)

Draw = Callable[[Mapping[str, Any], str], str]

PAINTER: Final = Path(__file__).with_name("painter.py")
PATIENCE: Final = 20.0  # seconds
KEPT: Final = 200  # pictures of some 50 kB
AT_ONCE: Final = 1  # a storm of pictures must leave the other core to the fans who wait
# Fonts that know Chinese, the best first: the beginning of a file's name, and the family in it.
FONTS: Final = (
    ("NotoSansCJK-Regular", "Noto Sans CJK SC"),
    ("NotoSansCJKsc-Regular", "Noto Sans CJK SC"),
    ("NotoSansSC", "Noto Sans SC"),
    ("SourceHanSansSC-Regular", "Source Han Sans SC"),
    ("SourceHanSansCN-Regular", "Source Han Sans CN"),
    ("SourceHanSans", "Source Han Sans"),
    ("PingFang", "PingFang SC"),
    ("msyh", "Microsoft YaHei"),
    ("wqy-microhei", "WenQuanYi Micro Hei"),
    ("wqy-zenhei", "WenQuanYi Zen Hei"),
    ("DroidSansFallback", "Droid Sans Fallback"),
)
BOLD: Final = ("NotoSansCJK-Bold", "NotoSansCJKsc-Bold", "SourceHanSansSC-Bold", "msyhbd")
SUFFIXES: Final = (".ttc", ".otf", ".ttf")


@dataclass(frozen=True, slots=True)
class Fonts:
    """The family that texts are set in, and its files."""

    family: str
    files: tuple[str, ...]


def font_folders() -> Iterator[Path]:
    """Where this kind of machine keeps its fonts."""
    if sys.platform == "win32":
        yield Path(os.environ.get("WINDIR", "C:/Windows")) / "Fonts"
    elif sys.platform == "darwin":
        yield from (Path("/System/Library/Fonts"), Path("/Library/Fonts"))
        yield Path.home() / "Library/Fonts"
    else:
        yield from (Path("/usr/share/fonts"), Path("/usr/local/share/fonts"))
        yield from (Path.home() / ".local/share/fonts", Path.home() / ".fonts")


def find_fonts(folders: Sequence[Path]) -> Fonts | None:
    """The best font for Chinese in these folders; None where there is none."""
    files = {
        path.stem: path
        for folder in folders
        if folder.is_dir()
        for path in sorted(folder.rglob("*"))
        if path.suffix.lower() in SUFFIXES
    }
    for stem, family in FONTS:
        plain = next((path for name, path in files.items() if name.startswith(stem)), None)
        if plain is not None:
            bold = next(
                (files[name] for name in BOLD if name[:9] == stem[:9] and name in files), None
            )
            return Fonts(family, (str(plain), *([str(bold)] if bold is not None else [])))
    return None


@dataclass(slots=True)
class Pictures:
    """Draws by name; *draws* are the rooms' own, pure functions from facts and locale to an SVG."""

    draws: Mapping[str, Draw]
    fonts: Fonts | None
    _kept: OrderedDict[str, bytes] = field(default_factory=OrderedDict)
    _turns: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(AT_ONCE))

    @classmethod
    def open(cls, draws: Mapping[str, Draw]) -> Pictures:
        """With what this machine has: without a font or the library no picture is promised."""
        if find_spec("resvg_py") is None:
            log.warning("no pictures, texts instead: resvg-py is not installed")
            return cls(draws, None)
        fonts = find_fonts(list(font_folders()))
        if fonts is None:
            log.warning("no pictures, texts instead: no Chinese font found, such as Noto Sans CJK")
        return cls(draws, fonts)

    def can(self, name: str) -> bool:
        """Whether a picture of that name can be drawn here."""
        return self.fonts is not None and name in self.draws

    async def paint(self, name: str, facts: Mapping[str, Any], locale: str) -> bytes:
        """The PNG; raises ValueError for what cannot be drawn, TimeoutError where it takes long."""
        if self.fonts is None or name not in self.draws:
            raise ValueError(f"nobody draws {name} here")
        svg = self.draws[name](facts, locale)
        key = hashlib.sha256(svg.encode()).hexdigest()
        if key not in self._kept:
            async with self._turns:
                if key not in self._kept:  # somebody before us in the queue wanted the same
                    self._kept[key] = await _render(svg, self.fonts)
            while len(self._kept) > KEPT:
                self._kept.popitem(last=False)
        self._kept.move_to_end(key)
        return self._kept[key]


async def _render(svg: str, fonts: Fonts) -> bytes:
    """Let the painter draw it; raises ValueError with its last words when it cannot."""
    painter = await asyncio.create_subprocess_exec(
        *(sys.executable, "-I", str(PAINTER), fonts.family, *fonts.files),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        png, words = await asyncio.wait_for(painter.communicate(svg.encode()), PATIENCE)
    except BaseException:
        if painter.returncode is None:
            painter.kill()
            await painter.wait()
        raise
    if painter.returncode != 0:
        raise ValueError(words.decode(errors="replace").strip().rpartition("\n")[2])
    return png
