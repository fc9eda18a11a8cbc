"""Nothing planted comes out: not in a fingerprint, a report, or on standard error; and innocents are left alone."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest
from detect_secrets.core.scan import scan_line
from detect_secrets.settings import transient_settings
from innocents import every
from score_secrets import innocents_withheld, score, strings
from secret_kinds import KINDS, secrets
from secret_places import PLACES

from envdiff.secrets import masked, probe

# Detectors of forms. Those of high entropy and of words near an equals sign cannot tell a digest from a key.
DETECTORS = (
    "ArtifactoryDetector", "AWSKeyDetector", "AzureStorageKeyDetector", "BasicAuthDetector", "CloudantDetector",
    "DiscordBotTokenDetector", "GitHubTokenDetector", "GitLabTokenDetector", "IbmCosHmacDetector", "JwtTokenDetector",
    "MailchimpDetector", "NpmDetector", "OpenAIDetector", "PrivateKeyDetector", "PypiTokenDetector", "SendGridDetector",
    "SlackDetector", "SoftlayerDetector", "SquareOAuthDetector", "StripeDetector", "TelegramBotTokenDetector",
    "TwilioKeyDetector",
)  # fmt: skip


@pytest.fixture
def detector():
    """Another project's idea of what secrets look like -> what it finds in a text."""

    def found(text: str) -> list[str]:
        lines = (line for value in strings(json.loads(text)) for line in value.splitlines())
        return [f"{one.type}: {line[:80]}" for line in lines for one in scan_line(line)]

    with transient_settings({"plugins_used": [{"name": name} for name in DETECTORS]}):
        yield found


def test_the_corpus_is_as_large_as_promised() -> None:
    assert len(KINDS) >= 40
    assert len(PLACES) >= 12
    assert len(set(every())) >= 500
    assert len({one.text for number in range(1, 5) for one in secrets(number)}) >= 300


@pytest.mark.parametrize("place", PLACES)
def test_nothing_planted_comes_out(place: str, tmp_path: Path, detector) -> None:
    found, world = score(place, tmp_path)
    assert found.planted >= 25
    assert found.leaks == ()
    assert world.documents
    for document in world.documents:
        assert detector(json.dumps(document)) == []


def test_the_detector_knows_what_is_planted(detector) -> None:
    """Otherwise its silence would mean nothing."""
    seen = [one.kind for one in secrets(1) if detector(json.dumps([one.text]))]
    assert len(seen) >= 20, seen


def test_what_is_withheld_is_named(tmp_path: Path) -> None:
    _, world = score("environment, names on the list", tmp_path)
    withheld = world.documents[0]["withheld"]
    asked = [f"ASKED_{number}" for number in range(len(KINDS))]
    assert [name for name in asked if not withheld.get(f"env.{name}")] == []
    assert set(asked) <= set(withheld["env"])
    table = world.texts["listed-names: stderr"]
    assert all(f"{name} " in table for name in asked)
    assert "nothing of these values is" in table


def test_a_command_line_names_the_options_that_hold_secrets(tmp_path: Path) -> None:
    _, world = score("command lines", tmp_path)
    (document,) = world.documents
    reasons = document["withheld"]["process.command"]
    assert "--api-key: its name says that it is a secret" in reasons
    assert "u: holds a user name and a password" in [reason.lstrip("-") for reason in reasons]
    assert document["facts"]["process.command"][:2] == ["/usr/bin/serve", "--port=8500"]
    assert "--api-key=[withheld]" in document["facts"]["process.command"]


def test_innocent_values_are_shown(tmp_path: Path) -> None:
    count, lost = innocents_withheld(tmp_path)
    assert len(lost) <= count / 100, lost


@pytest.mark.parametrize("number", range(100, 110))
def test_other_secrets_of_the_same_kinds_are_known_too(number: int) -> None:
    missed = [
        one.kind for one in secrets(number) if not probe().withhold("", one.text) or one.needle in masked(one.text)
    ]
    assert missed == []


@pytest.mark.parametrize("value", every())
def test_messages_keep_innocent_values(value: str) -> None:
    assert masked(f"cannot read {value}: no such file") == f"cannot read {value}: no such file"


@pytest.mark.parametrize("kind", KINDS)
def test_masking_again_changes_nothing(kind: str) -> None:
    once = masked(f"failed: {next(one for one in secrets(30) if one.kind == kind).text} (see above)")
    assert masked(once) == once


HOSTILE = {
    "letters": "a" * 200_000,
    "assignments": "key=" * 50_000,
    "urls": "a://" * 50_000,
    "passwords": "://" + "a:" * 100_000,
    "keys": "-----BEGIN" * 20_000,
    "web tokens": "eyJ" * 60_000,
    "service keys": "sk-" * 60_000,
    "options": "--token " * 25_000,
    "spaces": "password" + " " * 200_000,
    "users": ("a" * 50 + " ") * 4_000 + "@",
    "mixed": "aB3/" * 50_000,
}


@pytest.mark.parametrize("name", HOSTILE)
def test_long_values_take_no_more_than_their_length(name: str) -> None:
    started = time.process_time()
    probe().withhold("", HOSTILE[name])
    masked(HOSTILE[name])
    assert time.process_time() - started < 10
