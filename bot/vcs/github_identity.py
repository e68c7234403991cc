"""Is the repository at this path of GitHub's still the one that we know?

GitHub is asked by path. It redirects the path of a renamed repository, but only until somebody makes a new one of that
name: then, if we missed the renaming, the new one would be taken for ours.
https://docs.github.com/en/repositories/creating-and-managing-repositories/renaming-a-repository
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from urllib.parse import quote

from bot.connection import Repository
from bot.errors import NotFound, OutsideTrouble
from bot.events import HostRepository
from bot.vcs.github_client import GitHubClient, as_described
from bot.vcs.github_reading import read_repository

LASTS = timedelta(seconds=60)  # what was seen at a path is taken to be there for as long


def look_up(repository: Repository, client: GitHubClient) -> HostRepository:
    """The repository by its id: the address to which GitHub redirects the paths of renamed ones. Raises NotFound."""
    deed = f"looking up {repository.path} by its id"
    found = client.find(deed, f"/repositories/{quote(repository.host_id, safe='')}")
    if found is None:
        raise NotFound(f"GitHub shows {repository.path} to this connection no more; check its access")
    with as_described(deed):
        return read_repository(found)


class Identities:
    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self._seen: dict[str, tuple[str, datetime]] = {}  # path → (id, when it was seen there)

    def check(self, repository: Repository, client: Callable[[], GitHubClient]) -> None:
        """Raises OutsideTrouble (permanent) if another repository is at its path, or if GitHub can't be asked."""
        host_id, seen_at = self._seen.get(repository.path, ("", None))
        if host_id == repository.host_id and seen_at is not None and self._now() - seen_at < LASTS:
            return
        deed = f"looking whether {repository.path} is the same as before"
        with as_described(deed):
            found = client().find(deed, f"/repos/{quote(repository.path)}")
            if found is None:
                return  # nothing to be mistaken for ours; what is asked next says that it isn't there
            if read_repository(found).host_id != repository.host_id:
                raise OutsideTrouble(f"{deed}: {repository.path} is another repository now", permanent=True)
        self._seen[repository.path] = (repository.host_id, self._now())
