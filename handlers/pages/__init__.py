"""What do people see in a browser? Read-only pages, rendered on the server: organizations, workspaces, runs.

A door: each `*_view.py` gathers what one page shows; `room.py` puts them together, and says what holds for all.
"""

from handlers.pages.room import blueprint

__all__ = ["blueprint"]
