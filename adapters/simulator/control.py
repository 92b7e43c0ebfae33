"""The simulator's strings: what went on, and what shall go wrong. For tests, in this process or over `/_simulator/`."""

import asyncio
from collections.abc import Iterator
from enum import StrEnum

import msgspec

from adapters.simulator.avatar import Spoken
from adapters.simulator.faults import Fault
from adapters.simulator.line import Weather
from adapters.simulator.manner import Manner
from adapters.simulator.room import SimulatedSeat
from adapters.simulator.sessions import HostedSession
from adapters.simulator.shape import Shape
from adapters.simulator.simulator import Simulator
from bot.ports.room import SeatLoss, TokenExpiring


class Incident(StrEnum):
    """What can befall a seat."""

    KICK = "kick"
    """Somebody else takes it: thrown out, for good."""
    DROP = "drop"
    """The connection is lost and does not come back."""
    LINK_DOWN = "link_down"
    """The connection breaks; with `seconds` it comes back by itself."""
    LINK_UP = "link_up"
    TOKEN_EXPIRING = "token_expiring"  # noqa: S105 - the name of an event
    TOKEN_EXPIRED = "token_expired"  # noqa: S105


class Befall(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Strikes every seat that fits; without a `uid`, every client's and no avatar's."""

    incident: Incident
    channel: str | None = None
    uid: str | None = None
    seconds: float | None = None


class Stage(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What holds from now on; what is absent stays. `join_delay` in seconds, null for avatars that never come."""

    join_delay: float | msgspec.UnsetType | None = msgspec.UNSET
    shape: Shape | msgspec.UnsetType = msgspec.UNSET
    concurrency: int | msgspec.UnsetType = msgspec.UNSET
    credit: float | msgspec.UnsetType = msgspec.UNSET
    busy: set[str] | msgspec.UnsetType = msgspec.UNSET
    failing: set[str] | msgspec.UnsetType = msgspec.UNSET
    to_avatar: Weather | msgspec.UnsetType = msgspec.UNSET
    to_client: Weather | msgspec.UnsetType = msgspec.UNSET


class SessionReport(msgspec.Struct, frozen=True):
    """One session: `spoken` in order, each thing as often as it was said."""

    id: str
    avatar_id: str
    channel: str
    status: int
    open: bool
    price: float
    refunded: float
    manner: Manner
    spoken: list[Spoken]
    actions: list[dict[str, object]]
    ignored: int


class Report(msgspec.Struct, frozen=True):
    """What there is. `rooms` names the uids in each channel, `watching` whose picture the clients subscribed to."""

    credit: float
    sessions: list[SessionReport]
    rooms: dict[str, list[str]]
    watching: dict[str, list[str]]


class Control:
    def __init__(self, simulator: Simulator) -> None:
        self._simulator = simulator

    def state(self) -> Report:
        simulator = self._simulator
        return Report(
            credit=simulator.account.credit,
            sessions=[_report(session) for session in simulator.sessions],
            rooms=simulator.rooms.occupancy(),
            watching={
                channel: [seat.watching for seat in simulator.rooms.seats(channel) if seat.watching is not None]
                for channel in simulator.rooms.occupancy()
            },
        )

    def fail(self, endpoint: str, *faults: Fault) -> None:
        """The next calls of paths that end with `endpoint` go wrong, one fault each."""
        self._simulator.faults.queue(endpoint, *faults)

    def heal(self) -> None:
        """Nothing goes wrong any more; what has happened stays."""
        simulator = self._simulator
        simulator.faults.clear()
        simulator.rooms.to_avatar.weather = simulator.rooms.to_client.weather = Weather()
        simulator.sessions.join_delay = simulator.options.join_delay
        simulator.sessions.shape = simulator.options.shape
        simulator.sessions.concurrency = simulator.options.concurrency
        simulator.gallery.busy.clear()
        simulator.gallery.failing.clear()

    def stage(self, stage: Stage) -> None:
        simulator = self._simulator
        for owner, name, value in (
            (simulator.sessions, "join_delay", stage.join_delay),
            (simulator.sessions, "shape", stage.shape),
            (simulator.sessions, "concurrency", stage.concurrency),
            (simulator.account, "credit", stage.credit),
            (simulator.gallery, "busy", stage.busy),
            (simulator.gallery, "failing", stage.failing),
            (simulator.rooms.to_avatar, "weather", stage.to_avatar),
            (simulator.rooms.to_client, "weather", stage.to_client),
        ):
            if value is not msgspec.UNSET:
                setattr(owner, name, value)

    def befall(self, befall: Befall) -> int:
        """Answers how many seats were struck."""
        struck = list(self._struck(befall))
        for seat in struck:
            _strike(seat, befall)
        return len(struck)

    def _struck(self, befall: Befall) -> Iterator[SimulatedSeat]:
        avatars = {session.avatar.seat for session in self._simulator.sessions}
        for channel in self._simulator.rooms.occupancy():
            if befall.channel in {None, channel}:
                for seat in self._simulator.rooms.seats(channel):
                    if seat.uid == befall.uid or (befall.uid is None and seat not in avatars):
                        yield seat


def _strike(seat: SimulatedSeat, befall: Befall) -> None:
    match befall.incident:
        case Incident.KICK:
            seat.lose(SeatLoss.THROWN_OUT, "injected")
        case Incident.DROP:
            seat.lose(SeatLoss.LOST, "injected")
        case Incident.LINK_DOWN:
            seat.link_down()
            if befall.seconds is not None:
                asyncio.get_running_loop().call_later(befall.seconds, seat.link_up)
        case Incident.LINK_UP:
            seat.link_up()
        case Incident.TOKEN_EXPIRING:
            seat.tell(TokenExpiring())
        case Incident.TOKEN_EXPIRED:
            seat.lose(SeatLoss.EXPIRED, "injected")


def _report(session: HostedSession) -> SessionReport:
    return SessionReport(
        id=session.id,
        avatar_id=session.booking.avatar_id,
        channel=session.client.channel,
        status=int(session.state),
        open=session.open,
        price=session.price,
        refunded=session.refunded,
        manner=session.avatar.manner,
        spoken=session.avatar.spoken,
        actions=session.avatar.actions,
        ignored=session.avatar.ignored,
    )
