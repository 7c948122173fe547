"""Running PostgreSQL when we are root, which it refuses for good reasons.

It then runs as `nobody` with one capability left: to pass through directories that only root may enter. So neither the
data directory nor its parents have to be opened to others.
"""

import os
import pwd
import shutil
from pathlib import Path

from deploy.local.errors import LocalStackError

_ACCOUNT = "nobody"


class RootNeedsSetpriv(LocalStackError):
    """Root can't start PostgreSQL without the tool that drops root's rights."""

    def __init__(self) -> None:
        super().__init__("PostgreSQL refuses to run as root. Run as an ordinary user, or install setpriv (util-linux).")


def drop(command: list[str]) -> list[str]:
    """The command itself, or wrapped so that it doesn't run as root. The process id stays that of the command."""
    if os.geteuid() != 0:
        return command
    setpriv = shutil.which("setpriv")
    if setpriv is None:
        raise RootNeedsSetpriv
    account = pwd.getpwnam(_ACCOUNT)
    identity = [f"--reuid={account.pw_uid}", f"--regid={account.pw_gid}", "--clear-groups"]
    return [setpriv, *identity, "--inh-caps=+dac_override", "--ambient-caps=+dac_override", *command]


def give(directory: Path) -> None:
    """Make the account that PostgreSQL runs as the owner, which it insists on."""
    if os.geteuid() == 0:
        account = pwd.getpwnam(_ACCOUNT)
        os.chown(directory, account.pw_uid, account.pw_gid)
