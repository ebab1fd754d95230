"""A private PostgreSQL for tests. Where the server is not installed they are skipped; in CI they fail."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from simulator import postgres
from simulator.postgres import Cluster, NotInstalled
from tests.machine import go_without

__all__ = ["Cluster", "cluster"]


@contextmanager
def cluster(*settings: str) -> Iterator[Cluster]:
    """Starts a cluster of its own, with further settings that go before the usual ones."""
    with ExitStack() as stack:
        try:
            server = stack.enter_context(postgres.cluster(*settings))
        except NotInstalled as error:
            go_without(str(error))
        yield server
