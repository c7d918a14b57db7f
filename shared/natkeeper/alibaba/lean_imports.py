"""Why does importing the SDKs take half a second, and what does a cold start get instead?

Each product's `models` package imports over a thousand classes, of which a run needs ten; `lazy_models` puts a
module in `sys.modules` first that finds a class when it is asked for (PEP 562 for a whole package). And the
base packages import asynchronous HTTP, a scheduler, RSA signatures and a search for credentials that our calls
never use; while the SDK is imported these are placeholders, afterwards they turn into the real thing at the
first use. NATKEEPER_PLAIN_IMPORTS=1 turns all of it off. docs/performance.md has the figures.
"""

from __future__ import annotations

import importlib
import importlib.util
import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

PLAIN = "NATKEEPER_PLAIN_IMPORTS"
UNUSED = (
    "importlib.metadata", "mimetypes", "zipfile",  # urllib3 and requests, for HTTP/2, uploads and roots in an archive
    "xml.etree", "xml.etree.ElementTree",  # darabonba, for products that speak XML
    "aiohttp", "aiofiles", "asyncio",  # darabonba and Tea, for asynchronous calls
    "websocket", "websocket._abnf",  # darabonba, for streaming products
    "cryptography.hazmat.primitives", "cryptography.hazmat.primitives.asymmetric",  # alibabacloud_tea_openapi, for
    "cryptography.hazmat.primitives.serialization",  # signatures with an RSA key pair
    "alibabacloud_credentials", "alibabacloud_credentials.client",  # clients that search for credentials themselves
    "apscheduler.schedulers.background",  # alibabacloud_credentials, to refresh what it found
)  # fmt: skip
"""What the SDK's base packages import at their top and synchronous calls with given credentials never use."""


class LazyModels(ModuleType):
    """Stands for `alibabacloud_x.models`: a class is imported from its submodule when it is first named.

    A submodule is called after the request or answer it describes (`_describe_instances_response_body`), and its
    classes begin with that name (`DescribeInstancesResponseBodyInstances`), so the longest file name that
    begins the class name is the one. What is not found that way is looked for in the complete package.
    """

    def __init__(self, spec: ModuleSpec) -> None:
        super().__init__(spec.name)
        self.__spec__, self.__package__, self.__file__ = spec, spec.name, spec.origin
        self.__path__ = list(spec.submodule_search_locations or ())
        stems = (file.rpartition(".")[0] for folder in self.__path__ for file in os.listdir(folder))  # noqa: PTH208
        self._stems = {stem.replace("_", ""): stem for stem in stems if stem.startswith("_")}

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        found = self._find(name)
        if found is None:
            self._become_complete()
            found = vars(self).get(name)
        if found is None:
            raise AttributeError(f"{self.__name__} has no {name}")
        setattr(self, name, found)
        return found

    def stem_of(self, name: str) -> str | None:
        """Return the submodule in which the class `name` should be."""
        key = name.lower()
        return next((self._stems[key[:n]] for n in range(len(key), 0, -1) if key[:n] in self._stems), None)

    def _find(self, name: str) -> Any:
        stem = self.stem_of(name)
        if stem is None:
            return None
        return getattr(importlib.import_module(f"{self.__name__}.{stem}"), name, None)

    def _become_complete(self) -> None:
        if self.__spec__ is not None and self.__spec__.loader is not None:
            self.__spec__.loader.exec_module(self)


class Deferred(ModuleType):
    """Stands for a module while the SDK is imported; used later, it is the real one."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self._importing = True
        self.placeholders: list[str] = []

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        if not self._importing:
            return self.real(name)
        self.placeholders.append(name)
        return Placeholder(name, (), {"_home": self})

    def real(self, name: str) -> Any:
        """Import what `name` stands for: an attribute of the module, or a module of the package."""
        module = importlib.import_module(self.__name__)
        try:
            return getattr(module, name)
        except AttributeError:
            return importlib.import_module(f"{self.__name__}.{name}")

    def imported(self) -> None:
        """The SDK is imported: from now on be the real module."""
        self._importing = False


class Placeholder(type):
    """Stands for a class, a function or a module that was imported from a Deferred by its name.

    It can be an annotation; called, or asked for a part, it is the real thing.
    """

    _home: Deferred

    def __call__(cls, *args: Any, **kwargs: Any) -> Any:
        return cls._home.real(cls.__name__)(*args, **kwargs)

    def __getattr__(cls, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return getattr(cls._home.real(cls.__name__), name)


@contextmanager
def lean(package: str) -> Iterator[None]:
    """Import the client and the models of `package`, such as alibabacloud_ecs20140526, as cheaply as can be.

    To be put around the first import statements that name the package.
    """
    if os.environ.get(PLAIN) == "1":
        yield
    else:
        lazy_models(package)
        with deferred():
            yield
    quiet_sdk_logs()


def lazy_models(package: str) -> None:
    """Put a LazyModels in the place of `package`.models, unless that is imported already."""
    name = f"{package}.models"
    if name in sys.modules:
        return
    parent = importlib.import_module(package)
    spec = importlib.util.find_spec(name)
    if spec is None:
        return
    models = LazyModels(spec)
    sys.modules[name] = models
    setattr(parent, "models", models)  # noqa: B010  mypy knows no such attribute


@contextmanager
def deferred(names: tuple[str, ...] = UNUSED) -> Iterator[list[Deferred]]:
    """Have placeholders instead of the modules `names`, except for those that are imported already."""
    stand_ins = [Deferred(name) for name in names if name not in sys.modules]
    sys.modules.update({stand_in.__name__: stand_in for stand_in in stand_ins})
    try:
        yield stand_ins
    finally:
        for stand_in in stand_ins:
            if sys.modules.get(stand_in.__name__) is stand_in:
                del sys.modules[stand_in.__name__]
            stand_in.imported()


def quiet_sdk_logs() -> None:
    """Remove the handlers that the SDK's base packages attach at import: their lines would break our JSON lines."""
    for name in ("darabonba-core", "alibabacloud-tea", "credentials"):
        logger = logging.getLogger(name)
        for handler in list(logger.handlers):
            logger.removeHandler(handler)
        if logger.level == logging.DEBUG:
            logger.setLevel(logging.WARNING)
