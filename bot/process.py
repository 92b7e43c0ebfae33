"""What this process lets others on the machine see of it."""

import ctypes
import resource
import sys
from typing import Final

_PR_SET_DUMPABLE: Final = 4  # <linux/prctl.h>


def conceal() -> None:
    """From now on no other process of this user can read our memory and environment or trace us, and no core dump is written.

    Those are where the secrets are, and room hosts, which run a closed library, are processes of the same user. Linux only;
    elsewhere there are no core dumps, and nothing else changes.
    """
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
