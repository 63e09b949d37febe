"""SQS long polls answer when a message arrives, not at MiniStack's next look.

MiniStack's ReceiveMessage looks every 100 ms, which would hide what the agent itself needs. Every producer calls
`esm_wake.set()` after it appended a message; that call here also ends the sleep of each waiting ReceiveMessage. The
original tick stays for what no producer announces: a visibility timeout or a delay that runs out.
"""

import asyncio

from ministack.core import concurrency
from ministack.services import sqs

import hooks


class _Waiters:
    """The ReceiveMessage calls that sleep now; all of them live on the one event loop."""

    def __init__(self):
        self._loop = None
        self._waiting = set()

    async def sleep(self, seconds):
        self._loop = asyncio.get_running_loop()
        future = self._loop.create_future()
        timer = self._loop.call_later(seconds, self._finish, future)
        self._waiting.add(future)
        try:
            await future
        finally:
            timer.cancel()
            self._waiting.discard(future)

    def wake(self):
        """Called from any thread."""
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._wake_all)

    def _wake_all(self):
        for future in list(self._waiting):
            self._finish(future)

    @staticmethod
    def _finish(future):
        if not future.done():
            future.set_result(None)


def install():
    waiters = _Waiters()
    hooks.take(sqs, "esm_wake")
    announce = concurrency.esm_wake.set

    def set_and_wake():
        announce()
        waiters.wake()

    concurrency.esm_wake.set = set_and_wake
    hooks.replace(sqs, "asyncio", hooks.Shim(asyncio, sleep=waiters.sleep))
