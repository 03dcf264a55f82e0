"""Whether AWS credentials seem to be there, without reading them: Bedrock takes them for a key."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path

_VARIABLES = (
    "AWS_ACCESS_KEY_ID",
    "AWS_PROFILE",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
)


def aws_credentials_seen(environment: Mapping[str, str], home: Path) -> bool:
    """Say whether botocore is installed and would find a sign of credentials.

    Those of a machine's own role are not looked for: that takes the network.
    """
    if find_spec("botocore") is None:
        return False
    named = any(environment.get(variable) for variable in _VARIABLES)
    return named or any((home / ".aws" / file).is_file() for file in ("credentials", "config"))
