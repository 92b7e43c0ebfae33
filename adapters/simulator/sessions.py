"""Sessions at the simulated AKOOL: paid in advance, hosted in a room, over when closed or when their time is up."""

import asyncio
import secrets
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from adapters.simulator.avatar import AvatarParams, SimulatedAvatar
from adapters.simulator.avatar_catalog import AvatarCatalog
from adapters.simulator.codes import AkoolRefusal, Code, SessionState, TrainingState
from adapters.simulator.dialogue import Persona
from adapters.simulator.knowledge_bases import SimulatedKnowledgeBases
from adapters.simulator.options import Options
from adapters.simulator.room import SimulatedRooms
from adapters.simulator.talker import Talker
from adapters.simulator.voice import Speech
from bot.clock import Clock
from bot.domain.errors import RoomError
from bot.ports.room import LossReason, RoomCredentials

HISTORY_LIMIT = 1_000
"""Sessions that are over and still listed."""

CLIENT_UID, AVATAR_UID = "100000", "200000"


class SimulatedAccount:
    def __init__(self, options: Options) -> None:
        self.credit = options.credit
        self._key = options.api_key
        self._client_id = options.client_id
        self._rate = options.credits_per_minute
        self._tokens: set[str] = set()

    def token(self, client_id: str, client_secret: str) -> str:
        """What getToken hands out: valid for longer than a simulator lives."""
        if not client_id or not client_secret:
            raise AkoolRefusal(Code.NO_AUTHORIZATION, "clientId and clientSecret must not be empty")
        if (client_id, client_secret) != (self._client_id, self._key):
            raise AkoolRefusal(Code.BAD_TOKEN, "clientId or clientSecret is not valid")
        token = f"sim-token-{secrets.token_hex(16)}"
        self._tokens.add(token)
        return token

    def admit(self, authorization: str | None, api_key: str | None) -> None:
        """Let a caller in. With both headers, `Authorization` counts and the key is not looked at."""
        if authorization:
            kind, _, token = authorization.partition(" ")
            if kind.lower() != "bearer" or token not in self._tokens:
                raise AkoolRefusal(Code.BAD_TOKEN, "invalid token")
        elif not api_key:
            raise AkoolRefusal(Code.NO_AUTHORIZATION, "authorization is empty")
        elif api_key != self._key:
            raise AkoolRefusal(Code.BAD_TOKEN, "invalid api key")

    def charge(self, seconds: float) -> float:
        """Pay in advance; answers the price."""
        price = seconds / 60 * self._rate
        if price > self.credit:
            raise AkoolRefusal(Code.NO_CREDIT, "insufficient credit balance")
        self.credit -= price
        return price

    def refund(self, amount: float) -> None:
        self.credit += amount


# ---------------------------------------------------------------- sessions


@dataclass(frozen=True, slots=True)
class Booking:
    """What a `create` asks for, checked in form. `own_room` holds the avatar's connection in a room of the team's own."""

    avatar_id: str
    duration: float
    params: AvatarParams
    knowledge_id: str | None = None
    own_room: RoomCredentials | None = None


@dataclass(slots=True)
class HostedSession:
    """One session. `client` is the connection that is handed out; in an own room that is the avatar's, as it was given."""

    id: str
    booking: Booking
    client: RoomCredentials
    avatar: SimulatedAvatar
    price: float
    created_at: datetime
    state: SessionState = SessionState.QUEUEING
    refunded: float = 0.0
    task: asyncio.Task[None] | None = field(default=None, repr=False)

    @property
    def open(self) -> bool:
        return self.state in {SessionState.QUEUEING, SessionState.LIVE}


class Sessions:
    """`join_delay` and `shape` may be changed for the sessions to come; a delay of None is an avatar that never comes."""

    def __init__(
        self,
        options: Options,
        clock: Clock,
        *,
        account: SimulatedAccount,
        catalog: AvatarCatalog,
        knowledge_bases: SimulatedKnowledgeBases,
        rooms: SimulatedRooms,
        speech: Speech | None = None,
    ) -> None:
        self.join_delay: float | None = options.join_delay
        self.concurrency = options.concurrency
        self.shape = options.shape
        self._options = options
        self._clock = clock
        self._account = account
        self._catalog = catalog
        self._knowledge_bases = knowledge_bases
        self._rooms = rooms
        self._speech = speech
        self._hosted: dict[str, HostedSession] = {}
        self._group: asyncio.TaskGroup | None = None

    def __iter__(self) -> Iterator[HostedSession]:
        """Newest first."""
        return reversed(list(self._hosted.values()))

    async def live(self, ready: asyncio.Event) -> None:
        """Host sessions until cancelled; owns every task of every avatar."""
        async with asyncio.TaskGroup() as self._group:
            ready.set()
            await asyncio.Event().wait()

    def create(self, booking: Booking) -> HostedSession:
        """Charge and host. Not idempotent. Raises `AkoolRefusal`."""
        persona = self._persona(booking)
        if sum(session.open for session in self) >= self.concurrency:
            raise AkoolRefusal(Code.BUSY, "live avatar processing is busy")
        price = self._account.charge(booking.duration)
        session = self._opened(booking, persona, price)
        self._remember(session)
        assert self._group is not None
        session.task = self._group.create_task(self._host(session))
        return session

    def find(self, session_id: str) -> HostedSession:
        if session := self._hosted.get(session_id):
            return session
        raise AkoolRefusal(Code.NO_SESSION, "live avatar session does not exist")

    def close(self, session_id: str) -> None:
        """End a session and give back what it did not use. Raises `AkoolRefusal`, also when it is over already."""
        session = self.find(session_id)
        if not session.open:
            raise AkoolRefusal(Code.SESSION_CLOSED, "live avatar closed")
        self._settle(session, SessionState.OVER)
        assert session.task is not None
        session.task.cancel()

    def _persona(self, booking: Booking) -> Persona:
        avatar = self._catalog.find(booking.avatar_id)
        if self._catalog.state(avatar) is not TrainingState.READY:
            raise AkoolRefusal(Code.AVATAR_PROCESSING, "live avatar in processing")
        if not self._catalog.available(avatar):
            raise AkoolRefusal(Code.BUSY, "live avatar processing is busy")
        persona = Persona(
            avatar.name,
            avatar.job,
            portrait=avatar.portrait,
            gender=avatar.gender,
            timbre=avatar.timbre,
        )
        if booking.knowledge_id is None:
            return persona
        knowledge = self._knowledge_bases.find(booking.knowledge_id)
        return replace(persona, prologue=knowledge.prologue, prompt=knowledge.prompt)

    def _opened(self, booking: Booking, persona: Persona, price: float) -> HostedSession:
        session_id = secrets.token_hex(12)
        channel = f"sim-{session_id}"
        life = timedelta(seconds=self._options.token_life)
        client = booking.own_room or self._rooms.issue(channel, CLIENT_UID, life)
        connection = self._rooms.avatar_connection(
            booking.own_room or self._rooms.issue(channel, AVATAR_UID, timedelta(hours=2))
        )
        options = replace(self._options, shape=self.shape)
        avatar = SimulatedAvatar(connection, Talker(persona), booking.params, options, self._clock, speech=self._speech)
        return HostedSession(session_id, booking, client, avatar, price, self._clock.now())

    def _remember(self, session: HostedSession) -> None:
        self._hosted[session.id] = session
        over = [other.id for other in self._hosted.values() if not other.open]
        for stale in over[:-HISTORY_LIMIT]:
            del self._hosted[stale]

    async def _host(self, session: HostedSession) -> None:
        outcome = SessionState.OVER
        try:
            async with asyncio.timeout(session.booking.duration):
                await self._arrive(session)
        except TimeoutError:
            pass  # its time is up, as paid
        except RoomError:
            outcome = SessionState.FAILED
        finally:
            self._settle(session, outcome)

    async def _arrive(self, session: HostedSession) -> None:
        """A session without its avatar stays open, and costs, until it is closed or its time is up."""
        if self.join_delay is not None:
            await asyncio.sleep(self.join_delay)
            session.state = SessionState.LIVE
            await session.avatar.perform()
        await asyncio.Event().wait()

    def _settle(self, session: HostedSession, outcome: SessionState) -> None:
        if not session.open:
            return
        used = (self._clock.now() - session.created_at).total_seconds() / session.booking.duration
        session.state = outcome
        session.refunded = session.price * max(0.0, 1 - used)
        self._account.refund(session.refunded)
        session.avatar.connection.lose(LossReason.LOST, "the session is over")
        if session.booking.own_room is None:
            self._rooms.close(session.client.channel)
