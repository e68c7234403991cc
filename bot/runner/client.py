"""How does a runner talk to Runlock? Requests of `/runner/v1`, with one answer for each way they can fail.

Every method may raise OutsideTrouble; one that is not `permanent` (network, 5xx, 429) is worth another try.
"""

from collections.abc import Callable
from contextlib import ExitStack, nullcontext
from pathlib import Path
from typing import Any, BinaryIO, TypeVar
from urllib.parse import quote

import requests
import requests.auth
from tenacity import RetryCallState, Retrying, retry_if_exception, stop_after_delay, wait_exponential_jitter

from bot.errors import OutsideTrouble, RunlockError
from bot.runner.job import Claim, StageResult
from bot.runner.wire import Wire
from bot.stage_words import Signal

TIMEOUTS = (10, 60)  # seconds to connect, and between two bytes of an answer
# From a request to its answer's end; whoever transfers what is large ends it by another limit.
EXCHANGE_SECONDS = 300  # enough for a piece of log over a slow line
CLAIM_SECONDS = 60
HEARTBEAT_SECONDS = 15  # a cancel comes with the answer
PIECE = 1024 * 1024  # bytes read and written at once
LARGEST_DOWNLOAD = 4 * 1024**3  # bytes
T = TypeVar("T")


class StaleLease(RunlockError):
    """Somebody else owns the job now: end at once, and say nothing more about it."""


class LogGap(RunlockError):
    """The server has the log up to `size` only; go on from there."""

    def __init__(self, size: int) -> None:
        super().__init__(f"the server has {size} bytes of the log")
        self.size = size


class _Bearer(requests.auth.AuthBase):
    """Not a plain header: that would be overruled by a .netrc file of whoever starts the runner."""

    def __init__(self, token: str, lease_id: str = "") -> None:
        self._token = token
        self._lease_id = lease_id

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"Bearer {self._token}"
        if self._lease_id:
            request.headers["X-Runlock-Lease"] = self._lease_id
        return request


def claim_job(url: str, pool_token: str, job_id: str, runner: str, nonce: str = "") -> Claim | None:
    """Claim a job; None if it is gone or somebody's.

    `nonce` is one attempt's own: if the answer is lost, the same attempt may claim again, and nobody else.
    """
    wire = Wire()
    with wire.session() as session, wire.limited(CLAIM_SECONDS):
        address = f"{url}/runner/v1/jobs/{quote(job_id, safe='')}/claim"
        with _sent(
            session, "POST", address, auth=_Bearer(pool_token), json={"runner": runner, "nonce": nonce}
        ) as response:
            if response.status_code == 409:
                return None
            _check(response, f"claiming {job_id}")
            return Claim.from_json(_document(response))


class StageClient:
    """One claimed job at the server. Not for several threads: each takes `another()`."""

    def __init__(self, url: str, claim: Claim, session: requests.Session | None = None) -> None:
        """Without a session of somebody's, who ends it as well, one of its own."""
        self._url = url
        self._claim = claim
        self._base = f"{url}/runner/v1/jobs/{quote(claim.job.id, safe='')}"
        self._wire = Wire()
        self._own = ExitStack()
        self._session = session or self._own.enter_context(self._wire.session())
        self._auth = _Bearer(claim.job_token, claim.lease_id)

    def __enter__(self) -> "StageClient":
        return self

    def __exit__(self, *_: object) -> None:
        self._own.close()

    def another(self, session: requests.Session | None = None) -> "StageClient":
        return StageClient(self._url, self._claim, session)

    def download(self, what: str, target: Path) -> None:
        """Stream `configuration`, `work-folder` or `plan` into a file. Raises StaleLease."""
        with self._request("GET", what, stream=True, is_large=True) as response, target.open("wb") as file:
            try:
                total = 0
                for piece in response.iter_content(PIECE):
                    total += len(piece)
                    if total > LARGEST_DOWNLOAD:
                        raise OutsideTrouble(
                            f"downloading the {what}: more than {LARGEST_DOWNLOAD} bytes", permanent=True
                        )
                    file.write(piece)
            except requests.RequestException as error:
                raise OutsideTrouble(f"downloading the {what}: the connection broke off") from error

    def upload(self, what: str, file: BinaryIO) -> None:
        """Stream `plan`, `plan-json`, `work-folder` or `errored-state` from an open file. Raises StaleLease."""
        file.seek(0)
        self._request("PUT", what, data=file, is_large=True).close()

    def put_log(self, offset: int, data: bytes) -> int:
        """Offer log bytes; how many the server has now. Raises LogGap or StaleLease."""
        with self._request("PUT", f"log?offset={offset}", data=data) as response:
            return _size(_document(response))

    def put_engine(self, engine: str, version: str) -> None:
        """Say what the job is done with, before it is done. Raises StaleLease."""
        self._request("PUT", "engine", json={"engine": engine, "version": version}).close()

    def heartbeat(self) -> Signal:
        """Renew the lease; what to do with the engine. Raises StaleLease."""
        with self._request("POST", "heartbeat", timeout=(5, 10), whole_seconds=HEARTBEAT_SECONDS) as response:
            try:
                return Signal(str(_document(response).get("signal")))
            except ValueError as error:
                raise OutsideTrouble("renewing the lease: the server sent an unknown signal") from error

    def post_result(self, result: StageResult) -> None:
        """Hand the result in. Raises StaleLease."""
        self._request("POST", "result", json=result.as_json()).close()

    def _request(
        self, method: str, path: str, *, is_large: bool = False, whole_seconds: float = 0, **options: Any
    ) -> requests.Response:
        with nullcontext() if is_large else self._wire.limited(whole_seconds or EXCHANGE_SECONDS):
            response = _sent(self._session, method, f"{self._base}/{path}", auth=self._auth, **options)
        if response.status_code == 409:
            document = _document_or_empty(response)
            response.close()
            if "size" in document:
                raise LogGap(_size(document))
            raise StaleLease(f"{self._claim.job.id} belongs to another runner now")
        try:
            _check(response, f"{method} {path.partition('?')[0]} of {self._claim.job.id}")
        except OutsideTrouble:
            response.close()
            raise
        return response


def patiently(
    call: Callable[[], T], *, patience_seconds: float, sleep: Callable[[float], None], longest_wait: float = 30
) -> T:
    """Call until it doesn't fail temporarily, at most for so long; then the last error is raised."""
    retrying = Retrying(
        retry=retry_if_exception(is_temporary),
        wait=_as_asked(wait_exponential_jitter(multiplier=0.2, jitter=0.2, max=longest_wait)),
        stop=stop_after_delay(patience_seconds),
        sleep=sleep,
        reraise=True,
    )
    return retrying(call)


def is_temporary(error: BaseException) -> bool:
    return isinstance(error, OutsideTrouble) and not error.permanent


def _as_asked(backoff: wait_exponential_jitter) -> Callable[[RetryCallState], float]:
    """The server's Retry-After if it sent one, else the backoff."""

    def wait(state: RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome else None
        asked = error.retry_after if isinstance(error, OutsideTrouble) else None
        return backoff(state) if asked is None else asked

    return wait


def _sent(session: requests.Session, method: str, address: str, **options: Any) -> requests.Response:
    options.setdefault("timeout", TIMEOUTS)
    try:
        return session.request(method, address, allow_redirects=False, **options)
    except requests.RequestException as error:
        # The exception's own text may carry the address with its query; its kind says enough.
        raise OutsideTrouble(f"reaching Runlock failed: {type(error).__name__}") from error


def _check(response: requests.Response, deed: str) -> None:
    if response.ok and not response.is_redirect:
        return
    temporary = response.status_code >= 500 or response.status_code in (408, 425, 429)
    asked = response.headers.get("Retry-After", "")
    raise OutsideTrouble(
        f"{deed}: the server answered {response.status_code}",
        permanent=not temporary,
        retry_after=min(float(asked), 300) if asked.isdecimal() else None,
    )


def _document(response: requests.Response) -> dict[str, Any]:
    try:
        document = response.json()
    except (requests.RequestException, ValueError) as error:
        raise OutsideTrouble("reading the server's answer: it is not JSON") from error
    if not isinstance(document, dict):
        raise OutsideTrouble("reading the server's answer: it is not a JSON object")
    return document


def _document_or_empty(response: requests.Response) -> dict[str, Any]:
    try:
        return _document(response)
    except OutsideTrouble:
        return {}


def _size(document: dict[str, Any]) -> int:
    size = document.get("size")
    if type(size) is not int or size < 0:
        raise OutsideTrouble("sending the log: the server's answer has no size")
    return size
