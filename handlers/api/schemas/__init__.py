"""What does each kind of resource say? Tables of attributes and relationships, by theme; they read nothing.

The tests hold every answer of the API to them: a name that is missing here, or too many, fails the test that met it.
"""

from handlers.api.schemas import people, runs, states, workspaces
from handlers.api.schemas.words import Kind

KINDS: dict[str, Kind] = {kind.name: kind for theme in (people, workspaces, runs, states) for kind in theme.KINDS}

__all__ = ["KINDS", "Kind"]
