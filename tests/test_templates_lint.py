"""The lint: what no persona says is found, and what people do say is left alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from templates import Voice, lint, touchpoints
from templates.touchpoints import TouchPoint

CARE = TouchPoint(cls="care")


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        ("尊敬的用户，签到成功", "a machine speaks: 尊敬的, 用户"),
        ("亲，在吗", "a machine speaks: 亲，"),
        ("需要的话可以转人工", "a machine speaks: 转人工"),
        ("系统繁忙，请稍后再试", "a machine speaks: 系统, 请稍后再试"),
        ("Dear user, you have successfully checked in", "a machine speaks"),
        ("Invalid command", "a machine speaks: Invalid"),
        ("签到成功！！", "it shouts"),
        ("太好了！真的！", "it shouts"),
        ("来啦~~", "it shouts"),
        ("你在吗？？", "it shouts"),
        ("早 🌱🌿", "more than one emoji in a line"),
        ("赶快来签到", "it hurries or threatens: 赶快"),
        ("Hurry up, last chance", "it hurries or threatens: Hurry up, last chance"),
        ("去购买", "it asks for money: 购买"),
        ("晚上好，又见面", "prepared words claim to know this moment: 晚上好"),
        ("正在画画，看到你来了", "prepared words claim to know this moment: 正在"),
        ("刚画完一棵树", "prepared words claim to know this moment: 刚画"),
        ("I'm typing this for you", "prepared words claim to know this moment: I'm typing"),
        ("Good morning, Lin", "prepared words claim to know this moment: Good morning"),
        ("看看 https://a.example", "a link: https://"),
        ("再等等……", "it trails off: …"),
        ("Dear None, hello", "a gap where something was missing"),
        ("None 签到成功", "a gap where something was missing"),
        ("Dear , hello", "a gap where something was missing"),
        ("好，，记下了", "a gap where something was missing"),
        ("，记下了", "a gap where something was missing"),
        ("把「」请进来", "a gap where something was missing"),
        ("Hello  there", "a gap where something was missing"),
        ("记下了 ，Lin", "a gap where something was missing"),
        ("x" * 701, "longer than 700 characters"),
    ],
)
def test_what_no_persona_says_is_found(words: str, reason: str) -> None:
    assert any(found.startswith(reason) for found in lint.reasons(words, TouchPoint()))


@pytest.mark.parametrize(
    "words",
    [
        "签到成功！连续 7 天，积分 +10",
        "You're in! 7 days in a row, +10 points",
        "父母亲，都好吗",
        "没有用户名也行",
        "There's nothing to hurry for",
        "收到 🌱\n记下了 🌿",
        "找 @BotFather 发 /setprivacy",
        "5/4  签到  +10",
        "这不是阿野在打字，是助手",
        "This isn't Kai typing",
        "It's late, Lin. You're in",
        "「林间小屋」的各位好",
    ],
)
def test_what_people_say_is_left_alone(words: str) -> None:
    assert list(lint.reasons(words, TouchPoint())) == []


def test_an_offer_is_only_wrong_among_care() -> None:
    assert list(lint.reasons("新专辑上架了", CARE)) == ["an offer inside of care: 上架"]
    assert list(lint.reasons("新专辑上架了", TouchPoint(cls="promo"))) == []
    assert list(lint.reasons("20% discount on everything", CARE))


def test_taboo_words_are_whole_words_in_latin_script() -> None:
    def never(words: str, *taboo: str) -> list[str]:
        return list(lint.reasons(words, TouchPoint(), taboo=taboo))

    assert never("Guys, hello", "guy") == ["she never says: guy"]
    assert never("disguise", "guy", "guise") == []
    assert never("家人们好", "家人们", "老铁") == ["she never says: 家人们"]


def voice(root: Path, words: str, locale: str = "zh") -> Voice:
    path = root / locale / "room" / "said.j2"
    path.parent.mkdir(parents=True)
    path.write_text(words, encoding="utf-8")
    return Voice(root)


def found(root: Path, words: str, point: TouchPoint | None = None) -> list[tuple[int, str]]:
    samples = [{"name": "Lin"}, {"name": ""}]
    findings = lint.examine(
        voice(root, words),
        "room/said",
        point or TouchPoint(),
        locale="zh",
        persona={"name": "小鹿", "zh": {"taboo": ["老铁"]}},
        samples=samples,
    )
    return [(finding.variant, finding.reason) for finding in findings]


def test_each_way_to_say_it_is_read_with_a_name_and_without(tmp_path: Path) -> None:
    words = "{{ name }}，好\n---\n好{% if name %}，{{ name }}{% endif %}\n---\n老铁好"
    assert found(tmp_path, words) == [
        (1, "a gap where something was missing"),
        (3, "she never says: 老铁"),
    ]


def test_whoever_says_i_must_say_it_in_her_own_way(tmp_path: Path) -> None:
    words = "我记着\n---\n{{ persona.self }}记着\n---\n{% if not name %}我{% endif %}好"
    reason = "it says 我 where {{ persona.self }} belongs"
    assert found(tmp_path, words) == [(1, reason), (3, reason)]


def test_a_toast_must_fit_with_the_longest_name(tmp_path: Path) -> None:
    words = "{% if name %}{{ name }}{% endif %}" + "好" * 140
    assert found(tmp_path, words, TouchPoint(toast=True)) == [
        (1, "longer than the 200 characters of a toast")
    ]


def test_the_same_sentence_twice_is_one_too_many(tmp_path: Path) -> None:
    assert found(tmp_path, "好\n---\n行\n---\n好") == [(3, "the same as variant 1")]


def test_words_that_cannot_be_said_are_a_finding(tmp_path: Path) -> None:
    (one,) = found(tmp_path, "好\n---\n{{ wrong }}")
    assert one[0] == 2
    assert "'wrong' is undefined" in one[1]
    assert "html" in found(tmp_path / "b", "<b>好")[0][1].lower() or found(tmp_path / "c", "<b>好")


def test_a_text_that_nobody_wrote_is_a_finding(tmp_path: Path) -> None:
    findings = lint.examine(
        voice(tmp_path, "好"),
        "room/other",
        TouchPoint(),
        locale="zh",
        persona={},
        samples=[{}],
    )
    assert [finding.variant for finding in findings] == [0]


def test_a_mistake_in_the_touch_points_is_told(tmp_path: Path) -> None:
    path = tmp_path / "points.toml"
    path.write_text('["room/said"]\nsaid = "often"\ntoast = true\n["a/b"]\nclass = "care"')
    assert touchpoints.read(path) == {
        "room/said": TouchPoint(said="often", toast=True),
        "a/b": TouchPoint(cls="care"),
    }
    path.write_text('["a/b"]\nsaid = "never"\nwhy = 1')
    with pytest.raises(ValueError, match=r"a/b: said must be one of daily.*\na/b: why is not"):
        touchpoints.read(path)
