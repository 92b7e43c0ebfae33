"""A strict stand-in for Slack on loopback: Web API, Socket Mode, signed HTTP deliveries, response URLs, uploads.

What it refuses it takes from the method reference where that is present (`reference.py`): unknown methods and arguments,
missing arguments and scopes, JSON where only a form is read, too much per minute. Whatever a correct app would never send is
kept in `complaints` as well, so that a test can ask for none.
"""

from tests.integration.slack.fake.server import FakeSlack
from tests.integration.slack.fake.workspace import Grant, Message, SlackUser

__all__ = ["FakeSlack", "Grant", "Message", "SlackUser"]
