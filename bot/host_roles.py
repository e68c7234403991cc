"""Which role does a person have in the repository, at its host, and what does it allow? Read at the moment of doing."""

from enum import IntEnum

from bot.workspace import ApplyPermission


class HostRole(IntEnum):
    """A person's role in a repository, on one scale for both hosts; a larger number may do more.

    GitHub: https://docs.github.com/en/rest/collaborators/collaborators (role_name).
    GitLab: https://docs.gitlab.com/ee/api/members.html (access levels 10 to 50).
    """

    NONE = 0
    READ = 10
    TRIAGE = 20
    WRITE = 30
    MAINTAIN = 40
    ADMIN = 50


def role_from_github(name: str) -> HostRole:
    """GitHub's `role_name`; a custom role that GitHub maps to none of these counts as reading."""
    return {
        "admin": HostRole.ADMIN,
        "maintain": HostRole.MAINTAIN,
        "write": HostRole.WRITE,
        "triage": HostRole.TRIAGE,
        "read": HostRole.READ,
        "none": HostRole.NONE,
        "": HostRole.NONE,
    }.get(name, HostRole.READ)


def role_from_gitlab(access_level: int) -> HostRole:
    """GitLab's access level; 40 (maintainer) is its highest role for a project short of owning it."""
    if access_level >= 40:
        return HostRole.ADMIN
    if access_level >= 30:
        return HostRole.WRITE
    if access_level >= 20:
        return HostRole.TRIAGE
    return HostRole.READ if access_level >= 10 else HostRole.NONE


# Of whoever writes a comment, on top of what their user may, if they have one.
_LEAST = {
    ApplyPermission.WRITE: HostRole.WRITE,
    ApplyPermission.MAINTAIN: HostRole.MAINTAIN,
    ApplyPermission.ADMIN: HostRole.ADMIN,
}


def may_apply(role: HostRole, needed: ApplyPermission) -> bool:
    """Whether a role at the host reaches a workspace's `apply-permission`."""
    return role >= _LEAST[needed]


def may_plan(role: HostRole) -> bool:
    """Planning runs the pull request's code with the workspace's variables: writers only."""
    return role >= HostRole.WRITE
