"""What does the v2 API answer? TFE's JSON:API, as its clients speak it (tfe-contract 0, 2.2 and 5).

A door: each file reads what was asked, lets a reaction decide, and writes the document. `room.py` puts them together.
"""

from handlers.api.room import blueprint

__all__ = ["blueprint"]
