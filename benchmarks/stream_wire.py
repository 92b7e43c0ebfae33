"""What a text costs on the wire, beside AKOOL's own cutting rule; how soon an interrupt is out; how fast it all is.

Run: python -m benchmarks.stream_wire. Exit code 1 when a limit is missed.
"""

import math
import random
import sys
import time
from collections.abc import Callable, Iterator

from adapters.akool.stream.protocol import Chat, Interrupt, encode, escaped_size
from adapters.akool.stream.sender import DEFAULT_BUDGET, Idle, Outgoing, SendQueue, Wait
from bot.clock import new_id

RATIO_LIMIT = 1.12
PACKETS_LIMIT = 1
CHARACTERS = 4_000
SEED = 2
AKOOL_PACKET_BYTES = 950

SHORT_MID = "msg-1723629433573"
"""As AKOOL's pages write them: what the limit is for."""

MIDS = {"as on AKOOL's pages": SHORT_MID, "a turn of ours": new_id()}

WORDS = {
    "ASCII": [
        "the",
        "avatar",
        "says",
        "what",
        "people",
        "write",
        "in",
        "its",
        "thread",
        "and",
        "answers",
        "when",
        "it",
        "can",
        "okay",
        "right",
    ],
    "mixed": [
        "the",
        "avatar",
        "говорит",
        "добре",
        "日本語の文章",
        "مرحبا",
        "über",
        "größer",
        "naïve",
        "👩🏽\u200d💻",
        "👨\u200d👩\u200d👧",
        "🇩🇪",
        "it's",
        '"quoted"',
        "50%",
        "done",
    ],
}


def sample(words: list[str]) -> str:
    """Sentences of 4 to 16 of these words."""
    source, text = random.Random(SEED), ""
    while len(text) < CHARACTERS:
        text += " ".join(source.choices(words, k=source.randint(4, 16))).capitalize() + ". "
    return text[:CHARACTERS]


def ours(text: str, mid: str) -> list[bytes]:
    outbox = SendQueue()
    outbox.open(mid)
    outbox.write(mid, text)
    outbox.finish(mid)
    return [packet.data for _, packet in drain(outbox)]


def akools(text: str, mid: str) -> list[bytes]:
    """The rule of AKOOL's own client: a quarter of the room in characters, halved until it fits."""
    packets: list[bytes] = []
    while text:
        empty = len(encode(Chat(mid, len(packets), fin=False, text="")))
        length = (AKOOL_PACKET_BYTES - empty) // 4
        while len(packet := encode(Chat(mid, len(packets), len(text) <= length, text[:length]))) > AKOOL_PACKET_BYTES:
            length //= 2
        packets.append(packet)
        text = text[length:]
    return packets


def drain(outbox: SendQueue, now: float = 0.0) -> Iterator[tuple[float, Outgoing]]:
    while not isinstance(step := outbox.next_packet(now), Idle):
        if isinstance(step, Wait):
            now += step.seconds
        else:
            yield now, step


def floor(text: str, mid: str) -> float:
    """The ratio if every packet could be filled to its last byte."""
    envelope, size = len(encode(Chat(mid, 0, fin=False, text=""))), escaped_size(text)
    return 1 + math.ceil(size / (DEFAULT_BUDGET.packet_bytes - envelope)) * envelope / size


def ratio(packets: list[bytes], text: str) -> float:
    return sum(map(len, packets)) / escaped_size(text)


def packets_before_interrupt(kilobytes: int) -> int:
    """The worst over every moment at which somebody might interrupt while so much is queued."""
    worst, text = 0, "word " * (kilobytes * 200)
    for sent_before in range(0, 55, 5):
        outbox = SendQueue()
        outbox.open("turn")
        outbox.write("turn", text)
        outbox.finish("turn")
        queued = drain(outbox)
        now = [at for at, _ in (next(queued) for _ in range(sent_before))][-1] if sent_before else 0.0
        outbox.drop_speech()
        outbox.control("cmd", encode(Interrupt("cmd")))
        worst = max(worst, [packet.mid for _, packet in drain(outbox, now)].index("cmd") + 1)
    return worst


def milliseconds(work: Callable[[], object], times: int = 20) -> float:
    started = time.perf_counter()
    for _ in range(times):
        work()
    return (time.perf_counter() - started) / times * 1000


def main() -> int:
    missed = False
    print(f"{CHARACTERS} characters: bytes on the wire / escaped bytes of the text")
    print(f"(limit {RATIO_LIMIT}; floor: every packet full to its last byte)\n")
    print(f"{'text':8}{'mid':22}{'floor':>8}{'ours':>8}{'packets':>9}{'AKOOL':>8}{'packets':>9}")
    for name, words in WORDS.items():
        text = sample(words)
        for form, mid in MIDS.items():
            mine, theirs = ours(text, mid), akools(text, mid)
            missed |= ratio(mine, text) > RATIO_LIMIT
            costs = f"{floor(text, mid):8.3f}{ratio(mine, text):8.3f}{len(mine):9}"
            print(f"{name:8}{form:22}{costs}{ratio(theirs, text):8.3f}{len(theirs):9}")
    worst = packets_before_interrupt(50)
    missed |= worst > PACKETS_LIMIT
    print(f"\nan interrupt with 50 kB queued is on the wire as packet no. {worst} (limit {PACKETS_LIMIT})")
    text = sample(WORDS["mixed"])
    print(f"cutting and encoding {CHARACTERS} mixed characters: {milliseconds(lambda: ours(text, 'turn')):.1f} ms")
    return missed


if __name__ == "__main__":
    sys.exit(main())
