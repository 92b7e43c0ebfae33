"""A worker process, in which the SDK is loaded and about 20 connections are taken.

The SDK allows one service and one app id per process, and may crash or hang: nothing but these modules ever meets it.
"""


class SdkHangs(Exception):
    """A call did not return. Its thread is lost, and with it the process."""
