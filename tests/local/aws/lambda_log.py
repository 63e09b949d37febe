"""The Lambda log: every line a function printed, the moment it printed it.

`REKEY_LOCAL_AWS_LAMBDA_LOG` names the file: {"at": Unix ms, "function": name, "line": text}. MiniStack drains a
function's output after a guess of 5 to 50 ms; here the drain ends when the pipe is empty, so that no line is missed
and a quiet function does not cost 50 ms per step. A function writes its lines before it posts its response, hence they
are in the log when the invocation has ended.
"""

import fcntl
import json
import os
import queue
import select
import struct
import termios
import threading
import time

from ministack.core import lambda_runtime

import hooks

# The longest that the end of an invocation waits for the rest of its output, in seconds.
_DRAIN_LIMIT = 0.25


class _Log:
    def __init__(self, name):
        self._out = open(name, "a", buffering=1, encoding="utf-8") if name else None

    def write(self, function, line):
        if self._out and line:
            entry = {"at": round(time.time() * 1000, 3), "function": function, "line": line}
            self._out.write(json.dumps(entry) + "\n")


class _Pump:
    """Reads one pipe. Reading and handing on happen under one lock: who holds it and finds an empty pipe saw all."""

    def __init__(self, descriptor, on_line):
        self._descriptor = descriptor
        self._on_line = on_line
        self._lock = threading.Lock()
        self._rest = b""
        self._ended = False

    def run(self):
        poll = select.poll()
        poll.register(self._descriptor, select.POLLIN)
        while not self._ended:
            poll.poll()
            with self._lock:
                self._read_once()

    def _read_once(self):
        data = os.read(self._descriptor, 65536)
        *lines, self._rest = (self._rest + data).split(b"\n")
        if not data:
            self._ended = True
            if self._rest:
                lines.append(self._rest)
        for line in lines:
            self._on_line(line.decode("utf-8", errors="replace").rstrip("\r"))

    def is_drained(self):
        with self._lock:
            if self._ended:
                return True
            try:
                return struct.unpack("i", fcntl.ioctl(self._descriptor, termios.FIONREAD, b"\0" * 4))[0] == 0
            except OSError:
                return True


def _keep(lines, line):
    """Adds to MiniStack's bounded queue; the oldest line goes first, because blocking would stall the function."""
    while True:
        try:
            lines.put_nowait(line)
            return
        except queue.Full:
            try:
                lines.get_nowait()
            except queue.Empty:
                pass


def _drain(worker, *_args, **_kwargs):
    pump = getattr(worker, "rekey_pump", None)
    limit = time.monotonic() + _DRAIN_LIMIT
    while pump is not None and not pump.is_drained() and time.monotonic() < limit:
        time.sleep(0.001)
    return worker._drain_stderr()


def install():
    log = _Log(os.environ.get("REKEY_LOCAL_AWS_LAMBDA_LOG"))

    def run_pump(worker, stream, lines):
        def on_line(line):
            log.write(worker.func_name, line)
            _keep(lines, line)

        worker.rekey_pump = _Pump(stream.fileno(), on_line)
        with stream:
            worker.rekey_pump.run()

    def read_stderr(worker):
        run_pump(worker, worker._proc.stderr, worker._stderr_queue)

    hooks.replace(lambda_runtime.ProvidedWorker, "_pump_output", run_pump)
    hooks.replace(lambda_runtime.Worker, "_read_stderr", read_stderr)
    hooks.replace(lambda_runtime.Worker, "_drain_stderr_bounded", _drain)
    hooks.take(lambda_runtime.Worker, "_drain_stderr")
