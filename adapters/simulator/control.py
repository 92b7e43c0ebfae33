"""What tests ask of the simulator, in this process or over `/_simulator/`: what went on, and what shall go wrong."""

import asyncio
from collections.abc import Iterator
from enum import StrEnum

import msgspec

from adapters.simulator.avatar import AvatarParams, Spoken
from adapters.simulator.faults import Fault, NetworkConditions
from adapters.simulator.messages import ChatShape
from adapters.simulator.room import SimulatedConnection
from adapters.simulator.sessions import HostedSession
from adapters.simulator.simulator import Simulator
from bot.ports.room import LossReason, TokenExpiring


class RoomFault(StrEnum):
    """What can befall a connection."""

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
    """Strikes every connection that fits; without a `uid`, every client's and no avatar's."""

    incident: RoomFault
    channel: str | None = None
    uid: str | None = None
    seconds: float | None = None


class FaultScript(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What holds from now on; what is absent stays. `join_delay` in seconds, null for avatars that never come."""

    join_delay: float | msgspec.UnsetType | None = msgspec.UNSET
    shape: ChatShape | msgspec.UnsetType = msgspec.UNSET
    concurrency: int | msgspec.UnsetType = msgspec.UNSET
    credit: float | msgspec.UnsetType = msgspec.UNSET
    busy: set[str] | msgspec.UnsetType = msgspec.UNSET
    failing: set[str] | msgspec.UnsetType = msgspec.UNSET
    to_avatar: NetworkConditions | msgspec.UnsetType = msgspec.UNSET
    to_client: NetworkConditions | msgspec.UnsetType = msgspec.UNSET


class SessionReport(msgspec.Struct, frozen=True):
    """One session: `spoken` in order, each thing as often as it was said."""

    id: str
    avatar_id: str
    channel: str
    status: int
    open: bool
    price: float
    refunded: float
    params: AvatarParams
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
                channel: [
                    connection.watching
                    for connection in simulator.rooms.connections(channel)
                    if connection.watching is not None
                ]
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
        simulator.rooms.to_avatar.conditions = simulator.rooms.to_client.conditions = NetworkConditions()
        simulator.sessions.join_delay = simulator.options.join_delay
        simulator.sessions.shape = simulator.options.shape
        simulator.sessions.concurrency = simulator.options.concurrency
        simulator.catalog.busy.clear()
        simulator.catalog.failing.clear()

    def script(self, script: FaultScript) -> None:
        simulator = self._simulator
        for owner, name, value in (
            (simulator.sessions, "join_delay", script.join_delay),
            (simulator.sessions, "shape", script.shape),
            (simulator.sessions, "concurrency", script.concurrency),
            (simulator.account, "credit", script.credit),
            (simulator.catalog, "busy", script.busy),
            (simulator.catalog, "failing", script.failing),
            (simulator.rooms.to_avatar, "conditions", script.to_avatar),
            (simulator.rooms.to_client, "conditions", script.to_client),
        ):
            if value is not msgspec.UNSET:
                setattr(owner, name, value)

    def befall(self, befall: Befall) -> int:
        """Answers how many connections were struck."""
        struck = list(self._struck(befall))
        for connection in struck:
            _strike(connection, befall)
        return len(struck)

    def _struck(self, befall: Befall) -> Iterator[SimulatedConnection]:
        avatars = {session.avatar.connection for session in self._simulator.sessions}
        for channel in self._simulator.rooms.occupancy():
            if befall.channel in {None, channel}:
                for connection in self._simulator.rooms.connections(channel):
                    if connection.uid == befall.uid or (befall.uid is None and connection not in avatars):
                        yield connection


def _strike(connection: SimulatedConnection, befall: Befall) -> None:
    match befall.incident:
        case RoomFault.KICK:
            connection.lose(LossReason.THROWN_OUT, "injected")
        case RoomFault.DROP:
            connection.lose(LossReason.LOST, "injected")
        case RoomFault.LINK_DOWN:
            connection.link_down()
            if befall.seconds is not None:
                asyncio.get_running_loop().call_later(befall.seconds, connection.link_up)
        case RoomFault.LINK_UP:
            connection.link_up()
        case RoomFault.TOKEN_EXPIRING:
            connection.tell(TokenExpiring())
        case RoomFault.TOKEN_EXPIRED:
            connection.lose(LossReason.EXPIRED, "injected")


def _report(session: HostedSession) -> SessionReport:
    return SessionReport(
        id=session.id,
        avatar_id=session.booking.avatar_id,
        channel=session.client.channel,
        status=int(session.state),
        open=session.open,
        price=session.price,
        refunded=session.refunded,
        params=session.avatar.params,
        spoken=session.avatar.spoken,
        actions=session.avatar.actions,
        ignored=session.avatar.ignored,
    )
