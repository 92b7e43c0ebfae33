import logging

from bot.log_throttle import EVERY_S, KINDS_LIMIT, LogThrottle, ThrottledWarnings


def test_one_line_a_minute_and_the_rest_counted() -> None:
    now = 0.0
    throttle = LogThrottle(lambda: now)
    assert throttle.admit("a") == 0
    now = 1.0
    assert throttle.admit("a") is None
    assert throttle.admit("b") == 0
    assert throttle.admit("a") is None
    now = EVERY_S
    assert throttle.admit("a") == 2
    assert throttle.admit("a") is None


def test_what_is_remembered_is_bounded() -> None:
    throttle = LogThrottle(lambda: 0.0)
    for number in range(3 * KINDS_LIMIT):
        throttle.admit(str(number))
    assert len(throttle._logged) <= KINDS_LIMIT


def test_errors_of_a_library_always_pass() -> None:
    throttled = ThrottledWarnings()
    passed = [throttled.filter(logging.LogRecord("x", level, "", 0, "m", None, None)) for level in (30, 30, 40, 40)]
    assert passed == [True, False, True, True]
