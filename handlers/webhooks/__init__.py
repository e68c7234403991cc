"""The hosts' door: verify over the raw bytes, remember durably, answer 202 within milliseconds."""

from handlers.webhooks.door import blueprint

__all__ = ["blueprint"]
