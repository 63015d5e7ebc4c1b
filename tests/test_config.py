"""Settings: where they come from, what stops the start, and with which words."""

from __future__ import annotations

import tomllib
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr, ValidationError

from bot.config import (
    ConfigError,
    Persona,
    Settings,
    Storage,
    Telegram,
    load,
    names,
)

ROOT = Path(__file__).parent.parent
TOKEN = "123456789:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw9"
OTHER = "987654321:BBHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw9"


@pytest.fixture
def written(tmp_path: Path) -> Path:
    return tmp_path / "settings.toml"


def mistake(text: str, path: Path, **environ: str) -> str:
    """Return what the start says about this file under this environment."""
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError) as refused:
        load(path, environ)
    return str(refused.value)


# ── where a value comes from ──────────────────────────────────────────────────────────────────


def test_the_environment_wins_over_the_file_and_the_file_over_the_default(written: Path) -> None:
    written.write_text('[web]\nport = 1000\nhost = "0.0.0.0"\n', encoding="utf-8")
    settings = load(written, {"RENQING_WEB__PORT": "2000"})
    assert (settings.web.port, settings.web.host) == (2000, "0.0.0.0")
    assert settings.playground.port == 8090


def test_a_section_given_by_half_keeps_the_other_half_of_its_defaults(written: Path) -> None:
    written.write_text("[telegram]\nrate = 25\n", encoding="utf-8")
    assert load(written, {}).telegram.api_base == "https://api.telegram.org"


def test_bot_token_is_accepted_and_ours_wins(written: Path) -> None:
    def token(**environ: str) -> str:
        return load(None, environ).telegram.token.get_secret_value()

    assert token(BOT_TOKEN=TOKEN) == TOKEN
    assert token(BOT_TOKEN=TOKEN, RENQING_TELEGRAM__TOKEN=OTHER) == OTHER
    assert token(BOT_TOKEN=TOKEN, RENQING_TELEGRAM__TOKEN="") == TOKEN
    written.write_text(f'[telegram]\ntoken = "{OTHER}"', encoding="utf-8")
    assert load(written, {"BOT_TOKEN": TOKEN}).telegram.token.get_secret_value() == TOKEN


def test_an_empty_bot_token_is_as_good_as_none(written: Path) -> None:
    """Compose files pass ``BOT_TOKEN=`` when nobody set it."""
    written.write_text(f'[telegram]\ntoken = "{OTHER}"', encoding="utf-8")
    assert load(written, {"BOT_TOKEN": ""}).telegram.token.get_secret_value() == OTHER


@pytest.mark.parametrize("text", ["1, 22", "[1, 22]", "1,22,"])
def test_a_list_in_the_environment_may_be_json_or_have_commas(text: str) -> None:
    assert load(None, {"RENQING_TELEGRAM__OWNERS": text}).telegram.owners == (1, 22)


def test_the_case_of_a_variable_does_not_matter() -> None:
    assert load(None, {"renqing_web__port": "81"}).web.port == 81


def test_variables_of_others_are_none_of_our_business() -> None:
    assert load(None, {"PATH": "/bin", "RENQINGX": "1", "XRENQING_WEB__PORT": "x"}) == Settings()


def test_without_a_file_the_defaults_rule(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert load(None, {}) == Settings()


def test_a_file_lying_here_is_read_without_being_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "config.toml").write_text("[web]\nport = 4711\n", encoding="utf-8")
    assert load(None, {}).web.port == 4711


def test_settings_made_by_hand_read_no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RENQING_WEB__PORT", "1")
    monkeypatch.setenv("WEB", '{"port": 2}')
    assert Settings(storage=Storage(url="sqlite:///x.db")).web.port == 8080


def test_each_bot_has_its_face_and_takes_from_the_common_one_what_it_leaves_out(
    written: Path,
) -> None:
    written.write_text(
        f"""
        [telegram]
        token = "{TOKEN}"
        [community]
        zone = "Asia/Tokyo"
        [persona]
        calls_fans = "小伙伴"
        [[telegram.bots]]
        token = "{OTHER}"
        name = "mia"
        persona = {{ name = "Mia" }}
        community = {{ locale = "en" }}
        """,
        encoding="utf-8",
    )
    first, second = load(written, {}).faces()
    assert (first.id, first.persona.name, first.community.locale) == (123456789, "", "zh")
    assert (second.id, second.name, second.persona.name) == (987654321, "mia", "Mia")
    assert second.persona.calls_fans == "小伙伴"
    assert (second.community.zone, second.community.locale) == ("Asia/Tokyo", "en")
    assert second.persona.words() == {"key": "lulu", "name": "Mia", "calls_fans": "小伙伴"}


def test_bots_may_come_from_the_environment() -> None:
    settings = load(None, {"RENQING_TELEGRAM__BOTS": f'[{{"token": "{OTHER}", "name": "mia"}}]'})
    assert [face.name for face in settings.faces()] == ["mia"]


# ── what stops the start ──────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("[telegram]\ntokn = 'x'", "telegram.tokn is not a setting; did you mean telegram.token?"),
        ("[wbe]\nport = 1", "wbe is not a setting; did you mean web?"),
        ("[web]\ntoken = 'x'", "web.token is not a setting; did you mean telegram.token?"),
        ("[storage]\nuri = 'x'", "storage.uri is not a setting; did you mean storage.url?"),
        ("port = 1", "port is not a setting; did you mean web.port?"),
        ("[qqq]\nx = 1", "qqq is not a setting"),
        (
            f"[[telegram.bots]]\ntoken = '{TOKEN}'\nnmae = 'x'",
            "telegram.bots[1].nmae is not a setting; did you mean name?",
        ),
        (
            f"[[telegram.bots]]\ntoken = '{TOKEN}'\npersona = {{ self_ = 'x' }}",
            "telegram.bots[1].persona.self_ is not a setting; did you mean self?",
        ),
    ],
)
def test_an_unknown_key_stops_the_start_and_names_the_nearest(
    text: str, sentence: str, written: Path
) -> None:
    assert mistake(text, written) == f"{sentence} (in {written})"


@pytest.mark.parametrize(
    ("variable", "meant"),
    [
        ("RENQING_TELEGRAM__TOKN", "RENQING_TELEGRAM__TOKEN"),
        ("RENQING_TELEGRAM_TOKEN", "RENQING_TELEGRAM__TOKEN"),
        ("RENQING_TOKEN", "RENQING_TELEGRAM__TOKEN"),
        ("RENQING_DATABASE__URL", "RENQING_STORAGE__URL"),
        ("renqing_web__prot", "RENQING_WEB__PORT"),
    ],
)
def test_an_unknown_variable_stops_the_start_and_names_the_nearest(
    variable: str, meant: str
) -> None:
    with pytest.raises(ConfigError) as refused:
        load(None, {variable: "s3cret"})
    hint = str(refused.value).removeprefix(f"{variable} is not a setting; did you mean ")
    assert hint.removesuffix("?").rpartition("__")[2] == meant.rpartition("__")[2]


@given(section=st.text(max_size=12), key=st.text(max_size=12))
def test_whatever_variable_is_invented_it_is_refused_kindly(section: str, key: str) -> None:
    name = f"RENQING_{section}__{key}"
    if name.upper() not in {f"RENQING_{n.replace('.', '__')}".upper() for n in names()}:
        with pytest.raises(ConfigError, match="is not a setting"):
            load(None, {name: "s3cret-value"})


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("[web]\nport = 'x'", "web.port must be a whole number"),
        ("[web]\nport = 99999", "web.port must be at most 65535"),
        ("[web]\nport = 1.5", "web.port must be a whole number"),
        ("[web]\nremembered = 3", "web.remembered must be true or false"),
        ("[web]\nhost = 1", 'web.host must be text in quotes: "…"'),
        ("[web]\nhost = ''", "web.host must be given: it is empty"),
        ("[web]\npublic_url = 'x'", "web.public_url must be an address that starts with https://"),
        ("web = 5", "web must be a table: [section] with keys below it"),
        ("[telegram]\nrate = 0", "telegram.rate must be at least 1"),
        ("[telegram]\nowners = 5", "telegram.owners must be a list: […]"),
        ("[telegram]\nowners = ['@lin']", "telegram.owners[1] must be a whole number"),
        ("[telegram]\nreceive = 'hook'", 'telegram.receive must be "polling" or "webhook"'),
        ("[telegram]\nwebhook_path = 'x'", "telegram.webhook_path must be a path that starts"),
        ("[telegram]\nwebhook_secret = 'ü'", "telegram.webhook_secret must be 1 to 256 letters"),
        ("[[telegram.bots]]\nname = 'x'", "telegram.bots[1].token must be given: it is missing"),
        ("[[telegram.bots]]\ntoken = ''", "telegram.bots[1].token must be the token that"),
        ("[telegram]\ntoken = 'hunter2'", "telegram.token does not look like a bot token"),
        ("[telegram]\napi_base = ''", "telegram.api_base must be the address of a Bot API server"),
        ("[storage]\nurl = 'fans.db'", "storage.url must be sqlite:///path/to/file.db or"),
        ("[storage]\nurl = 'sqlite://'", "storage.url must name a file: sqlite:///renqing.db"),
        ("[storage]\nurl = 'mysql://x/y'", "storage.url must be sqlite:///path/to/file.db or"),
        ("[storage]\nurl = 'sqlite+aiosqlite:///x'", "storage.url names a driver;"),
        ("[redis]\nurl = 'localhost'", "redis.url must be empty (no Redis) or start with"),
        ("[community]\nzone = 'Asia/Shangai'", "community.zone must be the name of a time zone; "),
        ("[community]\nzone = '/etc/passwd'", "community.zone must be the name of a time zone"),
        ("[community]\nlocale = 'fr'", 'community.locale must be "zh", "zh-TW" or "en"'),
        ("[log]\nlevel = 'loud'", 'log.level must be "debug", "info", "warning" or "error"'),
        ("[beacon]\nrelays = ['x']", "beacon.relays[1] must be an address"),
        ("[playground]\nhost = '0.0.0.0'", "playground.host must be 127.0.0.1, ::1 or localhost"),
        ("[retention]\ntext_days = -1", "retention.text_days must be at least 0"),
        ("[telegram]\nreceive = 'webhook'", "web.public_url is missing"),
        (
            "[web]\npublic_url = 'https://x.org'\n[telegram]\nreceive = 'webhook'",
            "telegram.webhook_secret is missing",
        ),
        ("[web]\nremembered = true\nhost = '0.0.0.0'", "web.remembered shows what fans wrote"),
        (
            f"[telegram]\ntoken = '{TOKEN}'\n[[telegram.bots]]\ntoken = '{TOKEN}'",
            "telegram.bots names the same bot twice",
        ),
    ],
)
def test_a_wrong_value_is_named_with_what_was_expected(
    text: str, sentence: str, written: Path
) -> None:
    said = mistake(text, written)
    assert said.startswith(sentence)
    assert len(said.splitlines()) == 1


def test_all_mistakes_are_told_at_once(written: Path) -> None:
    said = mistake("[web]\nport = 'x'\nhots = 'y'\n[log]\nlevel = 1", written)
    assert [line.split()[0] for line in said.splitlines()] == ["web.port", "web.hots", "log.level"]


def test_a_mistake_names_the_variable_that_brought_it(written: Path) -> None:
    said = mistake("[web]\nport = 1", written, RENQING_WEB__PORT="many")
    assert said == "web.port must be a whole number (set by RENQING_WEB__PORT)"
    said = mistake("", written, BOT_TOKEN="abc")
    assert said.endswith("(set by BOT_TOKEN)")


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("[web]\nport 1\n", "2:6"),
        ("[web]\nhost = local\n", "2:8"),
        ("[telegram]\ntoken = 123456:abc\n", "2:15"),
        ("[web]\nport = 1\nport = 2\n", "3:9"),
    ],
)
def test_a_slip_in_the_file_is_told_with_its_place(text: str, place: str, written: Path) -> None:
    assert mistake(text, written).startswith(f"{written}:{place}: ")


def test_a_file_that_ends_too_early_is_told(written: Path) -> None:
    assert mistake('[web]\nhost = "local', written).startswith(f"{written}, at its end: ")


def test_a_file_that_is_no_text_is_told(written: Path) -> None:
    written.write_bytes("[persona]\nname = '森林'".encode("gbk"))
    with pytest.raises(ConfigError, match="not UTF-8"):
        load(written, {})
    written.write_bytes(b"\xef\xbb\xbf[web]\nport = 1")
    with pytest.raises(ConfigError, match="byte order mark"):
        load(written, {})


def test_a_file_that_was_asked_for_must_be_there(tmp_path: Path) -> None:
    for path in (tmp_path / "none.toml", tmp_path):
        with pytest.raises(ConfigError, match="is not there, or is not a file"):
            load(path, {})


# ── secrets ───────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("name", [name for name in names() if name != "telegram.bots"])
def test_no_error_repeats_a_value(name: str, written: Path) -> None:
    section, key = name.split(".")
    value = "hunter2-Tr0ub4dor{}"
    for wrong in (f"[{section}]\n{key} = '{value}'", f"[{section}]\n{key} = [['{value}']]"):
        written.write_text(wrong, encoding="utf-8")
        try:
            load(written, {})
        except ConfigError as refused:
            chain: BaseException | None = refused
            while chain is not None:
                assert "hunter2" not in f"{chain} {chain!r}"
                chain = chain.__cause__ or chain.__context__


def test_a_printed_setting_shows_no_secret() -> None:
    settings = Settings(
        telegram=Telegram(token=SecretStr(TOKEN), webhook_secret=SecretStr("forest-house")),
        storage=Storage(url="postgresql://renqing:hunter2@db/renqing"),
    )
    shown = f"{settings!r} {settings} {settings.faces()!r}"
    assert "AAHdq" not in shown
    assert "forest-house" not in shown
    assert "hunter2" not in shown
    assert "renqing:***@db" in shown


def test_settings_cannot_be_changed() -> None:
    settings = Settings()
    with pytest.raises(ValidationError):
        settings.web = settings.web  # type: ignore[misc]  # that it is refused is the point
    with pytest.raises(ValidationError):
        settings.web.port = 1  # type: ignore[misc]  # the same one floor below


@pytest.mark.parametrize(
    ("given_url", "used"),
    [
        ("sqlite:///fans.db", "sqlite:///fans.db"),
        ("sqlite:////var/lib/renqing/fans.db", "sqlite:////var/lib/renqing/fans.db"),
        ("postgres://u@h/d", "postgresql://u@h/d"),
        ("postgresql://u:p@h:5432/d?ssl=require", "postgresql://u:p@h:5432/d?ssl=require"),
    ],
)
def test_a_database_url_is_taken_as_people_write_it(given_url: str, used: str) -> None:
    assert Storage(url=given_url).url == used


def test_addresses_lose_their_last_slash_and_a_token_its_blanks() -> None:
    settings = Telegram(api_base="http://127.0.0.1:8081/", token=SecretStr(f" {TOKEN}\n"))
    assert settings.api_base == "http://127.0.0.1:8081"
    assert settings.token.get_secret_value() == TOKEN


# ── config.toml in the repository ─────────────────────────────────────────────────────────────


def in_repository() -> dict[str, Any]:
    return tomllib.loads((ROOT / "config.toml").read_text(encoding="utf-8"))


def test_the_file_in_the_repository_holds_every_setting_with_its_default() -> None:
    told = [f"{section}.{key}" for section, keys in in_repository().items() for key in keys]
    assert told == [name for name in names() if name != "telegram.bots"]
    assert load(ROOT / "config.toml", {}) == Settings()


def test_the_file_in_the_repository_explains_every_setting() -> None:
    lines = (ROOT / "config.toml").read_text(encoding="utf-8").splitlines()
    section = ""
    for before, line in pairwise(lines):
        if line.startswith("["):
            section = line.strip("[]")
        key, is_setting, _ = line.partition(" = ")
        if is_setting and not line.startswith("#"):
            field = getattr(Settings(), section).__class__.model_fields[key]
            assert before == f"# {field.description}", f"{section}.{key}"


def test_the_more_bots_of_the_file_in_the_repository_are_right_when_uncommented(
    written: Path,
) -> None:
    text = (ROOT / "config.toml").read_text(encoding="utf-8")
    start = text.index("# [[telegram.bots]]")
    lines = text[start : text.index("\n\n", start)].splitlines()
    uncommented = "\n".join(line.removeprefix("# ") for line in lines)
    written.write_text(uncommented.replace('token = ""', f'token = "{TOKEN}"'), encoding="utf-8")
    (face,) = load(written, {}).faces()
    assert face.persona == Persona()
