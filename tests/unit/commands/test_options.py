import pytest

from bot.commands.options import (
    ActOptions,
    DefaultsChanges,
    KnowledgeOptions,
    StartOptions,
    act_options,
    defaults_changes,
    knowledge_options,
    merged,
    set_changes,
    start_options,
)
from bot.commands.parser import ParseError, Values, parse, validate
from bot.commands.verbs import CATALOGUE
from bot.domain.conversations import Command
from bot.domain.sessions import ElevenLabs, Mode, ParamChanges, TurnDetection, VoiceParams


def values(line: str) -> Values:
    command = parse(line)
    assert isinstance(command, Command)
    verb = CATALOGUE.verb(command.verb)
    assert verb is not None
    found = validate(verb, command.options)
    assert not isinstance(found, ParseError)
    return found


def test_start() -> None:
    assert start_options(values("start")) == StartOptions()
    line = "start Ann voice:Amy language:en mode:retelling knowledge:FAQ background:https://a.example/b.png minutes:5"
    assert start_options(values(line)) == StartOptions(
        "Ann", "Amy", "en", Mode.RETELLING, "FAQ", "https://a.example/b.png", 5
    )
    linked = start_options(values("start voice_url:https://a.example/voice"))
    assert linked == StartOptions(voice_url="https://a.example/voice")


def test_set() -> None:
    assert set_changes(values("set voice Amy language fr mode dialogue background:https://a.example")) == ParamChanges(
        voice_id="Amy", language="fr", mode=Mode.DIALOGUE, background_url="https://a.example"
    )


def test_set_with_voice_parameters() -> None:
    line = 'set speed:1.1 stt_language:en stt_type:openai_realtime threshold:0.4 prefix_ms:200 silence_ms:700 pronunciation:"akool = ai ku er, SQL=sequel"'
    assert set_changes(values(line)) == ParamChanges(
        voice=VoiceParams(
            speed=1.1,
            pronunciation={"akool": "ai ku er", "SQL": "sequel"},
            stt_language="en",
            stt_type="openai_realtime",
            turn_detection=TurnDetection("server_vad", 0.4, 200, 700),
        )
    )


def test_set_with_another_turn_detection() -> None:
    assert set_changes(values("set turn_detection semantic_vad")) == ParamChanges(
        voice=VoiceParams(turn_detection=TurnDetection("semantic_vad"))
    )


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("set", "Say what to set. For example: set language:fr speed:1.1"),
        ("set pronunciation:akool", "“pronunciation” must be like Ana=ah na, SQL=sequel, not “akool”."),
        ("set pronunciation:akool=", "“pronunciation” must be like Ana=ah na, SQL=sequel, not “akool=”."),
        ('set pronunciation:"=x"', "“pronunciation” must be like Ana=ah na, SQL=sequel, not “=x”."),
        ("set turn_detection:semantic_vad threshold:1", "“threshold” works only with turn_detection server_vad."),
    ],
)
def test_what_cannot_be_set(line: str, sentence: str) -> None:
    assert set_changes(values(line)) == ParseError(sentence)


def test_act() -> None:
    assert act_options(values("act nod")) == ActOptions("nod", None)
    assert act_options(values("act happiness")) == ActOptions(None, "happiness")
    assert isinstance(act_options(values("act")), ParseError)


def test_knowledge() -> None:
    line = "knowledge create FAQ prompt:Hi prologue:Hello documents:https://a.example/faq.PDF?x=1.exe links:https://a.example/x.html"
    assert knowledge_options(values(line)) == KnowledgeOptions(
        name="FAQ",
        prompt="Hi",
        prologue="Hello",
        documents=("https://a.example/faq.PDF?x=1.exe",),
        links=("https://a.example/x.html",),
    )


@pytest.mark.parametrize("url", ["https://a.example", "https://a.example/d/123", "https://a.example/x.md#y.z"])
def test_a_document_may_hide_its_format(url: str) -> None:
    assert knowledge_options({"knowledge": "FAQ", "documents": (url,)}) == KnowledgeOptions("FAQ", documents=(url,))


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("knowledge update FAQ", "Say what to change: name, prompt, prologue, documents or links."),
        (
            "knowledge update FAQ documents:https://a.example/a.exe",
            "“documents” can be pdf, doc, docx, txt, md, json, xml, csv, not “exe”.",
        ),
    ],
)
def test_what_cannot_be_known(line: str, sentence: str) -> None:
    assert knowledge_options(values(line)) == ParseError(sentence)


@pytest.mark.parametrize(
    ("line", "changes"),
    [
        (
            "defaults set Ann minutes:5 listening:mention names:on prompt:Be kind.",
            DefaultsChanges(StartOptions("Ann", minutes=5), "mention", names=True, prompt="Be kind."),
        ),
        ("defaults set names:off", DefaultsChanges(names=False)),
        ("defaults voice speed:0.9", DefaultsChanges(voice=VoiceParams(speed=0.9))),
        (
            "defaults elevenlabs api_key:k model:m stability:0 similarity_boost:1 style:0.5 speaker_boost:on",
            DefaultsChanges(voice=VoiceParams(elevenlabs=ElevenLabs("k", "m", 0, 1, 0.5, use_speaker_boost=True))),
        ),
        ("defaults elevenlabs k", DefaultsChanges(voice=VoiceParams(elevenlabs=ElevenLabs("k")))),
        ("defaults access <@U1|ann>, Ann Lee,ops <@U2>", DefaultsChanges(who=("<@U1|ann>", "Ann Lee", "ops", "<@U2>"))),
        ("defaults access Everybody", DefaultsChanges(who=())),
    ],
)
def test_defaults(line: str, changes: DefaultsChanges) -> None:
    assert defaults_changes(values(line)) == changes


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("defaults set", "Say what to change. For example: defaults set avatar:Alex mode:dialogue"),
        ("defaults voice pronunciation:x", "“pronunciation” must be like Ana=ah na, SQL=sequel, not “x”."),
        ("defaults access ,", "“who” must name people or groups, or everybody."),
    ],
)
def test_what_cannot_be_a_default(line: str, sentence: str) -> None:
    assert defaults_changes(values(line)) == ParseError(sentence)


def test_people_are_named_in_a_row_or_with_and() -> None:
    named = defaults_changes({"who": "<@1>, <@&2> and <@3>, and the opps"})
    assert isinstance(named, DefaultsChanges)
    assert named.who == ("<@1>", "<@&2>", "<@3>", "the opps")
    everybody = defaults_changes({"who": "@everyone"})
    assert isinstance(everybody, DefaultsChanges)
    assert everybody.who == ()


def test_what_is_given_now_goes_over_what_was_there() -> None:
    old = VoiceParams(
        speed=1.1, pronunciation={"a": "b", "c": "d"}, turn_detection=TurnDetection("server_vad", 0.4, 200, 700)
    )
    new = VoiceParams(
        pronunciation={"c": "e"}, stt_language="fr", turn_detection=TurnDetection("server_vad", threshold=0.6)
    )
    assert merged(old, new) == VoiceParams(
        speed=1.1,
        pronunciation={"a": "b", "c": "e"},
        stt_language="fr",
        turn_detection=TurnDetection("server_vad", 0.6, 200, 700),
    )


def test_another_kind_of_turn_detection_takes_nothing_over() -> None:
    old = VoiceParams(turn_detection=TurnDetection("server_vad", 0.4, 200, 700))
    other = TurnDetection("semantic_vad")
    assert merged(old, VoiceParams(turn_detection=other)).turn_detection == other
    assert merged(old, VoiceParams()) == old
