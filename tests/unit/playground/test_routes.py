"""The keys that open the page."""

from pydantic import SecretStr

from adapters.playground.routes import PlaygroundAuth
from adapters.playground.settings import PlaygroundSettings

SECRET = "a-secret-for-tests"


def test_the_printed_key_is_reusable_and_others_are_not() -> None:
    gate = PlaygroundAuth(PlaygroundSettings(secret=SecretStr(SECRET)))
    once = gate.key_for_once()
    assert [gate.opens(SECRET), gate.opens(SECRET)] == [True, True]
    assert [gate.opens(once), gate.opens(once)] == [True, False]
    assert not gate.opens("")
    assert not gate.opens("é")
    assert once != SECRET
