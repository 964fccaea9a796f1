"""Secrets are struck from text by value and by name, and ordinary text stays as it is."""

from __future__ import annotations

import html
import json
import shlex
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from optathlon import redaction
from optathlon.errors import UsageError
from optathlon.redaction import (
    is_secret_name,
    note_secrets,
    redacted,
    redacted_command,
    redacted_id,
    redacted_options,
    refuse_struck,
    without_known_secrets,
)


@pytest.mark.parametrize(
    "name",
    [
        *(
            "OPENAI_API_KEY",
            "api_key",
            "apikey",
            "API-KEY",
            "HF_TOKEN",
            "token",
            "GITHUB_PAT",
            "db_password",
            "PGPASSWORD",
        ),
        *("MYSQL_PWD", "client_secret", "AWS_SECRET_ACCESS_KEY", "AWS_ACCESS_KEY_ID", "accessToken", "passphrase"),
        *("KEY_2", "TOKEN_HF", "WANDB_KEY", "GOOGLE_APPLICATION_CREDENTIALS", "http_auth", "Authorization"),
    ],
)
def test_names_of_secrets(name: str) -> None:
    assert is_secret_name(name)


@pytest.mark.parametrize(
    "name",
    [
        *("PATH", "PWD", "OLDPWD", "KEYBOARD", "MONKEY", "TOKENIZERS_PARALLELISM", "SSH_AUTH_SOCK", "max_new_tokens"),
        *(
            "sort_key",
            "pad_token",
            "KEY_FILE",
            "SECRET_NAME",
            "token_limit",
            "keyword",
            "KeyError",
            "author",
            "compass",
            "",
        ),
    ],
)
def test_names_of_other_things(name: str) -> None:
    assert not is_secret_name(name)


SECRETS = ["sk-live-9f8e7d6c5b4a", "hunter2", "p'a\"s\\s/w+o=r&d<>", "correcthorsebattery", "12345678", "zwölf-käse"]


@pytest.mark.parametrize("secret", SECRETS)
@pytest.mark.parametrize("write", [str, repr, json.dumps, html.escape, lambda text: quote(text, safe=""), shlex.quote])
def test_the_value_of_a_variable_is_struck_however_it_is_written(
    monkeypatch: pytest.MonkeyPatch, secret: str, write: object
) -> None:
    monkeypatch.setenv("SOME_TOKEN", secret)
    assert callable(write)
    written = write(secret)
    for strike in (redacted, without_known_secrets):
        struck = strike(f"401: {written} is wrong, ({written})")
        assert secret not in struck
        assert "is wrong" in struck
        if write is not shlex.quote:  # a shell's quoting splits the text at its quotes: commands are struck before
            assert written.strip("'\"") not in struck
    assert secret not in shlex.split(redacted_command(["optathlon", "run", "--name", secret, f"--name={secret}"]))


@pytest.mark.parametrize("value", ["", "1", "256", "true", "test", "none", "abc12", "0.5", "blue"])
def test_short_values_strike_nothing_of_ordinary_text(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("SOME_TOKEN", value)
    text = f"test/{value}: 256 of the true test_{value} are blue, not 0.5 or abc12"
    assert redacted(text) == text


def test_a_value_of_letters_alone_is_struck_as_a_word(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOME_TOKEN", "password")
    assert redacted("a password, and passwords") == "a ***, and passwords"


def test_lines_of_a_long_secret_are_struck_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TLS_PRIVATE_KEY", "-----BEGIN KEY-----\nMIIEvQIBADANBgkqhkiG9w0B\nAQEFAASCBKcwggSjAgEAAoIB\n")
    assert redacted("bad base64: AQEFAASCBKcwggSjAgEAAoIB") == "bad base64: ***"


def test_variables_with_other_names_are_no_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PROJECT_NAME", "sk-live-9f8e7d6c5b4a")
    assert redacted("in sk-live-9f8e7d6c5b4a") == "in sk-live-9f8e7d6c5b4a"


@pytest.mark.parametrize(
    ("text", "struck"),
    [
        ("x[api_key=ab,lr=0.1]", "x[api_key=***fb8e,lr=0.1]"),
        ("x[lr=0.1, token = my secret phrase ]", "x[lr=0.1, token =***"),
        ("Client(api_key='sk-1', retries=3)", "Client(api_key='***', retries=3)"),
        ('{"password": "letmein", "n": 3}', '{"password": "***", "n": 3}'),
        ("GET /v1?access_token=abc&n=3", "GET /v1?access_token=***&n=3"),
        ("--auth-token=abc --n=3", "--auth-token=*** --n=3"),
        ("Authorization: Bearer abcdefghij", "Authorization: Bearer ***"),
        ("postgres://me:pw@host:5432/db", "postgres://me:***@host:5432/db"),
        ("https://ghp_16C7e42F292c6912E7@github.com/a", "https://***@github.com/a"),
        ("{'password': 'my secret phrase', 'n': 3}", "{'password': '***', 'n': 3}"),
        (r'"{\"client_secret\": \"ab cd\", \"n\": 3}"', r'"{\"client_secret\": \"***\", \"n\": 3}"'),
        ("log='GET /v1?api_key=ab12, password=\"my secret phrase\"'", "log='GET /v1?api_key=***, password=\"***\"'"),
        ("> X-Api-Key: ab12cd34 > Accept: */*", "> X-Api-Key: *** > Accept: */*"),
        ("db password = hunter2, port = 5432", "db password = ***, port = 5432"),
    ],
)
def test_what_stands_beside_the_name_of_a_secret_is_struck(text: str, struck: str) -> None:
    assert redacted(text).startswith(struck)
    assert "phrase" not in redacted(text)


@pytest.mark.parametrize(
    "text",
    [
        *("x[max_tokens=256,sort_key=loss,n_keys=3]", "KeyError: 'loss'", "sorted(x, key=len)", "unexpected token: }"),
        *(
            "http://host:8000/v1@2",
            "x[key=none]",
            "endpoint('http://h', key='OPENAI_API_KEY')",
            "token=5",
            "unexpected token: 'foo1234' and missing keys: 'encoder1.weight'",
            "f(random_key=PRNGKey(0), keys=dict_keys(['a1']), rng_key='abc123', token_ids='101 102')",
            "password: expected a text, not None, and api_key = something",
            "a" * 100_000,
            "k='" * 10_000,
        ),
    ],
)
def test_ordinary_text_stays(text: str) -> None:
    assert redacted(text) == text


def test_ids_with_two_secrets_in_other_options_stay_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ONE_TOKEN", "sk-live-9f8e7d6c5b4a")
    monkeypatch.setenv("OTHER_TOKEN", "sk-live-0a1b2c3d4e5f")
    one, other = redacted_id("x[user=sk-live-9f8e7d6c5b4a]"), redacted_id("x[user=sk-live-0a1b2c3d4e5f]")
    assert one != other
    assert "live" not in one + other
    assert redacted_id("x[api_key=sk-live-9f8e7d6c5b4a]") == redacted_id("x[api_key=sk-live-9f8e7d6c5b4a]")
    assert redacted_id(one) == one


def test_options_keep_two_secrets_apart() -> None:
    one, other = (redacted_options({"api_key": key, "lr": 0.1, "token": 3})["api_key"] for key in ("ab", "cd"))
    assert one != other
    assert redacted(redacted("x[api_key=ab]")) == redacted("x[api_key=ab]") == f"x[api_key={one}]"


def test_the_secrets_among_options_are_struck_from_then_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redaction, "_noted", set())
    note_secrets({"api_key": "sk-live-9f8e", "name": "not-a-secret-1"})
    assert redacted("sk-live-9f8e of not-a-secret-1") == "*** of not-a-secret-1"


def test_what_was_struck_is_refused_as_a_value() -> None:
    with pytest.raises(UsageError, match=r"api_key=\*\*\*fb8e of x stands for a secret that is not stored"):
        refuse_struck({"api_key": "***fb8e"}, "x")


@given(secret=st.text(min_size=8, max_size=40), around=st.text(max_size=20))
def test_no_long_value_survives(secret: str, around: str) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(redaction, "_noted", {secret})
        if len(secret.strip()) >= 8 and secret not in around:
            assert secret not in redacted(f"{around} {secret} {around}")
