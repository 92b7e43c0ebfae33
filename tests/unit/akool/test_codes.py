"""Every response code has a sentence that a person can act on, and a verdict that the service can."""

import pytest

from adapters.akool.codes import MEANINGS, NOT_RUNNING, PASSING, Passing, meaning, refusal
from bot.domain.errors import Verdict

VERDICTS = {
    Verdict.RETRY_LATER: [
        *(1005, 1015, 1105, 1108, 1110, 1111, 1112, 1201, 1205, 1206, 1211, 1212),
        *(1214, 1215, 1217, 1218, 1234, 1235, 1236, 2001),
    ],
    Verdict.FIX_INPUT: [
        *(1003, 1007, 1010, 1011, 1013, 1016, 1017, 1202, 1203, 1204, 1207, 1208, 1209, 1210, 1220, 1222, 1233),
    ],
    Verdict.FIX_SETTINGS: [1004, 1009, 1101, 1102, 1109, 1200, 1213, 1221],
    Verdict.PAY: [1006, 1103, 1104, 1223],
    Verdict.GONE: [1008, 1014, 1216, 1219, 1232],
}
CODES = [(code, verdict) for verdict, codes in VERDICTS.items() for code in codes]


@pytest.mark.parametrize(("code", "verdict"), CODES)
def test_each_documented_code_has_its_sentence_and_verdict(code: int, verdict: Verdict) -> None:
    error = refusal(code, "akool's own words")
    assert error.verdict is verdict
    assert error.code == code
    assert error.sentence.endswith((".", "?"))
    assert len(error.sentence) > 20
    assert "akool's own words" not in error.sentence
    assert "akool's own words" in error.detail


def test_nothing_is_mapped_that_akool_does_not_document() -> None:
    assert set(MEANINGS) == {code for code, _ in CODES}


def test_the_sentence_says_what_to_do() -> None:
    for code, known in MEANINGS.items():
        if known.verdict is Verdict.RETRY_LATER:
            assert "Try again" in known.sentence, code
        if known.verdict in {Verdict.FIX_SETTINGS, Verdict.PAY}:
            assert "ask " in known.sentence.lower(), code  # whoever runs this bot


def test_where_input_or_settings_can_be_wrong_both_are_named() -> None:
    """AKOOL says 1003 of a wrong value, of one that is missing, and of what the account may not use."""
    for way_out in ("what you typed", "/avatar defaults show", "ask whoever runs this bot"):
        assert way_out in meaning(1003).sentence


def test_an_unknown_code_is_named() -> None:
    assert "4242" in meaning(4242).sentence
    assert refusal(4242).code == 4242


def test_only_passing_codes_are_worth_an_immediate_retry() -> None:
    assert {code for code, _ in CODES if isinstance(refusal(code), Passing)} == PASSING == {1005, 2001}


def test_a_session_that_is_over_is_recognised() -> None:
    assert {1008, 1014, 1216, 1219} == NOT_RUNNING
    assert all(meaning(code).verdict is Verdict.GONE for code in NOT_RUNNING)
