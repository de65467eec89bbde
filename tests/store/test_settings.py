"""Settings: what is accepted, what is refused, and that no password is ever shown."""

from dataclasses import FrozenInstanceError

import pytest

from app.errors import Misconfigured
from app.settings import Settings, parse_database_url


def test_defaults() -> None:
    settings = Settings.from_environment({})
    assert settings.database_url.render_as_string() == "sqlite:///var/prescreen.sqlite3"
    assert (settings.host, settings.port, settings.quick_check_hours) == ("127.0.0.1", 8000, 24)
    assert (settings.max_body_bytes, settings.max_batch_bytes, settings.allowed_origins) == (65536, 67108864, ())


def test_given() -> None:
    settings = Settings.from_environment(
        {
            "PRESCREEN_DATABASE_URL": "postgresql://me:secret@db.example.org/prescreen",
            "PRESCREEN_HOST": "0.0.0.0",
            "PRESCREEN_PORT": " 80 ",
            "PRESCREEN_QUICK_CHECK_HOURS": "",
            "PRESCREEN_ALLOWED_ORIGINS": "https://EHR.example.org, http://localhost:8080 http://[::1]:3000",
            "UNRELATED": "x",
        }
    )
    assert settings.database_url.drivername == "postgresql+psycopg"
    assert settings.database_url.password == "secret"
    assert (settings.host, settings.port, settings.quick_check_hours) == ("0.0.0.0", 80, 24)
    assert settings.allowed_origins == ("https://ehr.example.org", "http://localhost:8080", "http://[::1]:3000")


def test_a_rate_is_a_number_in_a_time_or_off() -> None:
    assert Settings.from_environment({}).rate_limit == (600, 60)
    assert Settings.from_environment({}).address_rate_limit is None
    given = {"PRESCREEN_RATE_LIMIT": "off", "PRESCREEN_ADDRESS_RATE_LIMIT": "5/second"}
    assert Settings.from_environment(given).rate_limit is None
    assert Settings.from_environment(given).address_rate_limit == (5, 1)


def test_show_no_password() -> None:
    settings = Settings.from_environment({"PRESCREEN_DATABASE_URL": "postgres://me:s3cret@db/prescreen"})
    assert "s3cret" not in repr(settings) + str(settings)


def test_cannot_be_changed() -> None:
    with pytest.raises(FrozenInstanceError):
        Settings.from_environment({}).port = 1  # type: ignore[misc]


@pytest.mark.parametrize(
    ("text", "drivername"),
    [
        ("sqlite:///relative.db", "sqlite"),
        ("sqlite:////absolute/file.db", "sqlite"),
        ("sqlite+pysqlite:///file.db", "sqlite"),
        ("postgres://host/db", "postgresql+psycopg"),
        ("postgresql://host/db", "postgresql+psycopg"),
        ("postgresql+psycopg://host/db", "postgresql+psycopg"),
    ],
)
def test_database_url(text: str, drivername: str) -> None:
    assert parse_database_url(text).drivername == drivername


@pytest.mark.parametrize(
    ("name", "value", "accepted"),
    [
        ("DATABASE_URL", "mysql://me:s3cret@host/db", "postgresql://"),
        ("DATABASE_URL", "postgresql+asyncpg://me:s3cret@host/db", "postgresql://"),
        ("DATABASE_URL", "postgresql://me:s3cret@host:port/db", "postgresql://"),
        ("DATABASE_URL", "s3cret", "sqlite:///"),
        ("DATABASE_URL", "sqlite://", "sqlite:///"),
        ("DATABASE_URL", "sqlite:///:memory:", "sqlite:///"),
        ("PORT", "0", "from 1 to 65535"),
        ("PORT", "65536", "from 1 to 65535"),
        ("PORT", "8000.0", "from 1 to 65535"),
        ("PORT", "٣", "from 1 to 65535"),
        ("PORT", "9" * 5000, "from 1 to 65535"),
        ("QUICK_CHECK_HOURS", "-1", "from 1 to 720"),
        ("MAX_BODY_BYTES", "64k", "from 1024 to"),
        ("MAX_BATCH_BYTES", "1", "from 1024 to"),
        ("RATE_LIMIT", "600", "such as 600/minute"),
        ("RATE_LIMIT", "0/minute", "such as 600/minute"),
        ("ADDRESS_RATE_LIMIT", "1/day", "such as 600/minute"),
        ("ALLOWED_ORIGINS", "*", "origins such as"),
        ("ALLOWED_ORIGINS", "https://a.example/path", "origins such as"),
        ("ALLOWED_ORIGINS", "https://a.example null", "origins such as"),
        ("LOG_LEVEL", "s3cret", "debug, info, warning or error"),
        ("LOG_FORMAT", "s3cret", "json or text"),
        ("METRICS_TOKEN", "s3cret", "16 to 200 letters"),
        ("METRICS_TOKEN", "s3cret with a space in it", "16 to 200 letters"),
    ],
)
def test_refused(name: str, value: str, accepted: str) -> None:
    with pytest.raises(Misconfigured) as refused:
        Settings.from_environment({f"PRESCREEN_{name}": value})
    assert str(refused.value).startswith(f"PRESCREEN_{name} ")
    assert accepted in str(refused.value)
    assert "s3cret" not in str(refused.value)


def test_all_faults_are_named_at_once() -> None:
    with pytest.raises(Misconfigured, match=r"PRESCREEN_PORT .*PRESCREEN_MAX_BODY_BYTES "):
        Settings.from_environment({"PRESCREEN_PORT": "x", "PRESCREEN_MAX_BODY_BYTES": "x"})
