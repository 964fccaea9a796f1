"""A client of servers that speak OpenAI's `/chat/completions`, in such a way that the key can't get about.

The key is read from the environment for each request and held nowhere else. Redirections, which would take it to
another address, are refused, and it is struck from what servers say before that becomes part of an error.
"""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import cache
from http.client import HTTPException
from typing import Any
from urllib.error import HTTPError
from urllib.request import HTTPRedirectHandler, Request, build_opener

from optathlon.errors import Unavailable, UsageError
from optathlon.llm.judging import Refusal

BACKOFF = 1.0
"""Seconds before the second try; twice as many before each further one."""
LONGEST_WAIT = 300.0
"""Seconds between two tries at most, whatever the server wishes."""

_TRY_AGAIN = (408, 409, 425, 429)
_TOO_LONG = ("context_length", "context length", "context size")
_SHOWN = 200


class TooLong(Exception):
    """The model can't read so much at once."""


class _Trouble(Exception):
    """What may be over after a while; `wait` has the seconds that the server wishes."""

    def __init__(self, complaint: str, wait: float = 0.0) -> None:
        super().__init__(complaint)
        self.wait = wait


@dataclass(frozen=True, slots=True)
class Client:
    """Sends requests to one address.

    Parameters
    ----------
    url:
        Up to `/chat/completions`, without it.
    key:
        The name of the environment variable that has the key; `None` for none.
    retries:
        After failures that may pass: no connection, 408, 409, 425, 429 and 5xx.
    per_minute:
        Requests in a minute at most, of all clients of that address in this process; `None` for no limit.
    timeout:
        Seconds that the server may be silent.
    """

    url: str
    key: str | None
    retries: int
    per_minute: float | None
    timeout: float

    def check_key(self) -> None:
        """Raise `UsageError` where there is no key, or none that can be sent."""
        self._headers()

    def post(self, body: Mapping[str, Any]) -> Mapping[str, Any]:
        """The answer to a request.

        Raises `UsageError` for what no retry fixes, which is a `Refusal` where other requests may be answered,
        `Unavailable` where all retries failed, and `TooLong`.
        """
        for attempt in range(self.retries + 1):
            _pace(self.url, self.per_minute).wait()
            try:
                return self._sent(body)
            except _Trouble as trouble:
                complaint = str(trouble)
                waited = min(max(BACKOFF * 2**attempt, trouble.wait), LONGEST_WAIT)
            if attempt < self.retries:
                time.sleep(waited)
        raise Unavailable(
            f"{self.url} fails, tried {self.retries + 1} times: {complaint}: see whether it runs, and try again"
        )

    def _sent(self, body: Mapping[str, Any]) -> Mapping[str, Any]:
        headers = self._headers()
        request = Request(
            f"{self.url}/chat/completions", data=json.dumps(body).encode(), headers=headers, method="POST"
        )
        content = b""
        failure: Exception | None = None  # raised outside the handlers: a context could carry the response along
        try:
            with build_opener(_NoRedirections).open(request, timeout=self.timeout) as reply:
                content = reply.read()
        except HTTPError as error:
            wait = _seconds(error.headers.get("Retry-After", ""))
            failure = self._refusal(error.code, self._shown(_content(error)), wait, str(body.get("model")))
        except (OSError, HTTPException) as error:
            failure = _Trouble(self._shown(f"{getattr(error, 'reason', error) or type(error).__name__}"))
        if failure is not None:
            raise failure
        try:
            answer = json.loads(content)
        except ValueError:
            answer = None
        if not isinstance(answer, Mapping):
            raise UsageError(
                f"{self.url} doesn't answer as /chat/completions does: is it an address of an OpenAI-compatible server?"
            )
        return answer

    def _headers(self) -> dict[str, str]:
        agent = {"Content-Type": "application/json", "User-Agent": "optathlon"}
        if self.key is None:
            return agent
        secret = self._secret()
        if not secret:
            raise UsageError(
                f"the key for {self.url} is missing: set the environment variable {self.key}, or key=None for none"
            )
        if not (secret.isascii() and secret.isprintable()) or " " in secret:
            raise UsageError(f"the environment variable {self.key} has characters that no key has: set it again")
        return agent | {"Authorization": f"Bearer {secret}"}

    def _refusal(self, code: int, message: str, wait: float, model: str) -> Exception:
        said = f"{code}: {message}" if message else f"{code}"
        if code in _TRY_AGAIN or code >= 500:
            return _Trouble(said, wait)
        if code in (401, 403):
            remedy = f"set {self.key} to a key that is valid" if self.key else "give key= the name of a variable"
            return UsageError(f"{self.url} gives no access ({said}): {remedy}")
        if code == 404:
            return UsageError(
                f"{self.url} has no model {model!r}, or is not the address up to /chat/completions ({said})"
            )
        if 300 <= code < 400:
            return UsageError(f"{self.url} redirects ({code}), and a key goes to no other address: give the final one")
        if any(mark in message for mark in _TOO_LONG):
            return TooLong(message)
        return Refusal(f"{self.url} refuses the request ({said}): change what it complains of")

    def _shown(self, text: str) -> str:
        """A text from elsewhere as part of an error: in one line, short, without the key."""
        secret = self._secret()
        clean = text.replace(secret, "***") if secret else text
        clean = " ".join(clean.split())
        return clean if len(clean) <= _SHOWN else f"{clean[:_SHOWN]}…"

    def _secret(self) -> str:
        return os.environ.get(self.key, "").strip() if self.key else ""


class _NoRedirections(HTTPRedirectHandler):
    def redirect_request(self, *_: Any) -> None:
        """Take a redirection for an error."""


class _Pace:
    """Lets one thread pass in an interval."""

    def __init__(self, interval: float) -> None:
        self._interval = interval
        self._lock = threading.Lock()
        self._next = 0.0

    def wait(self) -> None:
        with self._lock:
            now = time.monotonic()
            mine = max(now, self._next)
            self._next = mine + self._interval
        if mine > now:
            time.sleep(mine - now)


@cache
def _pace(url: str, per_minute: float | None) -> _Pace:
    return _Pace(0.0 if per_minute is None else 60.0 / per_minute)


def _content(error: HTTPError) -> str:
    """What a server says about an error, wherever it puts that."""
    try:
        text = error.read().decode(errors="replace")
    except (OSError, HTTPException):
        return ""
    try:
        content = json.loads(text)
    except ValueError:
        return text
    for name in ("error", "message", "detail"):
        if isinstance(content, Mapping) and name in content:
            content = content[name]
    return content if isinstance(content, str) else json.dumps(content, ensure_ascii=False)


def _seconds(retry_after: str) -> float:
    """The seconds that a `Retry-After` means: a number, or a date (RFC 9110, section 10.2.3); 0 where it means none."""
    try:
        return float(retry_after)
    except ValueError:
        pass
    try:
        return (parsedate_to_datetime(retry_after) - datetime.now(tz=UTC)).total_seconds()
    except (TypeError, ValueError):
        return 0.0
