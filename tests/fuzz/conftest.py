"""Fixtures of the short rounds."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.graph_contract import WATCH


@pytest.fixture(autouse=True)
def _graph_contract(request: pytest.FixtureRequest) -> Iterator[None]:
    """What is asked for because of a broken answer (a page, an id) fits no contract of Graph, and need not."""
    yield
    request.config.stash[WATCH].fresh.clear()
