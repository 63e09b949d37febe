"""How the launcher reaches into MiniStack: one private function at a time, and never silently.

MiniStack looks most of its functions up in module globals at each call, so replacing the global is enough. A name
that a later version moved must stop the start rather than leave a rule of AWS's out, so nothing here has a default.
"""

import functools


def take(module, name):
    """The attribute, or AttributeError: a hook that is not there any more stops the launcher."""
    return getattr(module, name)


def replace(module, name, new):
    """Puts `new` in place of an attribute that must exist, and returns the original."""
    original = take(module, name)
    setattr(module, name, new)
    return original


def wrap(module, name):
    """Decorator: the function below gets the original as its first argument and takes its place."""

    def decorate(function):
        original = take(module, name)

        @functools.wraps(original)
        def wrapper(*args, **kwargs):
            return function(original, *args, **kwargs)

        setattr(module, name, wrapper)
        return wrapper

    return decorate


class Shim:
    """A module seen through a few replaced names: for a service that calls `asyncio.sleep` or `subprocess.Popen`."""

    def __init__(self, module, **replaced):
        for name in replaced:
            take(module, name)
        self.__dict__.update(replaced)
        self._module = module

    def __getattr__(self, name):
        return getattr(self._module, name)
