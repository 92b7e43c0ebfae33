"""The ASGI application of a simulator."""

from starlette.applications import Starlette

from adapters.simulator.control import Control
from adapters.simulator.http.avatars import GalleryDesk
from adapters.simulator.http.bridge import Bridge
from adapters.simulator.http.control import ControlDesk
from adapters.simulator.http.gate import Gate
from adapters.simulator.http.knowledge import KnowledgeDesk
from adapters.simulator.http.office import Office
from adapters.simulator.http.sessions import SessionDesk
from adapters.simulator.simulator import Simulator


def application(simulator: Simulator) -> Starlette:
    """AKOOL's endpoints and the simulator's own, to be served while the simulator is entered."""
    gate = Gate(simulator.account, simulator.faults)
    return Starlette(
        routes=[
            *SessionDesk(simulator.sessions, simulator.options, simulator.clock).routes(gate),
            *GalleryDesk(simulator.gallery).routes(gate),
            *KnowledgeDesk(simulator.shelf).routes(gate),
            *Office(simulator.account, simulator.speech).routes(gate),
            *Bridge(simulator.rooms).routes(),
            *ControlDesk(Control(simulator)).routes(),
        ]
    )
