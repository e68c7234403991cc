"""What a real engine meets in a stage: our names before a workspace's, no secret in the open, nothing of this machine,
and our state whatever the configuration says.
"""

import pytest

from tests.bot.runner.conftest import NEEDS_TERRAFORM, Runner
from tests.fakes.runner_server import RUN_TOKEN, FakeRunlock

pytestmark = pytest.mark.engine


@NEEDS_TERRAFORM
def test_presets_overrule_and_switches_are_left_out(server: FakeRunlock, runner: Runner) -> None:
    def env(key: str, value: str) -> dict[str, object]:
        return {"key": key, "value": value, "category": "env", "hcl": False, "sensitive": False}

    configuration = """
variable "TFC_RUN_ID" {}
variable "mine" {}
resource "terraform_data" "a" {
  provisioner "local-exec" {
    command = "echo got $TFE_ADDRESS $MINE in $PWD; env | grep -c -e TF_WORKSPACE -e LD_PRELOAD; true"
  }
}
output "o" { value = "${var.TFC_RUN_ID} ${var.mine}" }
"""
    variables = [
        env("TFE_ADDRESS", "elsewhere"),
        env("MINE", "my own"),
        env("TF_VAR_mine", "from env"),
        env("TF_WORKSPACE", "other"),
        env("LD_PRELOAD", "/evil.so"),
        env("NOT A NAME", "x"),
    ]
    planned = server.plan({"main.tf": configuration}, variables=variables)
    runner.execute(planned)
    applied = server.apply(planned)
    runner.execute(applied)
    assert applied.result is not None
    assert "got https://runlock.example.com my own in /runlock/tree" in applied.text
    assert "(local-exec): 0" in applied.text
    assert 'o = "run-7 from env"' in applied.text
    notes = " ".join(applied.result["notes"])
    assert "TFE_ADDRESS of the workspace was overruled" in notes
    assert "TF_WORKSPACE was left out" in notes
    assert "LD_PRELOAD was left out" in notes
    assert "'NOT A NAME' was left out" in notes


@NEEDS_TERRAFORM
def test_secrets_are_masked_and_stand_in_no_argument(server: FakeRunlock, runner: Runner) -> None:
    def secret(key: str, value: str, category: str, *, hcl: bool = False) -> dict[str, object]:
        return {"key": key, "value": value, "category": category, "hcl": hcl, "sensitive": True}

    configuration = """
variable "plain" {}
variable "list" { type = list(string) }
resource "terraform_data" "a" {
  provisioner "local-exec" {
    command = "echo $SHOUT; cat /proc/[0-9]*/cmdline | tr '\\\\0' ' '; echo $TFE_TOKEN | rev; env"
  }
}
output "o" { value = "${var.plain} ${var.list[0]} ${base64encode(var.plain)}" }
"""
    variables = [
        secret("plain", "swordfish-1", "terraform"),
        secret("list", '["swordfish-2"]', "terraform", hcl=True),
        secret("SHOUT", "swordfish-3", "env"),
    ]
    planned = server.plan(
        {"main.tf": configuration.replace("nonsensitive(var.plain)", "var.plain")}, variables=variables
    )
    runner.execute(planned)
    applied = server.apply(planned)
    runner.execute(applied)
    text = planned.text + applied.text
    assert RUN_TOKEN[::-1] in text  # it was there to be shown
    assert "(redacted)" in text
    assert "c3dvcmRmaXNoLTE" not in text
    for token in ("swordfish", RUN_TOKEN, planned.token, applied.token, "pool-token"):
        assert token not in text
    assert "-var-file=" in text or "apply -input=false" in text


@NEEDS_TERRAFORM
def test_the_sandbox_shows_neither_the_runner_nor_the_server(server: FakeRunlock, runner: Runner) -> None:
    work = runner.settings.work_folder
    configuration = f"""
resource "terraform_data" "a" {{
  provisioner "local-exec" {{
    command = "ls -d {work} /root /home /work /etc/shadow 2>/dev/null; touch /x /usr/x 2>/dev/null; echo seen nothing"
  }}
}}
"""
    planned = server.plan({"main.tf": configuration})
    runner.execute(planned)
    applied = server.apply(planned)
    runner.execute(applied)
    output = [line for line in applied.text.splitlines() if line.startswith("terraform_data.a (local-exec):")]
    assert output[1:] == ["terraform_data.a (local-exec): seen nothing"]


@NEEDS_TERRAFORM
def test_committed_backends_overrides_and_states_do_not_redirect_the_state(server: FakeRunlock, runner: Runner) -> None:
    local = 'terraform {\n  backend "local" {\n    path = "mine.tfstate"\n  }\n}\n'
    files = {
        "main.tf": 'resource "terraform_data" "a" {}\n',
        "override.tf": local,
        "zzzz_runlock_override.tf.json": '{"terraform":{"cloud":{"organization":"x","workspaces":{"name":"y"}}}}',
        "zzzzzz_override.tf": local,
        ".terraform/terraform.tfstate": '{"version":3,"backend":{"type":"local","config":{"path":"a"},"hash":1}}',
        ".terraform/environment": "other",
        "terraform.tfstate": '{"version":4,"serial":9,"lineage":"l","outputs":{},"resources":[]}',
        "errored.tfstate": "{}",
        "tfplan": "a stray plan",
    }
    planned = server.plan(files)
    runner.execute(planned)
    applied = server.apply(planned)
    runner.execute(applied)
    assert applied.result is not None
    assert applied.result["outcome"] == "succeeded", applied.text
    assert len(server.states) >= 1
    assert applied.uploads == {}
    assert planned.result is not None
    assert any("terraform.tfstate was set aside" in note for note in planned.result["notes"])
