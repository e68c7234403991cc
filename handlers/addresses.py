"""Under which address does whoever asks reach us? Links in an answer must lead back the same way."""

from urllib.parse import urlsplit

from flask import request

from bot.settings import Settings


def reached_at(settings: Settings) -> str:
    """The address of this request, without a slash at its end. The embedded runner is here past every proxy.

    Under the public address it is that address as it is set: behind a proxy the scheme can't be seen from here.
    """
    address = settings.address.rstrip("/")
    return address if request.host == urlsplit(address).netloc else request.url_root.rstrip("/")
