"""New ids: UUIDv7, so that they sort by time, in 22 characters, since every packet to an avatar carries one."""

import string

import uuid_utils

DIGITS = string.digits + string.ascii_uppercase + string.ascii_lowercase  # in the order in which text sorts
WIDTH = 22
"""62 ** 22 is the first power above 2 ** 128."""


def new_id() -> str:
    """A new id of 22 letters and digits; a later one sorts after an earlier one."""
    number, digits = uuid_utils.uuid7().int, []
    for _ in range(WIDTH):
        number, digit = divmod(number, len(DIGITS))
        digits.append(DIGITS[digit])
    return "".join(reversed(digits))
