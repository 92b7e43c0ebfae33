"""The shapes of AKOOL's requests and answers, as its OpenAPI and its pages have them."""

from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

UID = 100010
"""Of the account's owner."""

Page = Annotated[int, Meta(ge=1)]
PageSize = Annotated[int, Meta(ge=1, le=100)]


class Listing(msgspec.Struct, kw_only=True):
    count: int
    result: list[Any]


class Paging(msgspec.Struct, kw_only=True):
    page: Page = 1
    size: PageSize = 100

    def cut(self, rows: list[Any]) -> list[Any]:
        return rows[(self.page - 1) * self.size : self.page * self.size]


# ---------------------------------------------------------------- avatars


class AvatarRow(msgspec.Struct, kw_only=True):
    """`platform` is in a detail only, `available` in a list only, as AKOOL's examples have it."""

    record_id: str = msgspec.field(name="_id")
    uid: int = UID
    type: int = 2
    origin: int = msgspec.field(name="from")
    avatar_id: str
    voice_id: str | UnsetType = UNSET
    name: str
    url: str
    thumbnail: str = msgspec.field(name="thumbnailUrl")
    gender: str
    available: bool | UnsetType = UNSET
    platform: str | UnsetType = UNSET
    status: int | UnsetType = UNSET


class UploadRow(msgspec.Struct, kw_only=True):
    record_id: str = msgspec.field(name="_id")
    disabled: bool = False
    uid: int = UID
    type: int = 2
    origin: int = msgspec.field(name="from", default=3)
    status: int
    sort: int = 12
    create_time: int
    name: str
    avatar_id: str
    url: str
    modify_url: str
    gender: str = ""
    thumbnail: str = msgspec.field(name="thumbnailUrl")
    crop_arr: list[Any] = []


class CreateAvatar(msgspec.Struct, kw_only=True):
    url: Annotated[str, Meta(pattern=r"^https?://\S+$")]
    avatar_id: Annotated[str, Meta(pattern=r"^[a-zA-Z0-9]+$")]
    name: Annotated[str, Meta(min_length=1)]
    type: Literal[2]
    url_from: Literal[1, 2]


# ---------------------------------------------------------------- sessions


class Credentials(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A connection. The token is only in the answer to `create`."""

    agora_uid: int
    agora_app_id: str = ""
    agora_channel: str
    agora_token: str | UnsetType = UNSET


class SessionRow(msgspec.Struct, kw_only=True):
    session_id: str = msgspec.field(name="_id")
    uid: int = UID
    type: int = 1
    status: int
    stream_type: str = "agora"
    credentials: Credentials


class CreateSession(msgspec.Struct, kw_only=True):
    """`scene_mode` and the transports that have no simulated room are refused as features the account does not have."""

    avatar_id: Annotated[str, Meta(min_length=1)]
    duration: Annotated[float, Meta(gt=0, le=3600)] | None = None
    knowledge_id: str | None = None
    voice_id: str | None = None
    voice_url: str | None = None
    language: str | None = None
    mode_type: Literal[1, 2] | None = None
    background_url: str | None = None
    voice_params: dict[str, Any] = {}
    stream_type: Literal["agora"] = "agora"
    credentials: Credentials | None = None
    scene_mode: None = None


class CloseSession(msgspec.Struct, kw_only=True):
    """AKOOL's documents disagree about the key: `id` in its OpenAPI, `session_id` on its page."""

    id: str = ""
    session_id: str = ""
    record_id: str = msgspec.field(name="_id", default="")


class SessionQuery(Paging, kw_only=True):
    size: Page = 100  # no maximum is documented for this list
    status: Literal[1, 2, 3, 4] | None = None


# ---------------------------------------------------------------- knowledge


class DocumentRow(msgspec.Struct, kw_only=True):
    name: str = ""
    url: str
    size: int = 0


class KnowledgeRow(msgspec.Struct, kw_only=True):
    knowledge_id: str = msgspec.field(name="_id")
    team_id: str = "65f0000000000000000000aa"
    uid: int = UID
    user_type: int = 2
    origin: int = msgspec.field(name="from", default=2)
    name: str
    prologue: str
    prompt: str
    docs: list[DocumentRow]
    urls: list[str]
    create_time: int
    update_time: int


class WriteKnowledge(msgspec.Struct, kw_only=True):
    id: str = ""
    name: str | UnsetType = UNSET
    prologue: str | UnsetType = UNSET
    prompt: str | UnsetType = UNSET
    docs: list[DocumentRow] | UnsetType = UNSET
    urls: list[str] | UnsetType = UNSET


# ---------------------------------------------------------------- voices


class VoiceRow(msgspec.Struct, kw_only=True):
    record_id: str = msgspec.field(name="_id")
    uid: int = 0
    team_id: str = ""
    voice_id: str
    gender: str
    language: str
    locale: str
    name: str
    preview: str
    text: str = ""
    duration: int = 5_000
    status: int = 3
    create_time: int = 1_735_700_000_000
    update_time: int = 1_735_700_000_000
    style: list[str]
    scenario: list[str]
    age: list[str]
    deduction_credit: int = 0
    webhook_url: str = msgspec.field(name="webhookUrl", default="")
    voice_model_name: str
    support_stream: bool


class VoiceListing(Listing, kw_only=True):
    page: int
    size: int


class VoiceQuery(Paging, kw_only=True):
    """`type` is required: 1 is the account's own voices, 2 AKOOL's."""

    type: Literal[1, 2]
    size: PageSize = 10
    name: str = ""
    gender: str = ""
    style: str = ""
    support_stream: Literal[1, 2] | None = None
