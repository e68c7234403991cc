"""A plan's end is one moment (tfe-contract 0.5): the prompt comes every time, or the CLI would end without asking.

`make race` does it 200 times.
"""

import os

from tests.clients.conftest import Desk

ROUNDS = int(os.environ.get("RACE_ROUNDS", "10"))


def test_the_prompt_comes_every_time(ready_desk: Desk) -> None:
    for number in range(ROUNDS):
        said = ready_desk.terminal.run("apply", "-no-color", "-var", f"greeting={number}", answer="yes\n").ok()
        assert "Do you want to perform these actions" in said.text, f"round {number}:\n{said.text}"
        assert "Apply complete!" in said.text, f"round {number}:\n{said.text}"
