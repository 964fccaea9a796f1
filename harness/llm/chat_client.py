"""A client of servers that speak OpenAI's `/chat/completions`, in such a way that the key can't get about.

The key is read from the environment for each request and held nowhere else. Redirections, which would take it to
another address, are refused, and it is struck from what servers say before that becomes part of an error.

Whatever a server does, a request ends: `Client.deadline` counts from its first try to its last byte.
"""

from __future__ import annotations

import os
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import cache
from typing import Any

from anyio import create_task_group, fail_after, sleep
from anyio.from_thread import start_blocking_portal
from httpx2 import AsyncClient, HTTPError, InvalidURL, Limits, Response
from tenacity import (
    AsyncRetrying,
    RetryCallState,
    retry_if_exception_type,
    stop_after_attempt,
    stop_before_delay,
    wait_exponential,
)

from optathlon.errors import OptathlonError, Unavailable, UsageError
from optathlon.llm.judging import Refusal
from optathlon.llm.reply_bodies import Unreadable, complaint, json_object, whole
from optathlon.text import one_line

BACKOFF = 1.0
"""Seconds before the second try; twice as many before each further one."""

Body = Mapping[str, Any]

_TRY_AGAIN = (408, 409, 425, 429)
_TOO_LONG = ("context_length", "context length", "context size")
_SHOWN = 200


class _TooLong(Exception):
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
        After failures that may pass: no connection, 408, 409, 425, 429, 5xx, and no whole answer in time.
    per_minute:
        Requests in a minute at most, of all clients of that address in this process; `None` for no limit.
    timeout:
        Seconds that one try may take, from connecting to the last byte.
    deadline:
        Seconds that a request may take in all, from the first try on: tries, and the waits between them.
    at_once:
        Requests at the same time at most.
    """

    url: str
    key: str | None
    retries: int
    per_minute: float | None
    timeout: float
    deadline: float
    at_once: int

    def post_all(self, bodies: Sequence[Body], arrived: Callable[[int, Body | None], None]) -> None:
        """Send requests, and tell of each answer as soon as it is there.

        Parameters
        ----------
        bodies:
            The requests.
        arrived:
            Called with the number of a request, from 0, and its answer: `None` where the model can't read so much at
            once.

        The first request that fails ends the others. Raises `UsageError` for what no retry fixes, which is a `Refusal`
        where other requests may be answered, and `Unavailable` where all retries failed, or the deadline is over.
        """
        self._headers()
        with start_blocking_portal() as portal:  # a thread: there may be an event loop in this one already
            portal.call(self._post_all, bodies, arrived)

    async def _post_all(self, bodies: Sequence[Body], arrived: Callable[[int, Body | None], None]) -> None:
        failures: list[OptathlonError] = []
        todo = iter(enumerate(bodies))
        async with (
            AsyncClient(timeout=None, limits=Limits(max_connections=None)) as http,
            create_task_group() as group,
        ):

            async def work(todo: Iterator[tuple[int, Body]]) -> None:
                try:
                    for number, body in todo:
                        arrived(number, await self._post(http, body))
                except OptathlonError as failure:
                    failures.append(failure)
                    group.cancel_scope.cancel()

            for _ in range(min(self.at_once, len(bodies))):
                group.start_soon(work, todo)
        if failures:
            raise failures[0]

    async def _post(self, http: AsyncClient, body: Body) -> Body | None:
        tries = AsyncRetrying(
            retry=retry_if_exception_type(_Trouble),
            stop=stop_after_attempt(self.retries + 1) | stop_before_delay(self.deadline),
            wait=_wait,
            sleep=self._pause,
            retry_error_callback=self._give_up,
        )
        await self._pause(0.0)
        try:
            with fail_after(self.deadline):
                answer: Body = await tries(self._sent, http, body)
                return answer
        except _TooLong:
            return None
        except TimeoutError:
            pass  # raised outside the handlers: a context could carry the response along
        raise Unavailable(
            f"{self.url} has not answered within the {self.deadline:g} s that a request may take in all: see whether "
            "it runs, and try again"
        )

    async def _pause(self, seconds: float) -> None:
        """Wait so long, and for one's turn."""
        if seconds:
            await sleep(seconds)
        if (turn := _pace(self.url, self.per_minute).turn()) > 0:
            await sleep(turn)

    def _give_up(self, state: RetryCallState) -> None:
        trouble = state.outcome and state.outcome.exception()
        if state.attempt_number > self.retries:
            raise Unavailable(
                f"{self.url} fails, tried {state.attempt_number} times: {trouble}: see whether it runs, and try again"
            )
        raise Unavailable(
            f"{self.url} fails: {trouble}: the next try would be in {state.upcoming_sleep:g} s, but a request may take "
            f"{self.deadline:g} s in all: repeat the command later"
        )

    async def _sent(self, http: AsyncClient, body: Body) -> Body:
        failure: Exception  # raised outside the handlers: a context could carry the response along
        try:
            with fail_after(self.timeout):
                async with http.stream(
                    "POST", f"{self.url}/chat/completions", json=body, headers=self._headers()
                ) as response:
                    if not response.is_success:
                        raise await self._refusal(response, str(body.get("model")))
                    content = await whole(response)
            if (answer := json_object(content)) is not None:
                return answer
            failure = self._foreign("it is not an object in JSON")
        except TimeoutError:
            failure = _Trouble(f"timed out, with no whole answer within {self.timeout:g} s")
        except HTTPError as error:
            failure = _Trouble(self.shown(_reason(error)))
        except Unreadable as error:
            failure = self._foreign(str(error))
        except InvalidURL:
            failure = UsageError(f"{self.url!r} is not an address: write e.g. https://api.openai.com/v1")
        raise failure

    def _foreign(self, why: str) -> UsageError:
        return UsageError(
            f"{self.url} doesn't answer as /chat/completions does ({why}): is it an address of an OpenAI-compatible "
            "server?"
        )

    def _headers(self) -> dict[str, str]:
        headers = {"User-Agent": "optathlon", "Accept-Encoding": "identity"}
        if self.key is None:
            return headers
        secret = self._secret()
        if not secret:
            raise UsageError(
                f"the key for {self.url} is missing: set the environment variable {self.key}, or key=None for none"
            )
        if not (secret.isascii() and secret.isprintable()) or " " in secret:
            raise UsageError(f"the environment variable {self.key} has characters that no key has: set it again")
        return headers | {"Authorization": f"Bearer {secret}"}

    async def _refusal(self, response: Response, model: str) -> Exception:
        code = response.status_code
        if 300 <= code < 400:
            return UsageError(f"{self.url} redirects ({code}), and a key goes to no other address: give the final one")
        message = self.shown(await complaint(response))
        said = f"{code}: {message}" if message else f"{code}"
        if code in _TRY_AGAIN or code >= 500:
            return _Trouble(said, _seconds(response.headers.get("Retry-After", "")))
        if code in (401, 403):
            remedy = f"set {self.key} to a key that is valid" if self.key else "give key= the name of a variable"
            return UsageError(f"{self.url} gives no access ({said}): {remedy}")
        if code == 404:
            return UsageError(
                f"{self.url} has no model {model!r}, or is not the address up to /chat/completions ({said})"
            )
        if any(mark in message for mark in _TOO_LONG):
            return _TooLong(message)
        return Refusal(f"{self.url} refuses the request ({said}): change what it complains of")

    def shown(self, text: str) -> str:
        """A text from elsewhere as part of an error: in one line, printable, short, without the key."""
        secret = self._secret()
        clean = one_line(text.replace(secret, "***") if secret else text)
        return clean if len(clean) <= _SHOWN else f"{clean[:_SHOWN]}…"

    def _secret(self) -> str:
        return os.environ.get(self.key, "").strip() if self.key else ""


class _Pace:
    """Gives out turns at an interval, to all threads."""

    def __init__(self, interval: float) -> None:
        self._interval = interval
        self._lock = threading.Lock()
        self._next = 0.0

    def turn(self) -> float:
        """Take the next turn; it is in so many seconds."""
        with self._lock:
            now = time.monotonic()
            mine = max(now, self._next)
            self._next = mine + self._interval
        return mine - now


@cache
def _pace(url: str, per_minute: float | None) -> _Pace:
    return _Pace(0.0 if per_minute is None else 60.0 / per_minute)


def _wait(state: RetryCallState) -> float:
    """Seconds before the next try: longer each time, or as the server wishes."""
    trouble = state.outcome and state.outcome.exception()
    wish = trouble.wait if isinstance(trouble, _Trouble) else 0.0
    return max(wait_exponential(BACKOFF)(state), wish)


def _seconds(retry_after: str) -> float:
    """The seconds that a `Retry-After` means: a number, or a date (RFC 9110, section 10.2.3); 0 where it means none."""
    try:
        return float(retry_after)
    except ValueError:
        pass
    try:
        return (parsedate_to_datetime(retry_after) - datetime.now(tz=UTC)).total_seconds()
    except (TypeError, ValueError, OverflowError):
        return 0.0


def _reason(error: BaseException) -> str:
    """Why a connection failed, in the operating system's words where they are its own."""
    while (cause := error.__cause__ or error.__context__) is not None:
        error = cause.exceptions[0] if isinstance(cause, BaseExceptionGroup) else cause
    number = error.errno if isinstance(error, OSError) and not isinstance(error, ssl.SSLError) else None
    if number is not None and number > 0:
        return os.strerror(number)
    return str(error) or type(error).__name__
