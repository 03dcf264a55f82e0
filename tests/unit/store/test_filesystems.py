"""Network homes are told from local ones by the mount they lie on."""

from __future__ import annotations

from pathlib import Path

import pytest

from jupyter_agent.store.filesystems import NETWORK_KINDS, mount_kind

MOUNTS = """\
/dev/sda1 / ext4 rw 0 0
server:/home /home nfs4 rw 0 0
/dev/sdb1 /home/ada/fast xfs rw 0 0
//share/data /mnt/our\\040data cifs rw 0 0
"""


@pytest.mark.parametrize(
    ("folder", "kind"),
    [
        ("/var/lib", "ext4"),
        ("/home/ada/.local/share", "nfs4"),
        ("/home/ada/fast/jupyter", "xfs"),
        ("/mnt/our data/x", "cifs"),
        ("/homeless", "ext4"),
    ],
)
def test_the_deepest_mount_decides(folder: str, kind: str) -> None:
    assert mount_kind(MOUNTS, Path(folder)) == kind


def test_nfs_is_a_network_and_ext4_is_not() -> None:
    assert "nfs4" in NETWORK_KINDS
    assert "ext4" not in NETWORK_KINDS
