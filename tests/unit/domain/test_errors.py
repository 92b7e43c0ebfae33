"""What people are told where the storage took nothing, or may have."""

from bot.domain.errors import IN_DOUBT, StoreAway, StoreUnavailable, WriteInDoubt


def test_only_what_is_in_doubt_is_told_as_such() -> None:
    not_taken = "That was not taken."
    assert StoreUnavailable("Not written.").told(not_taken) == not_taken
    assert StoreAway("Not reached.").told(not_taken) == not_taken
    assert WriteInDoubt("lost in COMMIT").told(not_taken) == IN_DOUBT
