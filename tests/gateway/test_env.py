"""The declared environment."""

import pytest
from django.core.exceptions import ImproperlyConfigured

from gateway import env


def test_an_empty_variable_means_its_default(monkeypatch):
    monkeypatch.setenv("PORT", "  ")
    assert env.read("PORT") == 8080


@pytest.mark.parametrize(("raw", "value"), [("true", True), ("1", True), ("False", False), ("0", False)])
def test_a_flag_reads_only_what_it_knows(monkeypatch, raw, value):
    monkeypatch.setenv("DEBUG", raw)
    assert env.read("DEBUG") is value


@pytest.mark.parametrize(
    ("raw", "value"), [("", "auto"), ("auto", "auto"), ("AUTO", "auto"), ("true", True), ("0", False)]
)
def test_a_flag_may_be_left_to_the_gateway(monkeypatch, raw, value):
    monkeypatch.setenv("LLM_FLASH_ATTENTION", raw)
    assert env.read("LLM_FLASH_ATTENTION") == value


@pytest.mark.parametrize(
    ("name", "raw"),
    [
        ("LLM_FLASH_ATTENTION", "yes"),
        ("DEBUG", "ture"),
        ("DEBUG", "enabled"),
        ("PORT", "80a"),
        ("PORT", "0"),
        ("LLM_TEMPERATURE", "3"),
    ],
)
def test_what_cannot_be_read_stops_the_start_with_the_variables_name(monkeypatch, name, raw):
    monkeypatch.setenv(name, raw)
    with pytest.raises(ImproperlyConfigured, match=name):
        env.read(name)


def test_a_secret_comes_from_its_file(monkeypatch, tmp_path):
    monkeypatch.delenv("SECRET_KEY")
    (tmp_path / "key").write_text("from a file\n")
    monkeypatch.setenv("SECRET_KEY_FILE", str(tmp_path / "key"))
    assert env.read("SECRET_KEY") == "from a file"


def test_a_secret_given_twice_is_refused(monkeypatch, tmp_path):
    (tmp_path / "key").write_text("x")
    monkeypatch.setenv("SECRET_KEY_FILE", str(tmp_path / "key"))
    with pytest.raises(ImproperlyConfigured, match="SECRET_KEY_FILE"):
        env.read("SECRET_KEY")


def test_a_missing_secret_file_is_named(monkeypatch):
    monkeypatch.delenv("SECRET_KEY")
    monkeypatch.setenv("SECRET_KEY_FILE", "/nowhere/key")
    with pytest.raises(ImproperlyConfigured, match="/nowhere/key"):
        env.read("SECRET_KEY")


def test_what_is_no_secret_is_not_read_from_a_file(monkeypatch, tmp_path):
    (tmp_path / "port").write_text("9")
    monkeypatch.setenv("PORT_FILE", str(tmp_path / "port"))
    assert env.read("PORT") == 8080


def test_a_secret_that_cannot_be_read_is_not_shown(monkeypatch):
    variable = env.Variable("X", int, 0, "", "", secret=True)
    monkeypatch.setitem(env.DECLARED, "X", variable)
    monkeypatch.setenv("X", "hunter2")
    with pytest.raises(ImproperlyConfigured) as caught:
        env.read("X")
    assert "hunter2" not in str(caught.value).split("cannot be read")[0]


def test_names_are_split_at_commas(monkeypatch):
    monkeypatch.setenv("POLICY_OFF", " email, iban,,")
    assert env.read("POLICY_OFF") == ("email", "iban")


def test_every_variable_has_a_sentence():
    assert all(variable.help.endswith(".") for variable in env.DECLARED.values())


def test_no_module_but_env_reads_the_environment():
    # One names the settings module, one hands its environment on to pip.
    exempt = {"gateway/asgi.py", "inference/download.py"}
    for path in env.BASE_DIR.glob("*/**/*.py"):
        name = str(path.relative_to(env.BASE_DIR))
        if name.split("/")[0] not in {"gateway", "accounts", "prompts", "sanitization", "inference"}:
            continue
        if name != "gateway/env.py" and name not in exempt:
            assert "os.environ" not in path.read_text(), name


def test_a_secret_that_a_file_of_the_operator_names_is_read_like_any_other(monkeypatch, tmp_path):
    assert env.named_secret("SOME_KEY") == ""
    monkeypatch.setenv("SOME_KEY", " sk-1 ")
    assert env.named_secret("SOME_KEY") == "sk-1"
    path = tmp_path / "key"
    path.write_text("sk-2\n")
    monkeypatch.setenv("SOME_KEY_FILE", str(path))
    with pytest.raises(ImproperlyConfigured, match="both set"):
        env.named_secret("SOME_KEY")
    monkeypatch.delenv("SOME_KEY")
    assert env.named_secret("SOME_KEY") == "sk-2"
