"""Who may apply and plan, on either host, and does every unknown role mean the least?"""

from itertools import product

import pytest

from bot.host_roles import HostRole, may_apply, may_plan, role_from_github, role_from_gitlab
from bot.workspace import ApplyPermission

R, P = HostRole, ApplyPermission


@pytest.mark.parametrize(
    ("name", "role"),
    [
        ("admin", R.ADMIN),
        ("maintain", R.MAINTAIN),
        ("write", R.WRITE),
        ("triage", R.TRIAGE),
        ("read", R.READ),
        ("none", R.NONE),
        ("", R.NONE),
        ("our-custom-role", R.READ),
        ("Admin", R.READ),
    ],
)
def test_github(name: str, role: HostRole) -> None:
    assert role_from_github(name) is role


@pytest.mark.parametrize(
    ("level", "role"),
    [
        (0, R.NONE),
        (5, R.NONE),
        (10, R.READ),
        (15, R.READ),
        (20, R.TRIAGE),
        (29, R.TRIAGE),
        (30, R.WRITE),
        (40, R.ADMIN),
        (50, R.ADMIN),
        (60, R.ADMIN),
    ],
)
def test_gitlab(level: int, role: HostRole) -> None:
    assert role_from_gitlab(level) is role


def test_gitlab_levels_reach_what_the_design_says() -> None:
    least = {needed: min(level for level in range(61) if may_apply(role_from_gitlab(level), needed)) for needed in P}
    assert least == {P.WRITE: 30, P.MAINTAIN: 40, P.ADMIN: 40}


@pytest.mark.parametrize(("role", "needed"), list(product(HostRole, ApplyPermission)))
def test_who_may_apply(role: HostRole, needed: ApplyPermission) -> None:
    allowed = {
        ApplyPermission.WRITE: {HostRole.WRITE, HostRole.MAINTAIN, HostRole.ADMIN},
        ApplyPermission.MAINTAIN: {HostRole.MAINTAIN, HostRole.ADMIN},
        ApplyPermission.ADMIN: {HostRole.ADMIN},
    }
    assert may_apply(role, needed) is (role in allowed[needed])


@pytest.mark.parametrize("role", list(HostRole))
def test_only_writers_may_plan(role: HostRole) -> None:
    assert may_plan(role) is (role in {HostRole.WRITE, HostRole.MAINTAIN, HostRole.ADMIN})
