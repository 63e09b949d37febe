"""The Runtime API answers without Nagle's delay.

MiniStack sends an event's headers and body in two writes; on the connection that a custom runtime keeps open, Nagle's
algorithm and the client's delayed acknowledgement turn that into 40 ms per step, more than a step itself takes.
"""

from ministack.core import lambda_runtime

import hooks


def install():
    @hooks.wrap(lambda_runtime.ProvidedWorker, "_build_handler_class")
    def without_delay(original, *args):
        handler = original(*args)
        hooks.replace(handler, "disable_nagle_algorithm", True)
        return handler
