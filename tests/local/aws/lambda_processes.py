"""What a Lambda process may see, and when it must die.

Environment: MiniStack hands a function the whole environment of the server. Here it gets what AWS defines, its own
variables, and of the server's only the few below. Without HOME the SDKs would look up the account's home directory,
so HOME is the function's code.

Death: each process is started through `setpriv --pdeathsig KILL`, so it cannot outlive the launcher even when that
gets SIGKILL. The signal is bound to the *thread* that forked, and MiniStack starts functions from threads that end
with the invocation; so one thread that lives as long as the launcher does all the starting.
"""

import os
import queue
import shutil
import subprocess
import threading
from concurrent.futures import Future

from ministack.core import lambda_runtime
from ministack.services import lambda_svc

import hooks

_INHERITED = frozenset({"PATH", "LANG", "TZ", "TMPDIR", "AWS_ENDPOINT_URL"})
_DEFINED_BY_AWS = frozenset({
    "AWS_REGION", "AWS_DEFAULT_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN",
    "LAMBDA_TASK_ROOT", "_HANDLER", "_LAMBDA_FUNCTION_ARN", "_LAMBDA_TIMEOUT", "_LAMBDA_LAYERS_DIRS",
})

_starting = threading.local()


def _environment(given, function_variables, directory):
    kept = {
        name: value for name, value in given.items()
        if name in _INHERITED or name in _DEFINED_BY_AWS or name.startswith("AWS_LAMBDA_")
        or name in function_variables or name not in os.environ
    }
    kept.setdefault("HOME", directory)
    return kept


class _Starter:
    """The one thread that forks."""

    def __init__(self):
        self._jobs = queue.SimpleQueue()
        self._children = []
        self._setpriv = shutil.which("setpriv")
        if self._setpriv is None:
            raise SystemExit("setpriv is missing: install util-linux")
        threading.Thread(target=self._run, daemon=True, name="lambda-starter").start()

    def _run(self):
        while True:
            future, arguments, options = self._jobs.get()
            try:
                future.set_result(subprocess.Popen(arguments, **options))
            except BaseException as error:
                future.set_exception(error)

    def popen(self, command, **options):
        """subprocess.Popen as MiniStack calls it, with the environment and the end of a Lambda."""
        config = getattr(_starting, "config", None)
        variables = ((config or {}).get("Environment") or {}).get("Variables") or {}
        options["env"] = _environment(options.get("env") or {}, variables, options.get("cwd") or "/nonexistent")
        if not os.access(command[0], os.X_OK) and not shutil.which(command[0]):
            raise FileNotFoundError(command[0])
        future = Future()
        self._jobs.put((future, [self._setpriv, "--pdeathsig", "KILL", "--", *command], options))
        child = future.result()
        self._children = [known for known in self._children if known.poll() is None] + [child]
        return child

    def end_all(self):
        """SIGKILL: on AWS an environment is frozen or gone between invocations, nothing waits for it either."""
        for child in self._children:
            if child.poll() is None:
                child.kill()
        for child in self._children:
            child.wait()


def install():
    """Returns the function that ends every Lambda process."""
    starter = _Starter()
    shim = hooks.Shim(subprocess, Popen=starter.popen)
    hooks.replace(lambda_runtime, "subprocess", shim)
    hooks.replace(lambda_svc, "subprocess", shim)
    for kind in (lambda_runtime.Worker, lambda_runtime.ProvidedWorker):
        @hooks.wrap(kind, "_spawn")
        def spawn(original, worker, *args, **kwargs):
            _starting.config = worker.config
            try:
                return original(worker, *args, **kwargs)
            finally:
                _starting.config = None
    return starter.end_all
