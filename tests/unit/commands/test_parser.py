import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bot.commands.parser import ParseError, asked_form, parse, shown
from bot.commands.verbs import CATALOGUE
from bot.domain.conversations import Command


@pytest.mark.parametrize(
    ("line", "verb", "options"),
    [
        ("", "help", {}),
        ("  ", "help", {}),
        ("stop", "stop", {}),
        ("STOP", "stop", {}),
        ("keep going", "extend", {}),
        ("keep_going", "extend", {}),
        ("extend", "extend", {}),
        ("start Ann", "start", {"avatar": "Ann"}),
        ("start Ann Lee", "start", {"avatar": "Ann Lee"}),
        ('start "Ann Lee"', "start", {"avatar": "Ann Lee"}),
        ("start “Ann Lee” mode:retelling", "start", {"avatar": "Ann Lee", "mode": "retelling"}),
        ("start „Ann Lee“ ‘Amy Fox’", "start", {"avatar": "Ann Lee", "voice": "Amy Fox"}),
        ('start mode:"dialogue"', "start", {"mode": "dialogue"}),
        ("start Ann mode: dialogue", "start", {"avatar": "Ann", "mode": "dialogue"}),
        ("start Ann dialogue", "start", {"avatar": "Ann", "mode": "dialogue"}),
        ("start dialogue Ann", "start", {"avatar": "Ann", "mode": "dialogue"}),
        ("start minutes:5 Ann Lee", "start", {"minutes": "5", "avatar": "Ann Lee"}),
        ("start --avatar Ann --mode=dialogue", "start", {"avatar": "Ann", "mode": "dialogue"}),
        ("start AVATAR:Ann", "start", {"avatar": "Ann"}),
        ("start avatar Ann", "start", {"avatar": "Ann"}),
        ("start mode", "start", {"avatar": "mode"}),
        ("start voice:en:amy", "start", {"voice": "en:amy"}),
        ("start background:https://a.example/b.png", "start", {"background": "https://a.example/b.png"}),
        ("start mode=dialogue x=y", "start", {"mode": "dialogue", "avatar": "x=y"}),
        ('start avatar:""', "start", {"avatar": ""}),
        ("start 'tis", "start", {"avatar": "'tis"}),
        ("set speed 1.1", "set", {"speed": "1.1"}),
        ("set voice Amy Fox speed 1.1", "set", {"voice": "Amy Fox", "speed": "1.1"}),
        ("set stt-type:openai_realtime", "set", {"stt_type": "openai_realtime"}),
        (
            "set pronunciation akool=ai ku er, speed=spid speed:1.1",
            "set",
            {"pronunciation": "akool=ai ku er, speed=spid", "speed": "1.1"},
        ),
        ("act happiness", "act", {"expression": "happiness"}),
        ("act nod surprise", "act", {"action": "nod", "expression": "surprise"}),
        ("act wave", "act", {"action": "wave"}),
        ("upload https://a.example/v.mp4 Ann Lee", "upload", {"url": "https://a.example/v.mp4", "name": "Ann Lee"}),
        ("say hello there: it's me", "say", {"text": "hello there: it's me"}),
        ("say --text mode:dialogue", "say", {"text": "--text mode:dialogue"}),
        ("say 'hello'  \"you\"", "say", {"text": "'hello'  \"you\""}),
        ("say two\nlines", "say", {"text": "two\nlines"}),
        ('say "hello there"', "say", {"text": "hello there"}),
        ("say", "say", {}),
        ("knowledge", "knowledge list", {}),
        ("knowledge show FAQ", "knowledge show", {"knowledge": "FAQ"}),
        (
            "knowledge create FAQ prompt: You help. Note: never nod, a=b. links:https://a.example",
            "knowledge create",
            {"name": "FAQ", "prompt": "You help. Note: never nod, a=b.", "links": "https://a.example"},
        ),
        (
            "knowledge create FAQ documents:https://a.example/a.md https://b.example/b.md prompt:One\n\ntwo",
            "knowledge create",
            {"name": "FAQ", "documents": "https://a.example/a.md https://b.example/b.md", "prompt": "One\n\ntwo"},
        ),
        ("defaults", "defaults show", {}),
        ("defaults set prompt: Be kind. mode: calm", "defaults set", {"prompt": "Be kind. mode: calm"}),
        ('defaults set prompt:"Be kind." mode:dialogue', "defaults set", {"prompt": "Be kind.", "mode": "dialogue"}),
        ("defaults access who: <@U1|ann>, ops", "defaults access", {"who": "<@U1|ann>, ops"}),
        ("help knowledge show", "help", {"verb": "knowledge show"}),
    ],
)
def test_a_line_becomes_a_command(line: str, verb: str, options: dict[str, str]) -> None:
    assert parse(line) == Command(verb, options)


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("strat", "I do not know “strat”. Did you mean “start”?"),
        ("qqqq", "I do not know “qqqq”. Type help to see what I can do."),
        ("start avtar:Ann", "“start” has no option “avtar”. Did you mean “avatar”?"),
        (
            "start Ann --colour red",
            "“start” has no option “colour”. It has avatar, voice, language, mode, knowledge, background, minutes, voice_url and again.",
        ),
        ("status colour:red", "“status” has no option “colour”."),
        ("start mode:", "“mode” needs a value."),
        ("start Ann --mode", "“mode” needs a value."),
        ("start mode:dialogue mode:retelling", "“mode” is given twice."),
        ("usage 7 8", "I do not know what “8” is for. Try: usage 7"),
        ("status now", "I do not know what “now” is for. Try: status"),
        ("knowledge FAQ", "“knowledge” cannot “FAQ”. Say one of list, show, create, update, delete or use."),
        ("knowledge shwo", "“knowledge” cannot “shwo”. Did you mean “show”?"),
    ],
)
def test_what_makes_no_command_is_said_with_what_would(line: str, sentence: str) -> None:
    assert parse(line) == ParseError(sentence)


def test_a_smaller_catalogue_knows_fewer_verbs() -> None:
    assert isinstance(parse("usage", CATALOGUE.only("start", "stop", "help")), ParseError)


def test_what_was_typed_is_shown_on_one_short_line() -> None:
    assert shown("a\nb") == "“a b”"
    assert shown("x" * 50) == f"“{'x' * 39}…”"


words = st.sampled_from([
    *CATALOGUE.entries, *["--mode", "mode:", "mode=", "x:y", ":", "::", "--", "---", "=", '"', "'", "“", "”", "„", "://", "https://a.example", "\n", "\t"],
    "--x", "list", "dialogue", "on", "", "🙂", "\x00", "\x1f", "prompt:", "Note:",
])  # fmt: skip


@given(st.text() | st.lists(words | st.text(max_size=3)).map(" ".join))
def test_any_line_is_answered(line: str) -> None:
    understood = parse(line)
    if isinstance(understood, ParseError):
        assert understood.sentence.endswith((".", "?", "!")) or "Try: " in understood.sentence
        assert len(understood.sentence) < 300
        return
    verb = CATALOGUE.verb(understood.verb)
    assert verb is not None
    assert all(verb.option(name) for name in understood.options)


@given(st.text().map(str.strip).filter(lambda text: text and text[0] not in "\"'“”„‘’«"))
def test_what_is_to_be_said_stays_whole(text: str) -> None:
    assert parse(f"say {text}") == Command("say", {"text": text})


@given(st.text().filter(lambda text: '"' not in text), st.text().filter(lambda text: '"' not in text))
@example("dialogue", "")
def test_quoted_values_come_through_as_they_are(avatar: str, voice: str) -> None:
    assert parse(f'start "{avatar}" voice:"{voice}"') == Command("start", {"avatar": avatar, "voice": voice})


@pytest.mark.parametrize(
    ("line", "verb"),
    [
        ("start ?", "start"),
        ("start ? ", "start"),
        ("start?", ""),
        ("start", ""),
        ("start Alma ?", ""),
        ("how are you ?", ""),
    ],
)
def test_a_question_mark_alone_asks_for_the_form(line: str, verb: str) -> None:
    assert asked_form(line) == (Command(verb) if verb else None)
