"""Lock of the only writer of a record: held while it is recorded, replaced or trained."""

import fcntl
import os
from pathlib import Path

from mereq.core.errors import CannotWrite
from mereq.store.links import inside


class WriterLock:
    """Acquired lock on a file, which is neither read nor changed. Readers need no lock.

    The system releases the lock when the process ends, even if it is killed.
    """

    def __init__(self, file: Path, descriptor: int):
        self.file, self._descriptor = file, descriptor

    @classmethod
    def acquire(cls, file: Path, what: str) -> "WriterLock":
        """The lock on a file, which is created if it is missing.

        what: what is written, in words that follow "Another process is", such as "recording into runs/a".

        Raises:
            CannotWrite: another process has the lock, or the file is a link.
            OSError: no permission, or the disk is full.
        """
        inside(file.parent, file)
        flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        descriptor = os.open(file, flags, 0o644)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(descriptor)
            if not isinstance(error, BlockingIOError):
                raise
            raise CannotWrite(
                f"Another process is {what}. Wait for its end, stop it, or choose another directory. What is recorded "
                "there can be read meanwhile."
            ) from None
        return cls(file, descriptor)

    def is_in_place(self) -> bool:
        """Whether the locked file is still the one of this name: another process may have removed it meanwhile."""
        try:
            return os.path.samestat(os.fstat(self._descriptor), os.stat(self.file, follow_symlinks=False))
        except FileNotFoundError:
            return False

    def release(self) -> None:
        """Release the lock. The file stays, so that no other process can hold a lock on a deleted file."""
        os.close(self._descriptor)
