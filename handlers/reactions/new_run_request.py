"""What does a new run need to know? What all runs of one event have in common."""

from dataclasses import dataclass

from bot.connection import Repository
from bot.events import NOBODY, HostUser
from bot.manifest import VariableValue
from bot.run import TriggerReason
from bot.run_options import ORDINARY, RunOptions
from storage.configuration_versions import ConfigurationVersion


@dataclass(frozen=True)
class RunRequest:
    """`delivery` is what makes each of the event's runs unique, with its workspace."""

    repository: Repository | None  # None: the configuration was uploaded
    commit_sha: str
    trigger_reason: TriggerReason
    delivery: str
    branch: str = ""
    tag: str = ""
    base_sha: str = ""
    pull_number: int | None = None
    created_by: str = ""
    created_by_id: str = ""  # of a user or a team of ours, where it was one
    sender: HostUser = NOBODY  # the same, as the host knows them
    before_sha: str = ""  # of a push
    message: str = ""
    may_auto_apply: bool = False
    auto_apply: bool | None = None  # asked for with this run; None: as the workspace has it
    is_destroy: bool = False
    source: str = ""  # TFE's word for who asked, if somebody did by hand
    version: ConfigurationVersion | None = None  # a configuration that is there already; None: it is fetched
    options: RunOptions = ORDINARY
    variables: tuple[VariableValue, ...] = ()  # of this run alone: they win over the workspace's

    @property
    def origin(self) -> Repository:
        """The repository whose event this is. Raises LookupError for a request that came from none."""
        if self.repository is None:
            raise LookupError(f"{self.delivery} is no event of a repository")
        return self.repository
