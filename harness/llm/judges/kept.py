"""Verdicts of servers, kept as they come: what was paid for once is not asked again, even if the command is killed."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from typing import Any

from optathlon.llm.cached import cached, keep
from optathlon.llm.judges.verdicts import Reply

_KIND = "judgements"


def kept_reply(url: str, body: Mapping[str, Any]) -> Reply | None:
    """The reply to the same request to the same address, if it is kept.

    Parameters
    ----------
    url:
        Of the server.
    body:
        The whole request: model, question, settings.
    """
    match cached(_KIND, _key(url, body)):
        case [float() as preference, float() as read, float() as written]:
            return Reply(preference, read, written)
    return None


def keep_reply(url: str, body: Mapping[str, Any], reply: Reply) -> None:
    """Keep a verdict and the tokens that it took; one that was not understood is to be asked again."""
    if not math.isnan(reply.preference):
        keep(_KIND, _key(url, body), [reply.preference, reply.input_tokens, reply.output_tokens])


def _key(url: str, body: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps([url, body], sort_keys=True).encode()).hexdigest()[:32]
