"""Keys: found in order, kept for one address alone, never shown (R9, R10, R12)."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from pathlib import Path
from threading import Thread

import pytest

from jupyter_agent.models.credentials import Credentials, Keyring, normal_url
from jupyter_agent.protocol.errors import ConfigError

OWN = "https://api.openai.com/v1"
CANARY = "sk-canary-0123456789"


class FakeKeyring:
    """A keyring in memory."""

    def __init__(self) -> None:
        self.passwords: dict[tuple[str, str], str] = {}

    def get_password(self, service: str, user: str, /) -> str | None:
        return self.passwords.get((service, user))

    def set_password(self, service: str, user: str, password: str, /) -> None:
        self.passwords[service, user] = password

    def delete_password(self, service: str, user: str, /) -> None:
        del self.passwords[service, user]


class LockedKeyring(FakeKeyring):
    """A keyring nobody can open."""

    def get_password(self, service: str, user: str, /) -> str | None:
        raise RuntimeError("locked")

    def set_password(self, service: str, user: str, password: str, /) -> None:
        raise RuntimeError("locked")


LOCK = "credentials.json.lock"


def credentials(
    folder: Path, environment: dict[str, str] | None = None, keyring: Keyring | None = None
) -> Credentials:
    return Credentials(folder, environment=environment or {}, find_keyring=lambda: keyring)


def test_the_environment_comes_first(tmp_path: Path) -> None:
    found = credentials(tmp_path, {"OPENAI_API_KEY": " from-env \n"})
    found.set_key("openai", CANARY, OWN)
    key = found.lookup("openai", ["OTHER", "OPENAI_API_KEY"], OWN)
    assert key is not None
    assert (key.text, key.source) == ("from-env", "environment")


def test_a_key_is_kept_in_the_keyring_when_there_is_one(tmp_path: Path) -> None:
    keyring = FakeKeyring()
    found = credentials(tmp_path, keyring=keyring)
    assert found.set_key("openai", CANARY, OWN) == "keyring"
    key = found.lookup("openai", [], OWN)
    assert key is not None and (key.text, key.source) == (CANARY, "keyring")
    assert CANARY not in (tmp_path / "credentials.json").read_text()


@pytest.mark.parametrize("keyring", [None, LockedKeyring()])
def test_a_file_takes_it_otherwise(tmp_path: Path, keyring: Keyring | None) -> None:
    found = credentials(tmp_path, keyring=keyring)
    assert found.set_key("openai", CANARY, OWN) == "file"
    key = credentials(tmp_path).lookup("openai", [], OWN)
    assert key is not None and (key.text, key.source) == (CANARY, "file")


@pytest.mark.R(12)
@pytest.mark.skipif(sys.platform == "win32", reason="POSIX rights")
def test_the_file_is_its_owners_alone(tmp_path: Path) -> None:
    folder = tmp_path / "new"
    found = credentials(folder)
    found.set_key("openai", CANARY, OWN)
    path = folder / "credentials.json"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {made.name for made in folder.iterdir()} == {"credentials.json", LOCK}
    path.chmod(0o644)
    assert found.has("openai", [], OWN)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.R(12)
def test_keys_that_are_saved_at_the_same_moment_are_all_kept(tmp_path: Path) -> None:
    names = [f"p{number}" for number in range(8)]
    # Each on its own object, as two servers have them.
    threads = [
        Thread(target=credentials(tmp_path).set_key, args=(name, "k" * 20, "https://x.example/v1"))
        for name in names
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert credentials(tmp_path).names() == names


def test_another_process_that_writes_is_waited_for(tmp_path: Path) -> None:
    lock = tmp_path / LOCK
    holds = (
        "import sys, time; from pathlib import Path; from jupyter_agent.models.writing import alone\n"
        "with alone(Path(sys.argv[1])):\n"
        "    print('held', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", holds, str(lock)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as other:
        assert other.stdin is not None and other.stdout is not None
        assert other.stdout.readline() == "held\n"
        saving = Thread(
            target=credentials(tmp_path).set_key, args=("p", "k" * 20, "https://x.example")
        )
        saving.start()
        saving.join(0.2)
        assert saving.is_alive() and credentials(tmp_path).names() == []
        other.stdin.close()
        saving.join(10)
    assert credentials(tmp_path).names() == ["p"]


def test_a_failed_write_leaves_the_old_file(tmp_path: Path) -> None:
    found = credentials(tmp_path)
    found.set_key("openai", CANARY, OWN)
    before = (tmp_path / "credentials.json").read_bytes()
    # A folder in the file's place makes the replacement itself fail.
    other = credentials(tmp_path / "taken")
    (tmp_path / "taken" / "credentials.json" / "x").mkdir(parents=True)
    with pytest.raises(ConfigError):
        other.set_key("openai", CANARY, OWN)
    assert [p.name for p in (tmp_path / "taken").iterdir()] == ["credentials.json"]
    assert (tmp_path / "credentials.json").read_bytes() == before


@pytest.mark.R(10)
@pytest.mark.parametrize("with_keyring", [False, True])
def test_another_base_url_drops_the_key(tmp_path: Path, with_keyring: bool) -> None:
    keyring = FakeKeyring() if with_keyring else None
    found = credentials(tmp_path, keyring=keyring)
    found.set_key("openai", CANARY, OWN)
    found.set_base_url("openai", "https://evil.example/v1")
    assert not found.has("openai", [], "https://evil.example/v1")
    found.set_base_url("openai", None)
    assert not found.has("openai", [], OWN)
    assert CANARY not in (tmp_path / "credentials.json").read_text()
    assert keyring is None or not keyring.passwords


@pytest.mark.R(10)
def test_a_key_never_goes_to_an_address_it_was_not_entered_for(tmp_path: Path) -> None:
    found = credentials(tmp_path, {"OPENAI_API_KEY": "from-env"})
    found.set_key("openai", CANARY, OWN)
    assert found.lookup("openai", [], "https://evil.example/v1") is None
    entered = found.lookup(
        "openai", ["OPENAI_API_KEY"], "https://evil.example/v1", trusted_url=False
    )
    assert entered is None


def test_the_same_address_written_otherwise_keeps_the_key(tmp_path: Path) -> None:
    found = credentials(tmp_path)
    found.set_key("openai", CANARY, "https://API.openai.com/v1/")
    assert found.has("openai", [], OWN)
    assert normal_url("HTTPS://A.b/v1/") == "https://a.b/v1"


def test_removing_forgets_everything(tmp_path: Path) -> None:
    keyring = FakeKeyring()
    found = credentials(tmp_path, keyring=keyring)
    found.set_base_url("openai", "https://gateway.example/v1")
    found.set_key("openai", CANARY, "https://gateway.example/v1")
    found.remove("openai")
    assert found.names() == []
    assert found.base_url("openai") is None
    assert not keyring.passwords


@pytest.mark.parametrize("key", ["", "  ", "two words", "line\nbreak", "nul\0"])
def test_what_cannot_be_a_key_is_refused(tmp_path: Path, key: str) -> None:
    with pytest.raises(ConfigError):
        credentials(tmp_path).set_key("openai", key, OWN)


@pytest.mark.parametrize(
    "url",
    [
        "ftp://host/v1",
        "host/v1",
        "https://",
        "https://user:pass@host/v1",
        "http://[::1",
        "file:///",
    ],
)
def test_what_is_no_base_url_is_refused(tmp_path: Path, url: str) -> None:
    with pytest.raises(ConfigError):
        credentials(tmp_path).set_base_url("openai", url)


@pytest.mark.R(9)
def test_neither_repr_nor_error_shows_a_key(tmp_path: Path) -> None:
    found = credentials(tmp_path)
    found.set_key("openai", CANARY, OWN)
    assert CANARY not in repr(found.lookup("openai", [], OWN))
    path = tmp_path / "credentials.json"
    path.write_text(path.read_text().replace("}", "", 1))
    with pytest.raises(ConfigError) as caught:
        found.lookup("openai", [], OWN)
    assert CANARY not in str(caught.value)
    assert caught.value.__cause__ is None


def test_a_file_that_is_not_ours_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "credentials.json"
    path.write_text(json.dumps({"something": "else"}))
    with pytest.raises(ConfigError, match="left as it is"):
        credentials(tmp_path).set_key("openai", CANARY, OWN)
    assert json.loads(path.read_text()) == {"something": "else"}


def test_the_processs_environment_is_the_default(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOME_PROVIDER_KEY", CANARY)
    found = Credentials(tmp_path, find_keyring=lambda: None)
    assert found.has("some", ["SOME_PROVIDER_KEY"], OWN)
    assert os.environ["SOME_PROVIDER_KEY"] == CANARY
