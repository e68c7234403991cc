"""What does an error of Git mean for us: wait, give up, look elsewhere, or mend the mirror?

Git tells its errors apart by their text only; with LC_ALL=C the text is stable. Lines of the other side (`remote:`)
are never taken for a fault of our own repository.
"""

import re

from bot.errors import OutsideTrouble
from bot.vcs.git_command import GitFailed, spoken

_ABSENT = re.compile(
    r"couldn't find remote ref|not our ref|unadvertised object|Server does not allow request for"
    r"|does not match any remote ref",
    re.IGNORECASE,
)
_REFUSED_BY_HOST = re.compile(
    r"Authentication failed|could not read (Username|Password)|Permission denied|Invalid username or password"
    r"|HTTP Basic: Access denied|returned error: 40[0134]|returned error: 410|repository .*not found"
    r"|does not appear to be a git repository|Host key verification failed|transport '.*' not allowed"
    r"|mismatched algorithms|fsck error|access denied",
    re.IGNORECASE,
)
_AUTHENTICATION = re.compile(
    r"Authentication failed|could not read (Username|Password)|HTTP Basic: Access denied", re.I
)
_BROKEN = re.compile(
    r"^fatal: not a git repository|object file .* is empty|loose object .* is corrupt|object .* is corrupt"
    r"|bad object|bad tree object|not a tree object|missing (blob|tree|commit|object)"
    r"|unable to (read|find|parse|unpack)"
    r"|cannot read|could not read (?!Username|Password|from remote)|failed to (read|unpack|parse)|inflate"
    r"|invalid sha1 pointer|does not point to a valid object|(index|pack) file .* (is|has|does|too)"
    r"|packfile .* |bad pack header|bad config|bad signature|did not send all necessary objects|unresolved deltas"
    r"|unable to resolve reference|broken (ref|link|object)|hash mismatch|sha1 mismatch|remote did not send",
    re.IGNORECASE,
)
_LOCKED = re.compile(r"Unable to create '.*\.lock': File exists", re.IGNORECASE)


def is_absent(failed: GitFailed) -> bool:
    """The host answered, and doesn't have or doesn't give what we named."""
    return _ABSENT.search(failed.said) is not None


def is_broken(failed: GitFailed) -> bool:
    """It sounds as if our own copy were damaged; `git fsck` decides."""
    ours = (line for line in failed.said.split("\n") if not line.startswith("remote:"))
    return not failed.timed_out and any(_BROKEN.search(line) for line in ours)


def is_locked(failed: GitFailed) -> bool:
    """A lock file of Git stood in the way: of a process at work, or of one that was killed."""
    return _LOCKED.search(failed.said) is not None


def trouble(doing: str, failed: GitFailed) -> OutsideTrouble:
    """The error for the caller. Permanent where asking again with the same credential can't help."""
    if _AUTHENTICATION.search(failed.said):
        return OutsideTrouble(f"{doing}: the host doesn't accept our credential, or wants one", permanent=True)
    reason = spoken(failed.said) or f"git ended with exit code {failed.code}"
    permanent = _REFUSED_BY_HOST.search(failed.said) is not None
    return OutsideTrouble(f"{doing}: {reason}", permanent=permanent)
