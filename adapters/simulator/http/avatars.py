"""AKOOL's avatar endpoints, v4 and the v3 ones that are another list."""

from pathlib import Path
from typing import Literal

import msgspec
from starlette.requests import Request
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from adapters.simulator.avatar_catalog import BLANK, AvatarCatalog, CatalogAvatar
from adapters.simulator.http.auth import HttpAuth, body, query
from adapters.simulator.http.schemas import AvatarRow, CreateAvatar, Listing, Paging, UploadRow

PORTRAITS = Path(__file__).parent.parent / "portraits"

V3, V4 = "/api/open/v3/avatar", "/api/open/v4/liveAvatar/avatar"


class AvatarQuery(Paging, kw_only=True):
    platform: Literal["open", "aigc"] = "open"


class AvatarRoutes:
    def __init__(self, catalog: AvatarCatalog) -> None:
        self._catalog = catalog

    def routes(self, gate: HttpAuth) -> list[Route | Mount]:
        return [
            gate.route("POST", f"{V3}/create", self._create),
            gate.route("GET", f"{V3}/list", self._list_v3),
            gate.route("GET", f"{V3}/detail", self._detail_v3),
            gate.route("GET", f"{V4}/list", self._list),
            gate.route("GET", f"{V4}/detail", self._detail),
            Mount("/static/avatars", StaticFiles(directory=PORTRAITS)),
        ]

    async def _create(self, request: Request) -> UploadRow:
        wanted = await body(request, CreateAvatar)
        made = self._catalog.upload(wanted.avatar_id, wanted.name, wanted.url)
        assert made.made_at is not None
        return UploadRow(
            record_id=made.record_id,
            status=int(self._catalog.state(made)),
            create_time=int(made.made_at.timestamp() * 1000),
            name=made.name,
            avatar_id=made.avatar_id,
            url=made.video,
            modify_url=made.video,
            thumbnail=portrait(request, made),
        )

    async def _list(self, request: Request) -> Listing:
        wanted = query(request, AvatarQuery)
        listed = [avatar for avatar in self._catalog if avatar.platform == wanted.platform]
        rows = [self._row(request, avatar) for avatar in listed]
        for row, avatar in zip(rows, listed, strict=True):
            row.available = self._catalog.available(avatar)
        return Listing(count=len(rows), result=wanted.cut(rows))

    async def _detail(self, request: Request) -> AvatarRow:
        avatar = self._catalog.find(request.query_params.get("avatar_id", ""))
        row = self._row(request, avatar)
        row.platform = avatar.platform
        return row

    async def _list_v3(self, request: Request) -> list[AvatarRow]:
        """A bare array, and not the same avatars as v4: its first one cannot be used for a session."""
        general = AvatarRow(
            record_id="67498e55cd053926b2e7ffff",
            type=1,
            origin=2,
            avatar_id="sim_General_talking_720P",
            name="General",
            url=f"{request.base_url}static/avatars/{BLANK}.svg",
            thumbnail=f"{request.base_url}static/avatars/{BLANK}.svg",
            gender="female",
        )
        return query(request, Paging).cut(
            [general, *(self._row(request, avatar) for avatar in self._catalog if avatar.platform == "open")]
        )

    async def _detail_v3(self, request: Request) -> list[AvatarRow]:
        """By the record's `_id`, and an array of one."""
        return [self._row(request, self._catalog.find_record(request.query_params.get("id", "")))]

    def _row(self, request: Request, avatar: CatalogAvatar) -> AvatarRow:
        picture = portrait(request, avatar)
        return AvatarRow(
            record_id=avatar.record_id,
            origin=2 if avatar.official else 3,
            avatar_id=avatar.avatar_id,
            voice_id=avatar.voice_id or msgspec.UNSET,  # seen to be missing on avatars of one's own
            name=avatar.name,
            url=avatar.video or picture,
            thumbnail=picture,
            gender=avatar.gender,
            status=int(self._catalog.state(avatar)),
        )


def portrait(request: Request, avatar: CatalogAvatar) -> str:
    """Where this server shows what an avatar looks like."""
    return f"{request.base_url}static/avatars/{avatar.portrait}.svg"
