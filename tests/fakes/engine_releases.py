"""A place for engine releases on loopback, in both makers' layouts, signed with keys of our own."""

import hashlib
import io
import json
import threading
import warnings
import zipfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pysequoia

from bot.runner.engine_download import platform_name


class Signer:
    """An OpenPGP key that can sign."""

    def __init__(self, owner: str) -> None:
        with warnings.catch_warnings():  # the library is renaming its classes
            warnings.simplefilter("ignore", DeprecationWarning)
            self._cert = pysequoia.Cert.generate(user_id=f"{owner} <{owner}@example.com>")
        self.public_key = str(self._cert)

    def sign(self, document: bytes) -> bytes:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            signer = self._cert.secrets.signer()
            return bytes(pysequoia.sign(signer, document, mode=pysequoia.SignatureMode.DETACHED))


class EngineReleases:
    """Serves `files`; a path in `cut_off` is announced whole and sent by half."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.cut_off: set[str] = set()
        self.asked: list[str] = []
        self._server = _Server(self)
        self._thread = threading.Thread(target=lambda: self._server.serve_forever(poll_interval=0.02))

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> "EngineReleases":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def publish(self, engine: str, version: str, binary: bytes, signer: Signer, *, sums: bytes | None = None) -> str:
        """Publish a release; the path of its archive. `sums` replaces the right list of sums (it is signed, too)."""
        terraform = engine == "terraform"
        folder = f"/terraform/{version}" if terraform else f"/v{version}"
        stem = f"{engine}_{version}"
        archive_name = f"{stem}_{platform_name()}.zip"
        archive = zip_of({engine: binary, "LICENSE.txt": b"free"})
        listed = f"{hashlib.sha256(archive).hexdigest()}  {archive_name}\n".encode()
        document = listed if sums is None else sums
        self.files[f"{folder}/{archive_name}"] = archive
        self.files[f"{folder}/{stem}_SHA256SUMS"] = document
        self.files[f"{folder}/{stem}_SHA256SUMS.{'sig' if terraform else 'gpgsig'}"] = signer.sign(document)
        self._list(engine, version)
        return f"{folder}/{archive_name}"

    def _list(self, engine: str, version: str) -> None:
        if engine == "terraform":
            known = json.loads(self.files.get("/terraform/index.json", b'{"versions": {}}'))
            known["versions"][version] = {}
            self.files["/terraform/index.json"] = json.dumps(known).encode()
        else:
            known = json.loads(self.files.get("/tofu/api.json", b'{"versions": []}'))
            known["versions"].append({"id": version})
            self.files["/tofu/api.json"] = json.dumps(known).encode()


def zip_of(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as packed:
        for name, content in files.items():
            packed.writestr(name, content)
    return buffer.getvalue()


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, releases: EngineReleases) -> None:
        self.releases = releases
        super().__init__(("127.0.0.1", 0), _Handler)


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        releases = self.server.releases
        releases.asked.append(self.path)
        content = releases.files.get(self.path)
        self.send_response(404 if content is None else 200)
        self.send_header("Content-Length", str(len(content or b"")))
        self.end_headers()
        if content:
            self.wfile.write(content[: len(content) // 2] if self.path in releases.cut_off else content)
