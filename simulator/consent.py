"""What the administrator of the simulated tenant said yes to: what the product's own guide asks for, and no more."""

from __future__ import annotations

from services.rights import graph_permissions

GRANTED: frozenset[str] = graph_permissions()
