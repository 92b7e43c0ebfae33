"""Between the wrapper and the native library: that the stub referees, and that what it may still point to is there."""

from pathlib import Path

from tests.integration.agora.hub import Hub
from tests.integration.agora.vendor import start_python
from tests.patience import HANG_S

MISUSE = """
import os, threading
from agora.rtc.agora_service import AgoraService
from agora.rtc.agora_base import AgoraServiceConfig, RTCConnConfig, RtcConnectionPublishConfig, AudioScenarioType
from agora.rtc.rtc_connection_observer import IRTCConnectionObserver

class Misuse(IRTCConnectionObserver):
    def on_connected(self, connection, info, reason):
        connection.send_stream_message(b"inside a callback")
        called.set()

called = threading.Event()

service = AgoraService()
service.initialize(AgoraServiceConfig(appid="app"))
publish = RtcConnectionPublishConfig(audio_scenario=AudioScenarioType.AUDIO_SCENARIO_DEFAULT, is_publish_audio=False)
connection = service.create_rtc_connection(RTCConnConfig(), publish)
connection.register_observer(Misuse())
connection.connect("token", "room", "7")
called.wait()
connection.disconnect()
connection.release()
connection.renew_token("after the release")
AgoraService()
os._exit(0)
"""


LATE = """
import asyncio, gc, os
from pathlib import Path
from adapters.agora.sdk.loading import load
load()
from adapters.agora.sdk.connection import SdkConnection, new_service

async def main():
    service = new_service("app", 1, Path("/tmp"))
    for _ in range(5):
        connection = SdkConnection(service, 1, print, print)
        await connection.join("room", "7", "token")
        await connection.watch("1001")
        await connection.leave()
        del connection
        gc.collect()
    await asyncio.sleep(0.6)

asyncio.run(main())
print("alive", flush=True)
os._exit(0)
"""


async def test_the_stub_tells_on_who_misuses_the_sdk(wrapper: Path, hub: Hub) -> None:
    process = start_python(wrapper, MISUSE, AGORA_STUB_SOCKET=str(hub.path))
    await hub.until(lambda: len(hub.processes) == 1 and not hub.alive)
    process.communicate(timeout=HANG_S)

    assert hub.violations == [
        "agora_rtc_conn_send_stream_message",
        "agora_rtc_conn_renew_token",
        "a second service in one process",
    ]
    hub.violations.clear()


async def test_the_native_side_may_call_after_it_was_released(wrapper: Path, hub: Hub) -> None:
    process = start_python(wrapper, LATE, AGORA_STUB_SOCKET=str(hub.path), AGORA_STUB_LATE="1")
    await hub.until(lambda: len(hub.processes) == 1 and not hub.alive)
    output, complaints = process.communicate(timeout=HANG_S)

    assert (process.returncode, complaints) == (0, "")
    assert output.endswith("alive\n")
