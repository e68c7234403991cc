"""The credential reaches the right host and no other place: no argument, no file, no message, no other host."""

import os
import re
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from werkzeug.serving import BaseWSGIServer, make_server
from werkzeug.wrappers import Request, Response

from bot.errors import OutsideTrouble, Refused
from bot.vcs.askpass import SCRIPT, environment, install
from bot.vcs.clone_url import parse_clone_url
from bot.vcs.code_host import GitCredential
from bot.vcs.mirror import Mirror
from tests.fakes.git_repositories import Work, new_work
from tests.fakes.git_server import GitServer, WSGIApp

PASSWORD = "pa$$w0rd'\"`x` \\n%41"
CREDENTIAL = GitCredential("x-access-token", PASSWORD)


@contextmanager
def serving(app: WSGIApp) -> Iterator[str]:
    """The app on a loopback port of its own; its address."""
    server: BaseWSGIServer = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def work(tmp_path: Path) -> Work:
    work = new_work(tmp_path / "infra")
    work.commit({"main.tf": "x"})
    work.push()
    return work


def nothing(environ: dict[str, Any], start_response: Any) -> Any:
    return Response("no", 404)(environ, start_response)


def private(work: Work) -> GitServer:
    def allows(_path: str, user: str | None, password: str | None, _writes: bool) -> bool:
        return (user, password) == (CREDENTIAL.username, PASSWORD)

    return GitServer(lambda path: work.bare if path == "acme/infra" else None, allows)


def everything_written(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())


def test_a_private_repository_is_fetched_and_the_credential_stays_nowhere(
    work: Work, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Every program that Git starts, and Git itself, is watched by a shim that notes its arguments.
    shim = tmp_path / "bin" / "git"
    shim.parent.mkdir()
    real = next(path for path in os.environ["PATH"].split(":") if os.access(f"{path}/git", os.X_OK))
    shim.write_text(f'#!/bin/sh\nprintf "%s\\n" "$@" >> {tmp_path}/argv\nexec {real}/git "$@"\n')
    shim.chmod(0o755)
    monkeypatch.setenv("PATH", f"{shim.parent}:{os.environ['PATH']}")
    monkeypatch.setenv("GIT_TRACE", f"{tmp_path}/trace")  # must not reach Git: its environment is ours
    sha = work.git("rev-parse", "HEAD")
    server = private(work)
    with serving(server.under(nothing)) as address:
        mirror = Mirror(tmp_path / "mirrors" / "m", f"{address}/acme/infra.git", CREDENTIAL, timeout_seconds=20)
        mirror.ensure_commit(sha, refs=["refs/heads/main"])
        assert mirror.branch_heads() == {"main": sha}
    assert {request.user for request in server.requests} == {None, "x-access-token"}
    assert (tmp_path / "argv").read_bytes().count(b"fetch") >= 1
    assert PASSWORD.encode() not in (tmp_path / "argv").read_bytes()
    assert PASSWORD.encode() not in everything_written(tmp_path / "mirrors")
    assert PASSWORD not in repr(mirror)
    assert PASSWORD not in repr(vars(mirror._place))
    assert not (tmp_path / "trace").exists()


def test_a_wrong_credential_is_permanent_trouble_without_the_credential_in_it(work: Work, tmp_path: Path) -> None:
    server = private(work)
    with serving(server.under(nothing)) as address:
        for credential in (GitCredential("x-access-token", "wr0ng-one"), None):
            mirror = Mirror(tmp_path / "m", f"{address}/acme/infra.git", credential, timeout_seconds=20)
            with pytest.raises(OutsideTrouble, match=r"fetching acme/infra at 1111111: ") as caught:
                mirror.ensure_commit("1" * 40)
            assert caught.value.permanent
            chain = f"{caught.value!r} {caught.value.__cause__!r} {vars(caught.value.__cause__)}"
            assert "wr0ng-one" not in chain


def test_a_host_that_repeats_the_password_is_not_quoted(tmp_path: Path) -> None:
    def app(environ: dict[str, Any], start_response: Any) -> Any:
        if "HTTP_AUTHORIZATION" not in environ:
            return Response("", 401, {"WWW-Authenticate": 'Basic realm="x"'})(environ, start_response)
        told = Response(f"your password {PASSWORD} is wrong", 403, {"Content-Type": "text/plain"})
        return told(environ, start_response)

    with serving(app) as address:
        mirror = Mirror(tmp_path / "m", f"{address}/acme/infra.git", CREDENTIAL, timeout_seconds=20)
        with pytest.raises(OutsideTrouble, match=r"your password \*\*\* is wrong") as caught:
            mirror.fetch_everything()
    assert PASSWORD not in str(vars(caught.value.__cause__))


def test_the_credential_does_not_follow_a_redirect_to_another_host(work: Work, tmp_path: Path) -> None:
    seen: list[str | None] = []

    def thief(environ: dict[str, Any], start_response: Any) -> Any:
        seen.append(environ.get("HTTP_AUTHORIZATION"))
        return Response("", 401, {"WWW-Authenticate": 'Basic realm="x"'})(environ, start_response)

    with serving(thief) as elsewhere:

        def app(environ: dict[str, Any], start_response: Any) -> Any:
            request = Request(environ)
            if "Authorization" not in request.headers and request.path.startswith("/asks"):
                return Response("", 401, {"WWW-Authenticate": 'Basic realm="x"'})(environ, start_response)
            target = f"{elsewhere}{request.full_path}"
            return Response("", 302, {"Location": target})(environ, start_response)

        with serving(app) as address:
            for path in ("asks/infra.git", "quiet/infra.git"):
                mirror = Mirror(tmp_path / path, f"{address}/{path}", CREDENTIAL, timeout_seconds=20)
                with pytest.raises(OutsideTrouble):
                    mirror.fetch_everything()
    assert seen
    assert set(seen) == {None}


def test_a_renamed_repository_at_the_same_host_is_followed(work: Work, tmp_path: Path) -> None:
    server = private(work)

    def app(environ: dict[str, Any], start_response: Any) -> Any:
        request = Request(environ)
        if request.path.startswith("/acme/old.git"):
            target = request.full_path.replace("/acme/old.git", "/acme/infra.git")
            return Response("", 301, {"Location": target})(environ, start_response)
        return server.under(nothing)(environ, start_response)

    sha = work.git("rev-parse", "HEAD")
    with serving(app) as address:
        mirror = Mirror(tmp_path / "m", f"{address}/acme/old.git", CREDENTIAL, timeout_seconds=20)
        mirror.ensure_commit(sha)
    assert mirror.has_commit(sha)


@pytest.mark.parametrize("target", ["file:///etc/passwd", "ftp://127.0.0.1/x"])
def test_a_redirect_to_another_kind_of_place_is_not_followed(tmp_path: Path, target: str) -> None:
    def app(environ: dict[str, Any], start_response: Any) -> Any:
        return Response("", 302, {"Location": target})(environ, start_response)

    with serving(app) as address:
        mirror = Mirror(tmp_path / "m", f"{address}/acme/infra.git", timeout_seconds=20)
        with pytest.raises(OutsideTrouble, match="fetching acme/infra"):
            mirror.fetch_everything()


def answer(question: str, folder: Path, credential: GitCredential = CREDENTIAL) -> tuple[int, str]:
    program = install(folder)
    assert program.stat().st_mode & 0o777 == 0o700
    variables = environment(program, parse_clone_url("https://git.example:8443/acme/infra.git"), credential)
    done = subprocess.run([program, question], env=variables, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout


@pytest.mark.parametrize("username", ["x-access-token", "gitlab+deploy-token-1", "bob@example.org"])
def test_the_helper_answers_the_questions_of_one_host(tmp_path: Path, username: str) -> None:
    credential = GitCredential(username, PASSWORD)
    encoded = username.replace("+", "%2B").replace("@", "%40")
    assert answer("Username for 'https://git.example:8443': ", tmp_path, credential) == (0, username + "\n")
    for shown in (username, encoded):
        question = f"Password for 'https://{shown}@git.example:8443': "
        assert answer(question, tmp_path, credential) == (0, PASSWORD + "\n")


@pytest.mark.parametrize(
    "question",
    ["Password for 'https://x-access-token@evil.example': ", "Password for 'http://x-access-token@git.example:8443': ",
     "Password for 'https://x-access-token@git.example': ", "Username for 'https://git.example': ", "", "*",
     "Password for 'https://eve@git.example:8443': ", "Enter passphrase for key '/root/.ssh/id_rsa': "],
)  # fmt: skip
def test_the_helper_answers_nobody_else(tmp_path: Path, question: str) -> None:
    assert answer(question, tmp_path) == (1, "")


def test_a_changed_helper_is_written_anew(tmp_path: Path) -> None:
    program = install(tmp_path)
    program.write_text("#!/bin/sh\necho stolen\n")
    assert install(tmp_path).read_text() == SCRIPT
    assert os.listdir(tmp_path) == [program.name]


@pytest.mark.parametrize("url", ["ssh://git@git.example/x", "/srv/x.git"])
def test_only_http_gets_a_credential(tmp_path: Path, url: str) -> None:
    assert environment(tmp_path / "askpass", parse_clone_url(url), CREDENTIAL) == {}


@pytest.mark.parametrize(
    "url",
    ["https://bob:s3cret@git.example/x", "https://s3cret@git.example/x", "ssh://git:s3cret@git.example/x",
     "ext::sh -c true", "git://git.example/x", "", "-x", "--upload-pack=x", "acme/infra", "../x", "https://",
     "https://git.example:99999/x", "https://git.example/x?y=1", "https://git.example/x#y", "https://git.example/a b",
     "https://git_.-/x", "https://gít.example/x", "https://git.example\\@evil/x", "ssh://git.example/-x",
     "git@-oProxyCommand=x:y", "git@git.example:-x", "file://host/x", "/srv/a\nb", "https://git.example/\x00"],
)  # fmt: skip
def test_clone_urls_that_are_refused(tmp_path: Path, url: str) -> None:
    with pytest.raises(Refused) as caught:
        Mirror(tmp_path / "m", url)
    assert not re.search("s3cret|[\x00-\x1f]", str(caught.value))
