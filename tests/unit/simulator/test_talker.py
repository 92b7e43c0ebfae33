"""The talker: pure, repeatable, and it listens."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.simulator.dialogue import Persona
from adapters.simulator.fixtures import LANGUAGES
from adapters.simulator.languages import NOT_SPOKEN, SPOKEN, base, language_of
from adapters.simulator.talker import Talker

NOON = datetime(2026, 5, 4, 12, 7, tzinfo=UTC)
HOTEL = Persona(
    "Yasmin",
    "concierge",
    "Welcome to the hotel.",
    "Breakfast is from 7 to 10. Check-out is at 11. Dogs are welcome and get a biscuit.",
)


def talk(*lines: str, persona: Persona = HOTEL, now: datetime = NOON) -> list[str]:
    talker = Talker(persona)
    return [talker.answer(line, now) for line in lines]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("Hello!", "Good afternoon!"),
        ("Ann: hi there", "Good afternoon, Ann!"),
        ("Who are you?", "I am Yasmin, your concierge. Welcome to the hotel."),
        ("What time is it?", "It is 12:07 UTC on Monday, 4 May."),
        ("When is breakfast served?", "Breakfast is from 7 to 10."),
        ("And checkout?", "Check-out is at 11."),
        ("May I bring a dog?", "Dogs are welcome and get a biscuit."),
        ("Can I bring my dogs?", "Dogs are welcome and get a biscuit."),
        ("Help", "Gladly. Welcome to the hotel. You can ask"),
        ("Ben: what is 6 * 7?", "6 * 7 is 42."),
        ("Ben: thank you so much", "You are very welcome, Ben."),
        ("thanks, and bye", "Goodbye"),
        ("Can you repeat after me: peas and queues", "peas and queues"),
        ("Are you a robot?", "I am simulated"),
        ("Do you like pizza?", "I am fond of pizza"),
        ("Ann: what do you think of our new logo?", "On your new logo I would listen"),
        ("What do you think of dogs?", "Dogs are welcome"),
        ("Guten Morgen", "Hallo! Frag mich"),
        ("ok", "Good. What next?"),
        ("Bye!", "Goodbye, and come back soon!"),
        ("Who is here?", "Nobody has told me their name yet."),
        ("Why is the sky blue?", "That is the question, is it not?"),
        ("Where are you?", "I am in the room with you"),
        ("", "I did not quite catch that"),
        ("🎉🎉🎉", "I did not quite catch that"),
    ],
)
def test_it_answers(line: str, expected: str) -> None:
    assert talk(line)[0].startswith(expected)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("What are you?", "I am Alma, a simulated stand-in for a live AKOOL video avatar."),
        ("what does it cost", "This demo costs nothing"),
        ("How do I set you up in Slack?", "For Slack you need an AKOOL key"),
        ("Ann: how can we get you into our Discord?", "For Discord you need an AKOOL key"),
        ("Who can see this?", "Whoever can read this thread"),
        ("Which languages do you speak?", "Here in the demo I speak English"),
        ("How do I stop you?", "Press Stop on my card"),
        ("Was bist du?", "Ich bin Alma, ein simulierter"),
        ("Was kostet das?", "Diese Demo kostet nichts"),
        ("Wie richte ich dich in Slack ein?", "Für Slack brauchst du"),
        ("Combien ça coûte ?", "Cette démo est gratuite"),
        ("¿Qué eres?", "Soy Alma"),
        ("これは何ですか", "このデモでは"),
    ],
)
def test_it_knows_what_avatarbot_is(line: str, expected: str) -> None:
    assert talk(line, persona=Persona("Alma"))[0].startswith(expected)


def test_in_the_language_that_was_set_it_understands_english_too() -> None:
    reply = Talker(Persona("Alma")).answer("What does it cost?", NOON, "de")
    assert reply.startswith("Diese Demo kostet nichts")


def test_two_questions_get_two_answers() -> None:
    reply = talk("What does it cost and how do I set you up in Slack?", persona=Persona("Alma"))[0]
    assert "This demo costs nothing" in reply
    assert "For Slack you need" in reply


def test_a_word_in_passing_is_no_question_about_avatarbot() -> None:
    assert "AKOOL" not in talk("I read it on Slack yesterday", persona=Persona("Otto"))[0]


@pytest.mark.parametrize("code", [language.code for language in LANGUAGES])
def test_every_offered_language_is_answered(code: str) -> None:
    reply = Talker(Persona("Alma")).answer("What are you?", NOON, code)
    assert language_of(reply, code) == base(code)
    assert base(code) in SPOKEN or reply == NOT_SPOKEN[base(code)]


def test_it_remembers_who_said_what() -> None:
    replies = talk(
        "Ann: I painted the fence green",
        "Ben: the fence looks odd",
        "Ben: what did Ann say?",
        "Ben: what did I say?",
        "Who is here?",
        "What did Cem say?",
    )
    assert replies[1] == "Ann spoke of fence too. What do you make of that, Ben?"
    assert replies[2] == "Ann said: “I painted the fence green”"
    assert replies[3] == "You said: “what did Ann say?”"
    assert replies[4] == "So far I have spoken with Ann and Ben."
    assert replies[5] == "Cem has not said anything to me yet."


def test_it_learns_a_name() -> None:
    replies = talk("What is my name?", "My name is grace", "Who am I?", "thanks")
    assert replies[0] == "You have not told me yet. What shall I call you?"
    assert replies[1].startswith("Lovely to meet you, Grace.")
    assert replies[2] == "You are Grace, of course."
    assert replies[3].endswith(", Grace.")


def test_no_joke_is_told_twice_in_a_row() -> None:
    assert len(set(talk("A joke, please", "Another joke", "One more joke"))) == 3


def test_it_asks_back_about_what_it_does_not_know() -> None:
    assert talk("Yesterday I built a birdhouse", persona=Persona("Otto"))[0] == "Tell me more about birdhouse."


@given(st.lists(st.text(max_size=60), min_size=1, max_size=8))
def test_answers_are_deterministic_and_never_empty(lines: list[str]) -> None:
    replies = talk(*lines)
    assert replies == talk(*lines)
    assert all(replies)
