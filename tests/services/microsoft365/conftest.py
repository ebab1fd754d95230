from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.services.microsoft365.graph_bench import EMPTY, GraphBench


@pytest.fixture
async def wire() -> AsyncIterator[GraphBench]:
    made = GraphBench(EMPTY)
    yield made
    await made.close()
