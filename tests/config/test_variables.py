"""The table of environment variables: parsed values, refused values, misspelled names, README."""

import re
from pathlib import Path

import pytest

from opencode.config import Settings
from opencode.config.unknown_variables import unknown_variable_warnings
from opencode.config.variables import VARIABLES
from opencode.errors import SettingsError

README = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")


def test_the_readme_lists_every_variable_and_no_other() -> None:
    table = README[README.index("## Configuration") : README.index("By file:")]
    first_column = [line.split("|")[1] for line in table.splitlines() if line.startswith("| `")]
    listed = {name for cell in first_column for name in re.findall(r"`([A-Z][A-Z_]+)`", cell)}
    listed = {name for name in listed if not name.startswith("OTEL_")}
    listed = {name for name in listed if not name.startswith("OPENCODE_DISABLE_")}  # opencode's switches
    search_urls = {"EXA_BASE_URL", "TAVILY_BASE_URL", "BRAVE_BASE_URL"}  # "`…_BASE_URL` beside it"
    assert {variable.name for variable in VARIABLES} - search_urls == listed - search_urls


def test_every_variable_has_a_doc_and_a_valid_default() -> None:
    for variable in VARIABLES:
        variable.read({})
        assert variable.doc


def test_an_empty_environment_gives_the_defaults_of_settings() -> None:
    loaded = Settings.load({"OPENCODE_CONFIG_CONTENT": "{}"})
    default = Settings(data_dir=loaded.data_dir)
    for name in ("host", "port", "username", "password", "limits", "max_body_bytes", "stop_grace"):
        assert getattr(loaded, name) == getattr(default, name), name
    for name in ("cors", "fetch_allow", "trusted_proxies", "log_level", "log_format", "database_url"):
        assert getattr(loaded, name) == getattr(default, name), name


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("PORT", "x", "a whole number from 0 to 65535, not 'x'"),
        ("PORT", "70000", "a whole number from 0 to 65535, not '70000'"),
        ("OPENCODE_LOG_LEVEL", "LOUD", "DEBUG, INFO, WARNING or ERROR, not 'LOUD'"),
        ("OPENCODE_SERVER_USERNAME", "a:b", "not contain a colon"),
        ("OPENCODE_TRUSTED_PROXIES", "10.0.0.0/99", "comma-separated networks"),
        ("OPENCODE_CORS", "app.example", "comma-separated origins"),
        ("OPENCODE_HOSTS", "https://app.example", "host names without port"),
        ("OPENCODE_HOSTS", "app.example:80", "host names without port"),
        ("OPENCODE_HOSTS", "*", "host names without port"),
        ("OPENCODE_ALLOW_MCP", "yes", "local, remote, or local,remote, not 'yes'"),
        ("OPENCODE_MAX_CLIENT_STREAMS", "0", "a whole number from 1"),
        ("OPENCODE_DEMO_PACE", "fast", "a number, 0 or greater, not 'fast'"),
        (
            "OPENAI_BASE_URL",
            "localhost:11434/v1",
            "begins with http:// or https://, not 'localhost:11434/v1'",
        ),
        ("ANTHROPIC_BASE_URL", "https://", "begins with http:// or https://"),
        ("ANTHROPIC_BASE_URL", "http://host:port/", "begins with http:// or https://"),
        ("EXA_BASE_URL", "ftp://search.example", "begins with http:// or https://"),
        ("TAVILY_BASE_URL", "http://se arch.example", "begins with http:// or https://"),
    ],
)
def test_a_wrong_value_is_refused_with_the_name_of_its_variable(name: str, value: str, reason: str) -> None:
    with pytest.raises(SettingsError, match=re.escape(f"{name} must ")) as caught:
        Settings.load({name: value, "OPENCODE_CONFIG_CONTENT": "{}"})
    assert reason in caught.value.message
    assert "\n" not in caught.value.message


@pytest.mark.parametrize("name", ["OPENCODE_SERVER_PASSWORD", "OPENCODE_DATABASE_URL"])
@pytest.mark.parametrize("value", ["", " ", "\n"])
def test_a_secret_that_is_set_but_empty_stops_the_start(name: str, value: str) -> None:
    with pytest.raises(SettingsError) as caught:
        Settings.load({name: value, "OPENCODE_CONFIG_CONTENT": "{}"})
    assert caught.value.message.startswith(f"{name} is set but empty, so the ")
    assert caught.value.message.endswith("Give it a value, or unset it.")


@pytest.mark.parametrize("name", ["ANTHROPIC_API_KEY", "OPENAI_API_KEY", "HF_TOKEN", "EXA_API_KEY"])
def test_an_empty_key_is_told(name: str) -> None:
    settings = Settings.load({name: " ", "OPENCODE_CONFIG_CONTENT": "{}"})
    assert settings.warnings == (f"{name} is set but empty: it has no effect.",)


@pytest.mark.parametrize(
    ("env", "is_open"),
    [
        ({}, True),
        ({"HOST": "0.0.0.0"}, True),
        ({"HOST": "::"}, True),
        ({"HOST": "192.168.1.2"}, True),
        ({"HOST": "box.local"}, True),
        ({"HOST": "127.0.0.1"}, False),
        ({"HOST": "127.9.9.9"}, False),
        ({"HOST": "::1"}, False),
        ({"HOST": "localhost"}, False),
        ({"HOST": "0.0.0.0", "OPENCODE_SERVER_PASSWORD": "x"}, False),
    ],
)
def test_a_server_without_a_password_beyond_this_machine_is_open(env: dict[str, str], is_open: bool) -> None:
    assert Settings.load({**env, "OPENCODE_CONFIG_CONTENT": "{}"}).open_to_network is is_open


@pytest.mark.parametrize("url", ["user:geheim@host/v1", "ftp://host/?key=geheim"])
def test_a_refused_address_does_not_show_its_secrets(url: str) -> None:
    with pytest.raises(SettingsError) as caught:
        Settings.load({"OPENAI_BASE_URL": url, "OPENCODE_CONFIG_CONTENT": "{}"})
    assert "geheim" not in caught.value.message


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("OPENCODE_DATADIR", "OPENCODE_DATA_DIR"),
        ("OPENCODE_CORS_ORIGINS", "OPENCODE_CORS"),
        ("OPENCODE_USERNAME", "OPENCODE_SERVER_USERNAME"),
        ("OPENCODE_LOGLEVEL", "OPENCODE_LOG_LEVEL"),
        ("OPENCODE_PORT", "PORT"),
        ("OPENCODE_SERVER_HOST", "HOST"),
        ("OPENCODE_ANTHROPIC_API_KEY", "ANTHROPIC_API_KEY"),
        ("opencode_stop_grace", "OPENCODE_STOP_GRACE"),
        ("OPENCDE_RATE_LIMIT", "OPENCODE_RATE_LIMIT"),
        ("OPEN_CODE_MAX_BODY_MB", "OPENCODE_MAX_BODY_MB"),
    ],
)
def test_a_misspelled_variable_is_named_with_the_nearest(name: str, near: str) -> None:
    assert unknown_variable_warnings({name: "x"}) == (
        f"{name} is unknown and has no effect. Did you mean {near}?",
    )
    settings = Settings.load({name: "x", "OPENCODE_CONFIG_CONTENT": "{}"})
    assert settings.warnings == unknown_variable_warnings({name: "x"})


def test_a_variable_near_to_none_is_named_too() -> None:
    assert unknown_variable_warnings({"OPENCODE_QUICKLY": "1"}) == (
        "OPENCODE_QUICKLY is unknown and has no effect.",
    )


@pytest.mark.parametrize(
    "name",
    [
        "OPENCODE_PASSWORD",
        "OPENCODE_SERVER_PASS",
        "OPENCODE_PASSWD",
        "OPENCODE_SERVER_PW",
        "OPENCODE_SERVER_PASWORD",
        "OPENCODE_AUTH_PASSWORD",
        "opencode_server_password",
        "OPENCODE-SERVER-PASSWORD",
        "OPENCODESERVER_PASSWORD",
        "OPNECODE_SERVER_PASSWORD",
    ],
)
def test_a_misspelled_password_does_not_start_an_open_server(name: str) -> None:
    with pytest.raises(SettingsError) as caught:
        Settings.load({name: "geheim", "OPENCODE_CONFIG_CONTENT": "{}"})
    assert caught.value.message == (
        f"{name} is unknown, so the server would start without a password. Set OPENCODE_SERVER_PASSWORD "
        f"instead, or unset {name}."
    )
    guarded = {name: "geheim", "OPENCODE_SERVER_PASSWORD": "x", "OPENCODE_CONFIG_CONTENT": "{}"}
    (warning,) = Settings.load(guarded).warnings
    assert warning.startswith(f"{name} is unknown")
    assert "geheim" not in warning
    assert Settings.load({name: "", "OPENCODE_CONFIG_CONTENT": "{}"}).warnings == ()


def test_variables_of_opencodes_own_programs_are_no_mistakes() -> None:
    names = (
        "OPENCODE OPENCODE_CLIENT OPENCODE_PERMISSION OPENCODE_BIN_PATH OPENCODE_CONFIG_DIR "
        "OPENCODE_DISABLE_AUTOUPDATE OPENCODE_ENABLE_EXA OPENCODE_EXPERIMENTAL_PLAN_MODE OPENCODE_API_KEY "
        "OPENCODE_AUTO_SHARE OPENCODE_MODELS_URL OPENCODE_TUI_CONFIG OPENCODE_PURE OPENCODE_PID"
    )
    assert unknown_variable_warnings(dict.fromkeys(names.split(), "1")) == ()


def test_variables_of_programs_with_a_similar_name_are_left_alone() -> None:
    names = "VSCODE_PID OPENAI_ORG_ID OPEN_BROWSER CODE_SERVER_PASSWORD OPENCORE_HOME OPENCORE_PORT PASSWORD"
    assert unknown_variable_warnings(dict.fromkeys(names.split(), "1")) == ()
