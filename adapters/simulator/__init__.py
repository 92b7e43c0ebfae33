"""AKOOL over HTTP, a room with seats and a talking avatar, all in one process: for the demo and for tests."""

from adapters.simulator.faults import Fault
from adapters.simulator.http.app import application
from adapters.simulator.line import Weather
from adapters.simulator.options import Options
from adapters.simulator.serve import serving
from adapters.simulator.simulator import Simulator

__all__ = ["Fault", "Options", "Simulator", "Weather", "application", "serving"]
