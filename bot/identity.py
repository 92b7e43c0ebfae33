"""New ids: UUIDv7, so that they sort by time."""

import uuid_utils


def new_id() -> str:
    """A new id of 36 characters."""
    return str(uuid_utils.uuid7())
