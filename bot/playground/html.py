"""Telegram's text dialects: reads HTML and Markdown with Telegram's errors, and writes HTML."""

from __future__ import annotations

import re
from html import escape
from typing import Any
from urllib.parse import urlsplit

Entity = dict[str, Any]

_TAGS = {
    "b": "bold", "strong": "bold", "i": "italic", "em": "italic",
    "s": "strikethrough", "strike": "strikethrough", "del": "strikethrough",
    "u": "underline", "ins": "underline", "tg-spoiler": "spoiler", "span": "spoiler",
    "a": "text_link", "code": "code", "pre": "pre", "blockquote": "blockquote",
    "tg-emoji": "custom_emoji", "tg-time": "date_time",
}  # fmt: skip
_SPACE = frozenset(b" \t\r\n\0\v")
_NAMED = {b"lt": "<", b"gt": ">", b"amp": "&", b"quot": '"'}
_CHARACTER = re.compile(rb"&(?:#(?:x([0-9a-fA-F]+)|([0-9]+))|([a-zA-Z]+));?")


class ParseError(ValueError):
    """The text is not in the dialect; the sentence is Telegram's, without its prefix."""


def units(text: str) -> int:
    """Length in UTF-16 code units, as entities count."""
    return len(text) + sum(1 for character in text if character > "\uffff")


def cut(text: str, offset: int, length: int) -> str:
    """The part of the text that an entity covers."""
    raw = text.encode("utf-16-le", "surrogatepass")
    return raw[2 * offset : 2 * (offset + length)].decode("utf-16-le", "surrogatepass")


_REMOVED = re.compile("[\r\u2028-\u202e\u0333\u033f\u030a]")
_BLANKED = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f]")


def cleaned(text: str) -> str:
    """The text as Telegram keeps it: control characters become spaces, bidi marks go."""
    return _BLANKED.sub(" ", _REMOVED.sub("", text))


def trimmed(text: str, entities: list[Entity]) -> tuple[str, list[Entity]]:
    """Without the blanks around it; entities move along, and vanish with what they covered."""
    bare = text.strip()
    if bare == text:
        return text, entities
    lead = units(text[: len(text) - len(text.lstrip())])
    end = units(bare)
    kept: list[Entity] = []
    for entity in entities:
        start = max(0, entity["offset"] - lead)
        stop = min(end, entity["offset"] + entity["length"] - lead)
        if stop > start:
            kept.append({**entity, "offset": start, "length": stop - start})
    return bare, kept


def parse_html(source: str) -> tuple[str, list[Entity]]:
    """Text and entities of Telegram's HTML; `ParseError` names the byte as Telegram does."""
    raw = source.encode("utf-8", "surrogatepass")
    end = len(raw)
    out: list[str] = []
    entities: list[Entity] = []
    nested: list[tuple[str, Entity, int, int]] = []
    offset = 0
    at = 0
    while at < end:
        byte = raw[at]
        if byte not in (0x26, 0x3C):
            stop = at + 1
            while stop < end and raw[stop] not in (0x26, 0x3C):
                stop += 1
            piece = raw[at:stop].decode("utf-8", "surrogatepass")
            out.append(piece)
            offset += units(piece)
            at = stop
            continue
        if byte == 0x26:
            character, at = _character(raw, at)
            out.append(character)
            offset += units(character)
            continue
        begin = at
        if raw[at + 1 : at + 2] == b"/":
            at, entity = _close(raw, begin, nested)
            start, position = nested[-1][2], nested[-1][3]
            nested.pop()
            if offset > start and entity is not None:
                _finish(entity, start, offset, "".join(out), position, entities)
            continue
        at, tag, entity = _open(raw, begin)
        nested.append((tag, entity, offset, sum(map(len, out))))
    if nested:
        raise ParseError(f'Can\'t find end tag corresponding to start tag "{nested[-1][0]}"')
    return _tidy("".join(out), entities)


def _character(raw: bytes, at: int) -> tuple[str, int]:
    """The character that &lt; or &#39; stands for; names that Telegram ignores stay."""
    found = _CHARACTER.match(raw, at)
    if found is None:
        return "&", at + 1
    if found[3] is not None:
        known = _NAMED.get(found[3])
        return ("&", at + 1) if known is None else (known, found.end())
    code = int(found[1], 16) if found[1] is not None else int(found[2])
    if code == 0 or code >= 0x10FFFF or 0xD800 <= code <= 0xDFFF or len(found[0]) > 12:
        return "&", at + 1
    return chr(code), found.end()


def _open(raw: bytes, begin: int) -> tuple[int, str, Entity]:
    """Read a start tag: the position behind it, its name, the entity it opens."""
    end = len(raw)
    at = begin + 1
    while at < end and raw[at] not in _SPACE and raw[at] != 0x3E:
        at += 1
    if at >= end:
        raise ParseError(f"Unclosed start tag at byte offset {begin}")
    tag = raw[begin + 1 : at].decode("utf-8", "replace").lower()
    if tag not in _TAGS:
        raise ParseError(f'Unsupported start tag "{tag}" at byte offset {begin}')
    entity: Entity = {"type": _TAGS[tag]}
    while True:
        while at < end and raw[at] in _SPACE:
            at += 1
        if at >= end:
            raise ParseError(f'Unclosed start tag "{tag}" at byte offset {begin}')
        if raw[at] == 0x3E:
            break
        name_at = at
        while at < end and raw[at] not in _SPACE and raw[at] not in b"=>/\"'":
            at += 1
        name = raw[name_at:at].decode("utf-8", "replace")
        if not name:
            raise ParseError(f'Empty attribute name in the tag "{tag}" at byte offset {begin}')
        while at < end and raw[at] in _SPACE:
            at += 1
        if at >= end:
            raise ParseError(f'Unclosed start tag "{tag}" at byte offset {begin}')
        value = ""
        if raw[at] == 0x3D:
            value, at = _value(raw, at + 1, begin, tag)
        _attribute(entity, tag, name, value)
    if tag == "span" and entity.pop("class", "") != "tg-spoiler":
        raise ParseError(f'Tag "span" must have class "tg-spoiler" at byte offset {begin}')
    return at + 1, tag, entity


def _value(raw: bytes, at: int, begin: int, tag: str) -> tuple[str, int]:
    end = len(raw)
    while at < end and raw[at] in _SPACE:
        at += 1
    if at >= end:
        raise ParseError(f'Unclosed start tag "{tag}" at byte offset {begin}')
    if raw[at] not in b"\"'":
        token = at
        while at < end and ((raw[at] < 128 and chr(raw[at]).isalnum()) or raw[at] in b".-"):
            at += 1
        if at < end and raw[at] not in _SPACE and raw[at] != 0x3E:
            raise ParseError(f"Unexpected end of name token at byte offset {token}")
        if at >= end:
            raise ParseError(f'Unclosed start tag "{tag}" at byte offset {begin}')
        return raw[token:at].decode("utf-8", "replace").lower(), at
    quote = raw[at]
    at += 1
    pieces: list[str] = []
    while at < end and raw[at] != quote:
        if raw[at] == 0x26:
            character, at = _character(raw, at)
            pieces.append(character)
            continue
        stop = at
        while stop < end and raw[stop] != quote and raw[stop] != 0x26:
            stop += 1
        pieces.append(raw[at:stop].decode("utf-8", "surrogatepass"))
        at = stop
    if at + 1 >= end:
        raise ParseError(f'Unclosed start tag "{tag}" at byte offset {begin}')
    return "".join(pieces), at + 1


def _attribute(entity: Entity, tag: str, name: str, value: str) -> None:
    if tag == "a" and name == "href":
        entity["url"] = value
    elif tag == "code" and name == "class" and value.startswith("language-"):
        entity["language"] = value.removeprefix("language-")
    elif tag == "span" and name == "class":
        entity["class"] = value
    elif tag == "tg-emoji" and name == "emoji-id":
        entity["custom_emoji_id"] = value
    elif tag == "blockquote" and name == "expandable":
        entity["type"] = "expandable_blockquote"
    elif tag == "tg-time" and name == "unix":
        entity["unix_time"] = int(value) if value.lstrip("-").isdigit() else 0
    elif tag == "tg-time" and name == "format":
        entity["date_time_format"] = value


def _close(
    raw: bytes, begin: int, nested: list[tuple[str, Entity, int, int]]
) -> tuple[int, Entity | None]:
    if not nested:
        raise ParseError(f"Unexpected end tag at byte offset {begin}")
    end = len(raw)
    at = begin + 2
    while at < end and raw[at] not in _SPACE and raw[at] != 0x3E:
        at += 1
    # Telegram lower-cases start tags only: </B> does not close <b>.
    name = raw[begin + 2 : at].decode("utf-8", "replace")
    while at < end and raw[at] in _SPACE:
        at += 1
    if at >= end or raw[at] != 0x3E:
        raise ParseError(f"Unclosed end tag at byte offset {begin}")
    tag, entity = nested[-1][0], nested[-1][1]
    if name and name != tag:
        raise ParseError(
            f'Unmatched end tag at byte offset {begin}, expected "</{tag}>", found "</{name}>"'
        )
    return at + 1, entity


def _finish(
    entity: Entity, start: int, stop: int, text: str, position: int, entities: list[Entity]
) -> None:
    """Put a closed tag's entity down, as Telegram would read it."""
    entity = {"type": entity["type"], "offset": start, "length": stop - start, **entity}
    kind = entity["type"]
    if kind == "text_link":
        target = checked_link(entity.pop("url", "") or text[position:])
        if target is None:
            return
        if isinstance(target, int):
            entity["type"], entity["user_id"] = "text_mention", target
        else:
            entity["url"] = target
    elif kind == "custom_emoji" and not entity.get("custom_emoji_id", "").isdigit():
        raise ParseError("Invalid custom emoji identifier specified")
    elif kind == "code":
        language = entity.pop("language", None)
        if language is not None:
            # In <pre><code class="language-x"> the code tells the pre around it its language.
            entity["wants_language"] = language
    elif kind == "pre" and entities:
        last = entities[-1]
        if last["type"] == "code" and last["offset"] == start and last["length"] == stop - start:
            entities.pop()
            if "wants_language" in last:
                entity["language"] = last["wants_language"]
    entities.append(entity)


def checked_link(target: str) -> str | int | None:
    """The address as Telegram keeps it, a user id for tg://user?id=, None for what is no link."""
    found = re.fullmatch(r"tg:(?://)?user\?id=([0-9]{1,19})", target.strip())
    if found:
        return int(found[1])
    address = target.strip()
    if not address:
        return None
    if re.match(r"(?i)(?:tg|ton|tonsite):", address):
        return address
    if not re.match(r"(?i)https?://", address):
        if (
            re.match(r"(?i)[a-z][a-z0-9+.-]*://", address)
            or ":" in address.split("/")[0].split(".")[-1]
        ):
            return None
        address = f"http://{address}"
    try:
        parts = urlsplit(address)
        port = parts.port
    except ValueError:
        return None
    host = parts.hostname or ""
    if port == 0 or ("." not in host and host != "localhost") or any(c.isspace() for c in host):
        return None
    path = parts.path or "/"
    tail = path + (f"?{parts.query}" if parts.query else "")
    tail += f"#{parts.fragment}" if parts.fragment else ""
    return f"{parts.scheme.lower()}://{parts.netloc.lower()}{tail.replace(' ', '%20')}"


def _tidy(text: str, entities: list[Entity]) -> tuple[str, list[Entity]]:
    """Order the entities as Telegram lists them; plain code loses the language it may not have."""
    for entity in entities:
        entity.pop("wants_language", None)
    entities.sort(key=lambda e: (e["offset"], -e["length"], _RANK.get(e["type"], 50)))
    return text, entities


_RANK = {
    "blockquote": 0, "expandable_blockquote": 0, "pre": 1, "code": 2, "text_link": 3,
    "text_mention": 3, "bold": 5, "italic": 6, "underline": 7, "strikethrough": 8,
    "spoiler": 9, "custom_emoji": 10,
}  # fmt: skip

_MARKS = {"*": "bold", "_": "italic", "__": "underline", "~": "strikethrough", "||": "spoiler"}
_RESERVED = "_*[]()~`>#+-=|{}.!"


def parse_markdown(source: str) -> tuple[str, list[Entity]]:
    """Text and entities of MarkdownV2; raises `ParseError` where Telegram would."""
    out: list[str] = []
    entities: list[Entity] = []
    nested: list[tuple[str, int, int, int]] = []
    offset = 0
    at = 0
    while at < len(source):
        char = source[at]
        if char == "\\" and at + 1 < len(source) and ord(source[at + 1]) <= 126:
            out.append(source[at + 1])
            offset += 1
            at += 2
            continue
        inside = nested[-1][0] if nested else ""
        if inside in ("```", "`"):
            if source.startswith(inside, at):
                mark, start, begin, _ = nested.pop()
                at += len(mark)
                if offset > start:
                    entities.append(_code(mark, out, start, offset, begin))
                continue
        else:
            mark = next(
                (m for m in ("```", "`", "__", "||", "*", "_", "~") if source.startswith(m, at)), ""
            )
            if mark in ("```", "`"):
                at += len(mark)
                language = ""
                if mark == "```":
                    found = re.match(r"([^\s`]+)?\n?", source[at:])
                    if found and found[0].endswith("\n"):
                        language = found[1] or ""
                        at += found.end()
                nested.append((mark, offset, at, len(out)))
                if language:
                    entities.append({"type": "language", "language": language, "offset": offset})
                continue
            if mark:
                at += len(mark)
                if inside == mark:
                    _, start, _, _ = nested.pop()
                    if offset > start:
                        entities.append(
                            {"type": _MARKS[mark], "offset": start, "length": offset - start}
                        )
                else:
                    nested.append((mark, offset, at - len(mark), len(out)))
                continue
            if char == "[" or source.startswith("![", at):
                emoji = char == "!"
                at += 2 if emoji else 1
                nested.append(("![" if emoji else "[", offset, at, len(out)))
                continue
            if char == "]" and inside in ("[", "!["):
                opened, start, _, position = nested.pop()
                at += 1
                target = ""
                if source.startswith("(", at):
                    close = source.find(")", at)
                    if close < 0:
                        byte = len(source[:at].encode())
                        raise ParseError(f"Can't find end of a URL at byte offset {byte}")
                    target = source[at + 1 : close]
                    at = close + 1
                link = checked_link(target or "".join(out[position:]))
                entity: Entity = {"type": "text_link", "offset": start, "length": offset - start}
                if opened == "![":
                    number = target.partition("id=")[2]
                    if not number.isdigit():
                        raise ParseError("Invalid custom emoji identifier specified")
                    entities.append({**entity, "type": "custom_emoji", "custom_emoji_id": number})
                elif isinstance(link, int):
                    entities.append({**entity, "type": "text_mention", "user_id": link})
                elif link is not None and offset > start:
                    entities.append({**entity, "url": link})
                continue
            if char == ">" and (not out or out[-1] == "\n"):
                stop = _quote_end(source, at)
                text, inner = parse_markdown(
                    "\n".join(line.removeprefix(">") for line in source[at:stop].split("\n"))
                )
                entities += [{**e, "offset": e["offset"] + offset} for e in inner]
                entities.append({"type": "blockquote", "offset": offset, "length": units(text)})
                out += text
                offset += units(text)
                at = stop
                continue
            if char in _RESERVED:
                raise ParseError(
                    f"Character '{char}' is reserved and must be escaped with the preceding '\\'"
                )
        out.append(char)
        offset += units(char)
        at += 1
    if nested:
        names = {**_MARKS, "`": "Code", "```": "PreCode", "[": "TextUrl", "![": "CustomEmoji"}
        name = names[nested[-1][0]]
        byte = len(source[: nested[-1][2]].encode())
        raise ParseError(
            f"Can't find end of {name[0].upper()}{name[1:]} entity at byte offset {byte}"
        )
    languages = {e["offset"]: e["language"] for e in entities if e["type"] == "language"}
    kept = [e for e in entities if e["type"] != "language"]
    for entity in kept:
        if entity["type"] == "pre" and entity["offset"] in languages:
            entity["language"] = languages[entity["offset"]]
    return _tidy("".join(out), kept)


_OLD_MARKS = {"*": "bold", "_": "italic", "`": "code", "```": "pre", "[": "text_link"}


def parse_old_markdown(source: str) -> tuple[str, list[Entity]]:
    """Text and entities of the first Markdown mode, which old bots still use; nothing nests."""
    out: list[str] = []
    entities: list[Entity] = []
    offset = 0
    at = 0
    while at < len(source):
        if source[at] == "\\" and source[at + 1 : at + 2] in ("_", "*", "`", "["):
            out.append(source[at + 1])
            offset += 1
            at += 2
            continue
        mark = next((m for m in ("```", "*", "_", "`", "[") if source.startswith(m, at)), "")
        if not mark:
            out.append(source[at])
            offset += units(source[at])
            at += 1
            continue
        close = source.find("]" if mark == "[" else mark, at + len(mark))
        if close < 0:
            byte = len(source[:at].encode())
            raise ParseError(f"Can't find end of the entity starting at byte offset {byte}")
        inner = source[at + len(mark) : close]
        at = close + len(mark)
        entity: Entity = {"type": _OLD_MARKS[mark], "offset": offset}
        if mark == "```":
            language, newline, code = inner.partition("\n")
            if newline and re.fullmatch(r"[^\s`]*", language):
                inner = code
                entity |= {"language": language} if language else {}
        target: str | int | None = None
        if mark == "[" and source.startswith("(", at):
            end = source.find(")", at)
            end = len(source) if end < 0 else end
            target = checked_link(source[at + 1 : end])
            at = end + 1
        if mark == "[":
            field = "user_id" if isinstance(target, int) else "url"
            entity |= {"type": "text_mention"} if isinstance(target, int) else {}
            entity[field] = target
        entity["length"] = units(inner)
        if inner and (mark != "[" or target is not None):
            entities.append(entity)
        out.append(inner)
        offset += units(inner)
    return _tidy("".join(out), entities)


def _code(mark: str, out: list[str], start: int, offset: int, begin: int) -> Entity:
    return {"type": "pre" if mark == "```" else "code", "offset": start, "length": offset - start}


def _quote_end(source: str, at: int) -> int:
    while True:
        line = source.find("\n", at)
        if line < 0:
            return len(source)
        if not source.startswith(">", line + 1):
            return line
        at = line + 1


_FIND = re.compile(
    r"(?P<bot_command>(?<![\w/<>])/[A-Za-z0-9_]{1,64}(?:@[A-Za-z0-9_]{3,32})?(?![\w/<>]))"
    r"|(?P<url>(?:https?://|(?<![\w@.])(?:t\.me|www\.[\w-]+\.\w{2,})(?=[/\s]|$))[^\s<>\"，。、！？）】]*[^\s<>\".,!?;:'，。、！？）】]?)"
    r"|(?P<email>(?<![\w.])[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+\.[A-Za-z]{2,}\b)"
    r"|(?P<mention>(?<![\w@])@[A-Za-z0-9_]{3,32}(?![\w@]))"
    r"|(?P<hashtag>(?<![\w#])#(?=\w*[^\W\d_])\w{1,256})"
    r"|(?P<cashtag>(?<![\w$])\$[A-Z]{1,8}(?![\w$]))"
)


def find_entities(text: str, known: list[Entity]) -> list[Entity]:
    """Commands, mentions, hashtags and links that Telegram marks by itself, beside those known."""
    if not any(mark in text for mark in "/@#$."):
        return known
    code = [e for e in known if e["type"] in ("code", "pre", "text_link")]
    found: list[Entity] = []
    for match in _FIND.finditer(text):
        kind = match.lastgroup or ""
        start = units(text[: match.start()])
        stop = start + units(match[0])
        entity = {"type": kind, "offset": start, "length": stop - start}
        if any(e["offset"] < stop and start < e["offset"] + e["length"] for e in code):
            continue
        found.append(entity)
    return _tidy(text, known + found)[1] if found else known


_WRITE = {
    "bold": ("<b>", "</b>"), "italic": ("<i>", "</i>"), "underline": ("<u>", "</u>"),
    "strikethrough": ("<s>", "</s>"), "spoiler": ("<tg-spoiler>", "</tg-spoiler>"),
    "code": ("<code>", "</code>"), "blockquote": ("<blockquote>", "</blockquote>"),
    "expandable_blockquote": ("<blockquote expandable>", "</blockquote>"),
}  # fmt: skip


def render(text: str, entities: list[Entity]) -> str:
    """Telegram's HTML of a text with entities; what needs no tag (commands, hashtags) gets none."""
    shown = [e for e in entities if e["type"] in _WRITE or _special(e) is not None]
    if not shown:
        return escape(text, quote=False)
    raw = text.encode("utf-16-le", "surrogatepass")

    def piece(start: int, stop: int) -> str:
        part = raw[2 * start : 2 * stop].decode("utf-16-le", "surrogatepass")
        return escape(part, quote=False)

    ordered = sorted(shown, key=lambda e: (e["offset"], -e["length"], _RANK.get(e["type"], 50)))
    out: list[str] = []
    open_until: list[tuple[int, str]] = []
    at = 0
    for entity in ordered:
        start, stop = entity["offset"], entity["offset"] + entity["length"]
        while open_until and open_until[-1][0] <= start:
            until, close = open_until.pop()
            out += (piece(at, until), close)
            at = until
        out.append(piece(at, start))
        at = start
        if open_until:
            stop = min(stop, open_until[-1][0])
        before, after = _WRITE.get(entity["type"]) or _special(entity) or ("", "")
        out.append(before)
        open_until.append((stop, after))
    while open_until:
        until, close = open_until.pop()
        out += (piece(at, until), close)
        at = until
    out.append(piece(at, len(raw) // 2))
    return "".join(out)


def _special(entity: Entity) -> tuple[str, str] | None:
    kind = entity["type"]
    if kind == "text_link":
        return f'<a href="{escape(entity["url"])}">', "</a>"
    if kind == "text_mention":
        return f'<a href="tg://user?id={entity["user_id"]}">', "</a>"
    if kind == "pre":
        language = entity.get("language")
        if language:
            return f'<pre><code class="language-{escape(language)}">', "</code></pre>"
        return "<pre>", "</pre>"
    if kind == "custom_emoji":
        return f'<tg-emoji emoji-id="{entity["custom_emoji_id"]}">', "</tg-emoji>"
    return None
