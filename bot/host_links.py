"""Where is something to be looked at, at its code host? Addresses of hosts are text from outside."""

from urllib.parse import quote, urlsplit

from bot.connection import Provider, Repository


def outside_url(url: str) -> str:
    """The address if it is http or https, else nothing: a host must not make a `javascript:` link of ours."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return ""
    return url if parts.scheme in ("http", "https") and parts.netloc else ""


def public_url(url: str) -> str:
    """The address if it is one for everybody: no folder of this machine, and nobody's credentials in it."""
    found = outside_url(url)
    return "" if "@" in urlsplit(found).netloc else found


def commit_url(repository: Repository | None, provider: Provider | None, commit_sha: str) -> str:
    """The commit at its host; empty where there is no page (plain Git)."""
    return _page(repository, provider, "commit/", quote(commit_sha, safe=""))


def pull_url(repository: Repository | None, provider: Provider | None, number: int) -> str:
    kind = "merge_requests/" if provider is not None and provider.is_gitlab else "pull/"
    return _page(repository, provider, kind, str(number))


def compare_url(repository: Repository, provider: Provider, base_sha: str, commit_sha: str) -> str:
    """What a commit adds to another one."""
    return _page(repository, provider, "compare/", f"{quote(base_sha, safe='')}...{quote(commit_sha, safe='')}")


def _page(repository: Repository | None, provider: Provider | None, kind: str, which: str) -> str:
    base = outside_url(repository.html_url) if repository else ""
    if not base or provider is None:
        return ""
    return f"{base.rstrip('/')}{'/-/' if provider.is_gitlab else '/'}{kind}{which}"
