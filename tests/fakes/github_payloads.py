"""Which payloads of GitHub's are recorded, and of which event is each?"""

import json
from pathlib import Path
from typing import Any

PAYLOADS = Path(__file__).parents[1] / "payloads/github"
EVENTS = {
    "check_run_requested_action": "check_run",
    "commit_comment_created": "commit_comment",
    "installation_created": "installation",
    "installation_repositories_added": "installation_repositories",
    "issue_comment_created": "issue_comment",
    "ping": "ping",
    "pull_request_deleted_fork": "pull_request",
    "pull_request_opened": "pull_request",
    "push": "push",
    "push_tag": "push",
    "repository_renamed": "repository",
    "repository_transferred": "repository",
}


def payload(name: str, **changes: Any) -> dict[str, Any]:
    """A recorded payload; `changes` are laid over its top level."""
    return {**json.loads((PAYLOADS / f"{name}.json").read_text()), **changes}
