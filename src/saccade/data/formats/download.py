"""Fetches one published file, with progress on stderr and its checksum."""

import hashlib
import http.client
import os
import sys
import urllib.error
import urllib.request
from pathlib import Path

from saccade.errors import InputError

_CHUNK_BYTES = 1 << 18
_TIMEOUT_SECONDS = 30
_MIB = 2**20


def fetch_file(url: str, target: Path, md5: str) -> None:
    """Fetch a file to a place where there is none yet; what is there in the end is whole.

    Raises:
        InputError: The server cannot be reached, the file does not arrive whole or has another MD5, or the place
            cannot be written to.
    """
    part = target.with_name(f"{target.name}.{os.getpid()}.part")  # ranks that fetch at once do not meet
    try:
        found = _copy(url, part)
        if found != md5:
            raise InputError(
                f"{url}: its MD5 is {found}, not {md5} as published; try again, or put the file at {target}"
            )
        os.replace(part, target)
    except (OSError, http.client.HTTPException) as error:  # a URLError is an OSError
        reason = getattr(error, "reason", None) or error
        if isinstance(error, urllib.error.HTTPError):
            error.close()  # it holds the connection
        raise InputError(f"{url}: cannot be fetched ({reason}); go online, or put the file at {target}") from None
    finally:
        part.unlink(missing_ok=True)


def _copy(url: str, part: Path) -> str:
    """Copy a file from its server, say how far it is ten times, and return its MD5."""
    digest, done = hashlib.md5(usedforsecurity=False), 0
    with urllib.request.urlopen(url, timeout=_TIMEOUT_SECONDS) as answer:  # noqa: S310  the address is never a user's
        total = int(answer.headers.get("Content-Length") or 0)
        print(f"fetching {url} ({total / _MIB:.1f} MiB)", file=sys.stderr)
        part.parent.mkdir(parents=True, exist_ok=True)
        with part.open("wb") as file:
            while chunk := answer.read(_CHUNK_BYTES):
                tenths = 10 * done // max(total, 1)
                file.write(chunk)
                digest.update(chunk)
                done += len(chunk)
                if total and 10 * done // total > tenths:
                    print(f"  {done / _MIB:.1f} of {total / _MIB:.1f} MiB", file=sys.stderr)
    if done < total:
        raise OSError(f"{done} of {total} bytes arrived")
    return digest.hexdigest()
