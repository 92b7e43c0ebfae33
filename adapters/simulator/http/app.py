"""The ASGI application of a simulator."""

from starlette.applications import Starlette

from adapters.simulator.control import Control
from adapters.simulator.http.account_routes import AccountRoutes
from adapters.simulator.http.auth import HttpAuth
from adapters.simulator.http.avatars import AvatarRoutes
from adapters.simulator.http.bridge import Bridge
from adapters.simulator.http.control import ControlRoutes
from adapters.simulator.http.knowledge import KnowledgeRoutes
from adapters.simulator.http.sessions import SessionRoutes
from adapters.simulator.simulator import Simulator


def application(simulator: Simulator) -> Starlette:
    """AKOOL's endpoints and the simulator's own, to be served while the simulator is entered."""
    gate = HttpAuth(simulator.account, simulator.faults)
    return Starlette(
        routes=[
            *SessionRoutes(simulator.sessions, simulator.options, simulator.clock).routes(gate),
            *AvatarRoutes(simulator.catalog).routes(gate),
            *KnowledgeRoutes(simulator.knowledge_bases).routes(gate),
            *AccountRoutes(simulator.account, simulator.speech).routes(gate),
            *Bridge(simulator.rooms).routes(),
            *ControlRoutes(Control(simulator)).routes(),
        ]
    )
