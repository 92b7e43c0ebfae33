from bot.clock import DIGITS, WIDTH, new_id


def test_ids_are_short_and_sort_by_time() -> None:
    ids = [new_id() for _ in range(2_000)]
    assert ids == sorted(set(ids))
    assert {len(each) for each in ids} == {WIDTH}
    assert set("".join(ids)) <= set(DIGITS)
