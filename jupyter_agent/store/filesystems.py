"""Where a file really lives: SQLite's write-ahead log needs memory shared on one machine."""

from __future__ import annotations

import sys
from pathlib import Path

# Kinds of mounts that several machines may write to, as Linux names them.
NETWORK_KINDS = frozenset(
    {
        "9p",
        "afs",
        "beegfs",
        "ceph",
        "cifs",
        "fuse.glusterfs",
        "fuse.juicefs",
        "fuse.s3fs",
        "fuse.sshfs",
        "glusterfs",
        "gpfs",
        "lustre",
        "ncpfs",
        "nfs",
        "nfs4",
        "panfs",
        "smb3",
        "smbfs",
        "virtiofs",
    }
)
_DRIVE_REMOTE = 4


def is_network_path(folder: Path) -> bool:
    """Say whether a folder is known to lie on a network file system.

    macOS offers no cheap way to ask; there the answer is False.
    """
    resolved = folder.resolve()
    if sys.platform == "win32":
        import ctypes

        anchor = resolved.anchor
        kind = ctypes.windll.kernel32.GetDriveTypeW(anchor)
        return anchor.startswith("\\\\") or kind == _DRIVE_REMOTE
    try:
        mounts = Path("/proc/self/mounts").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return False
    return mount_kind(mounts, resolved) in NETWORK_KINDS


def mount_kind(mounts: str, folder: Path) -> str:
    """Return the kind of the mount a folder lies on, from the text of `/proc/self/mounts`."""
    best, kind = -1, ""
    for line in mounts.splitlines():
        fields = line.split()
        if len(fields) < 3:
            continue
        # Blanks in a mount point are written as octal escapes.
        point = Path(fields[1].replace("\\040", " ").replace("\\011", "\t"))
        depth = len(point.parts)
        if depth >= best and (folder == point or point in folder.parents):
            best, kind = depth, fields[2]
    return kind
