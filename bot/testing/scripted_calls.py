"""What befalls the calls of a fake: counted, delayed or failed on request."""

import contextlib
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping

Hook = Callable[..., Awaitable[object]]


class ScriptedCalls:
    """A fake whose calls go wrong as a test says. Everything is filed under the name of the method.

    `faults` are raised by the next calls, one each, and nothing was done; `late_faults` are raised once the call has had its
    effect, so that its caller cannot know. `before` and `after` its effect hooks are awaited with the call's arguments: they may
    wait, or raise. `calls` counts all of them.
    """

    def __init__(self) -> None:
        self.faults: defaultdict[str, list[Exception]] = defaultdict(list)
        self.late_faults: defaultdict[str, list[Exception]] = defaultdict(list)
        self.before: dict[str, Hook] = {}
        self.after: dict[str, Hook] = {}
        self.calls: Counter[str] = Counter()

    @contextlib.asynccontextmanager
    async def called(self, method: str, *args: object) -> AsyncIterator[None]:
        """One call, whose effect is the block's."""
        self.calls[method] += 1
        await self._hook(self.before, method, args)
        _fail(self.faults, method)
        yield
        await self._hook(self.after, method, args)
        _fail(self.late_faults, method)

    @staticmethod
    async def _hook(hooks: Mapping[str, Hook], method: str, args: tuple[object, ...]) -> None:
        if hook := hooks.get(method):
            await hook(*args)


def _fail(faults: dict[str, list[Exception]], method: str) -> None:
    if waiting := faults.get(method):
        raise waiting.pop(0)
