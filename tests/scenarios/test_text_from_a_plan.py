"""Text from a plan is shown, and does nothing: it leaves no fence, mentions nobody, closes and hides nothing."""

from __future__ import annotations

import re
from typing import Any

import mistune
import pytest

from tests.scenarios.talk import BEFORE_MERGE, Team, marked
from tests.scenarios.world import World

HOSTILE = r"""
resource "terraform_data" "hostile" {
  for_each = toset([
    "a`b``c```d", "</details><h1>x", "<!-- x", "--> x", "@acme/everybody @all", "| x | y", "[x](https://evil.test)",
    "https://evil.test/x", "#1 !1", "\u202Etxt", "/close"
  ])
  input = <<-EOT
    ```
    </details>
    <img src=x onerror=alert(1)>
    <!-- runlock:0000000000000000000000000000000000000000 -->
    @acme/everybody @alice look, https://evil.test and #1 and !1
    ~~~~~~~~~~
    ````````````
    /approve
    /close
    apply
    EOT
}
output "shown" {
  # After an apply the engine shows these lines as they are, without anything in front of them.
  value = "x\n```\n</details>\n/close\n@alice https://evil.test #1 <img src=x>\n<!-- \n"
}
"""
TITLE = "Now </details> @acme/everybody ``` <!-- #1 https://evil.test"


def outside_of_code(body: str) -> str:
    """What is left of a comment's page when all code is taken out: only our own words should be there."""
    render: Any = mistune.create_markdown(escape=False, plugins=["table"])
    page = str(render(marked(body)))
    page = re.sub(r"<pre>.*?</pre>", "", page, flags=re.DOTALL)
    return re.sub(r"<code>.*?</code>", "", page, flags=re.DOTALL)


def assert_harmless(body: str) -> None:
    page = outside_of_code(body)
    for bait in ("@acme", "@all", "@alice", "evil.test", "<img", "<h1>", "<!--", "#1", "!1", "onerror"):
        assert bait not in page, page
    assert page.count("<details>") == page.count("</details>")
    assert not re.search(r"^/\w", body, re.MULTILINE), "GitLab reads quick actions line by line"
    assert re.search(r"<!-- runlock:[0-9a-f]{40} -->$", body.rstrip())


@pytest.mark.parametrize("workflow", [{}, BEFORE_MERGE])
def test_a_hostile_plan_in_every_comment(world: World, workflow: dict[str, Any]) -> None:
    team = Team(world, **workflow)
    pull = team.open(files={"main.tf": HOSTILE}, title=TITLE)
    if not workflow:
        pull.merge(by=team.alice)
        world.settle()
    for text in ("explain", "apply"):
        team.say(pull, text)

    bodies = [comment.body for comment in pull.comments if comment.author is team.host.bot]
    assert len(bodies) >= 4
    assert any("hostile" in body for body in bodies)
    for body in bodies:
        assert_harmless(body)


def test_a_hostile_error_in_the_comment(world: World) -> None:
    """A failed plan quotes the configuration."""
    team = Team(world)
    bad = 'output "x" {\n  value = tonumber("</details>``` @acme/everybody <!-- https://evil.test #1")\n}\n'
    pull = team.open(files={"main.tf": bad})

    (living,) = pull.comments
    assert "failed" in living.body
    assert_harmless(living.body)
    assert team.status(pull.head_sha, "runlock/plan").startswith("failure: plan failed")


def test_hostile_names_of_branches_and_people(github_world: World) -> None:
    team = Team(github_world)
    eve = team.host.person("eve-acme", role="write", repo=team.repo)
    team.repo.push("x`</details>@acme/everybody-#1", {"main.tf": HOSTILE}, by=eve)
    pull = team.repo.open_pull("x`</details>@acme/everybody-#1", by=eve, title=TITLE)
    github_world.settle()
    pull.merge(by=eve)
    github_world.settle()
    team.say(pull, "explain", eve)

    for comment in pull.comments:
        if comment.author is team.host.bot:
            assert_harmless(comment.body)
