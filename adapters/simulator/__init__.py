"""AKOOL over HTTP, a room with connections and a talking avatar, all in one process: for the demo and for tests."""

from adapters.simulator.control import Befall, Control, FaultScript, Report, RoomFault
from adapters.simulator.faults import Fault, NetworkConditions
from adapters.simulator.http.app import application, serving
from adapters.simulator.messages import ChatShape, Ending, Numbering
from adapters.simulator.options import Options
from adapters.simulator.remote import connect_remote
from adapters.simulator.simulator import Simulator

__all__ = [
    "Befall",
    "ChatShape",
    "Control",
    "Ending",
    "Fault",
    "FaultScript",
    "NetworkConditions",
    "Numbering",
    "Options",
    "Report",
    "RoomFault",
    "Simulator",
    "application",
    "connect_remote",
    "serving",
]
