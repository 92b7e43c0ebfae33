"""AKOOL over HTTP, a room with seats and a talking avatar, all in one process: for the demo and for tests."""

from adapters.simulator.control import Befall, Control, Incident, Report, Stage
from adapters.simulator.faults import Fault
from adapters.simulator.http.app import application
from adapters.simulator.line import Weather
from adapters.simulator.options import Options
from adapters.simulator.remote import remote_seats
from adapters.simulator.serve import serving
from adapters.simulator.shape import Ending, Numbering, Shape
from adapters.simulator.simulator import Simulator

__all__ = [
    "Befall",
    "Control",
    "Ending",
    "Fault",
    "Incident",
    "Numbering",
    "Options",
    "Report",
    "Shape",
    "Simulator",
    "Stage",
    "Weather",
    "application",
    "remote_seats",
    "serving",
]
