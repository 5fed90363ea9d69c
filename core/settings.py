"""Settings: environment `JOULECAST_*` over `joulecast.toml`. Unknown keys are errors."""

from __future__ import annotations

import os
import re
import tomllib
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, ValidationError, field_validator
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from core.clock import Clock, clock_from
from core.errors import InputError

SETTINGS_FILE = Path("joulecast.toml")
PREFIX = "JOULECAST_"
LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})
EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}  # noqa: S104  # compared with, not bound to
"""Where this machine itself reaches what is served on all its addresses."""
BARE = (
    "other machines reach the pages without a proxy in front: a few clients that send or read slowly keep all"
    " others waiting; put a proxy with TLS there that buffers, and set JOULECAST_UI_PROXIES=1"
)
"""What is said of `Settings.ui_is_bare`."""
_SECRET_NAME = re.compile(r"secret|password|token|key|dsn|broker|smtp|webhook", re.IGNORECASE)
_SECRET_VALUE = re.compile(r"://.*@|password", re.IGNORECASE | re.DOTALL)


class Settings(BaseSettings):
    """Where the servers are and how the services behave. The plant itself is described in `site.toml`."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, extra="forbid", toml_file=SETTINGS_FILE, frozen=True)

    dsn: str | None = Field(default=None, description="PostgreSQL connection string; none: embedded server.")
    read_dsn: str | None = Field(default=None, description="A read replica for the UI and for training.")
    broker: str | None = Field(
        default=None, description="MQTT broker as mqtt://[user:password@]host[:port]; none: embedded broker."
    )
    site_file: Path = Field(default=Path("site.toml"), description="The plant's description.")
    data_dir: Path = Field(default=Path(".joulecast"), description="The embedded servers' folder.")
    ui_host: str = Field(default="127.0.0.1", description="Address the pages are served on.")
    ui_port: int = Field(default=8050, ge=1, le=65535, description="Port the pages are served on.")
    ui_guests: Literal["view", "none"] | None = Field(
        default=None,
        description="What those who are not signed in see; where absent: view on the loopback, else none.",
    )
    ui_https: bool = Field(default=False, description="Pages are reached by https: cookies go no other way.")
    ui_proxies: int = Field(
        default=0, ge=0, le=5, description="Proxies in front of the pages whose X-Forwarded-For is believed."
    )
    ui_idle_min: int = Field(
        default=720,
        ge=5,
        le=720,
        description="Minutes after which an unused sign-in ends, open pages or not; 12 h end any.",
    )
    demo_speed: float = Field(default=1.0, gt=0, le=600, description="How fast the demo plant's time runs.")
    demo_days: int = Field(
        default=42, ge=8, le=400, description="Days of history the demo plant begins with."
    )
    clock: str | None = Field(default=None, description="Set by `joulecast up` for its child processes.")
    health_port: int = Field(default=0, ge=0, le=65535, description="Port of a service's /healthz; 0: none.")
    log_level: str = Field(default="INFO", description="DEBUG, INFO, WARNING or ERROR.")
    ingest_client_id: str = Field(default="joulecast-ingest", description="The subscriber's fixed client id.")
    batch_rows: int = Field(default=100_000, ge=1, le=100_000, description="Most readings per transaction.")
    linger_ms: int = Field(default=50, ge=1, le=10_000, description="Longest wait for a batch to fill.")
    window_messages: int = Field(default=20_000, ge=10, le=65_535, description="MQTT 5 Receive Maximum.")
    command_key_file: Path | None = Field(
        default=None, description="The private key that signs commands to the plant; none: none is sent."
    )
    mqtt_version: Literal["5", "3.1.1"] = Field(
        default="5", description="Protocol version spoken with the broker; 3.1.1 costs less per message."
    )
    shared_group: str | None = Field(
        default=None,
        min_length=1,
        pattern=r"^[^/+#\s]+$",
        description="Group of ingest processes that share one subscription; none: one has it all.",
    )

    retention_days: int = Field(
        default=90,
        ge=0,
        le=36_500,
        description="Days that readings are kept, before the newest; 0: for ever.",
    )
    rollup_retention_days: int = Field(
        default=400, ge=0, le=36_500, description="The same of readings by minute and by hour."
    )
    public_url: str | None = Field(
        default=None,
        description="Where people reach the pages: for links in messages, and a host that is answered;"
        " none: as this machine does.",
    )
    alarm_positions: int = Field(
        default=1, ge=1, le=100, description="Operator positions that share the alarms, for their figures."
    )
    notify_priority: int = Field(
        default=2,
        ge=1,
        le=4,
        description="Alarms of this priority and graver ones are told; 1 is the gravest.",
    )
    notify_smtp: str | None = Field(
        default=None, description="Mail server as smtp[s]://[user:password@]host[:port]; smtp uses STARTTLS."
    )
    notify_email_from: str | None = Field(default=None, description="Who e-mails come from.")
    notify_email_to: str | None = Field(default=None, description="Who gets e-mails, separated by commas.")
    notify_webhook: str | None = Field(
        default=None, description="Where JSON is posted: https, or http on this machine."
    )
    notify_webhook_secret: str | None = Field(
        default=None, description="Signs what is posted: HMAC-SHA256 in X-Joulecast-Signature."
    )
    notify_mqtt: bool = Field(
        default=False, description="Whether messages also go to joulecast/<site>/$notification on the broker."
    )

    @field_validator("log_level")
    @classmethod
    def _known_level(cls, value: str) -> str:
        level = value.upper()
        if level not in {"DEBUG", "INFO", "WARNING", "ERROR"}:
            raise ValueError("allowed are DEBUG, INFO, WARNING, ERROR")
        return level

    @field_validator("clock")
    @classmethod
    def _readable_clock(cls, value: str | None) -> str | None:
        clock_from(value)
        return value

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Arguments, then the environment, then the file; no .env and no secrets folder."""
        del dotenv_settings, file_secret_settings
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls)

    @property
    def guests_may_view(self) -> bool:
        """Whether somebody who is not signed in may see the pages."""
        if self.ui_guests is not None:
            return self.ui_guests == "view"
        return self.ui_host in LOOPBACK

    @property
    def page_host(self) -> str:
        """Where this machine reaches the pages."""
        return EVERYWHERE.get(self.ui_host, self.ui_host)

    @property
    def page_url(self) -> str:
        """Address of the pages on this machine."""
        host = f"[{self.page_host}]" if ":" in self.page_host else self.page_host
        return f"http://{host}:{self.ui_port}"

    @property
    def ui_is_bare(self) -> bool:
        """Whether the pages are served to other machines and no proxy is known to be in front of them."""
        return self.ui_host not in LOOPBACK and not self.ui_proxies

    def make_clock(self) -> Clock:
        """The clock that this process goes by."""
        return clock_from(self.clock)


def load_settings(**overrides: Any) -> Settings:
    """Read the settings.

    Raises:
        InputError: a key is unknown, a value is not allowed, or the file is no TOML.
    """
    for name in os.environ:
        if name.startswith(PREFIX) and name.removeprefix(PREFIX).lower() not in Settings.model_fields:
            raise InputError(
                f"environment variable {name}",
                found="no setting of that name",
                allowed=", ".join(PREFIX + key.upper() for key in sorted(Settings.model_fields)),
                do="correct or unset it",
            )
    try:
        return Settings(**overrides)
    except ValidationError as error:
        raise settings_error(error) from error
    except tomllib.TOMLDecodeError as error:
        raise InputError(
            str(SETTINGS_FILE), found=f"no TOML ({error})", allowed="a TOML file", do="correct that line"
        ) from error


def settings_error(error: ValidationError) -> InputError:
    """One sentence for the first thing that pydantic did not like."""
    first = error.errors()[0]
    key = ".".join(str(part) for part in first["loc"]) or "settings"
    unknown = first["type"] == "extra_forbidden"
    return InputError(
        f"setting {key}",
        found="no setting of that name" if unknown else _shown(key, first["input"]),
        allowed=", ".join(sorted(Settings.model_fields)) if unknown else first["msg"],
        do=f"correct it in the environment ({PREFIX}{key.upper()}) or in {SETTINGS_FILE}",
    )


def _shown(key: str, value: object) -> str:
    """A value as a message may have it: messages go into logs, so no password does."""
    if _SECRET_NAME.search(key) or _SECRET_VALUE.search(str(value)):
        return "a value that is not shown here, for it may hold a password"
    return repr(value)
