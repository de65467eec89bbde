"""Who may come in: accounts with what they were granted, how they prove who they are, and keys for programs.

Of what must stay secret only hashes are kept; the seed of the one-time codes, which has to be read again, is encrypted.
"""

from datetime import datetime

from sqlalchemy import JSON, CheckConstraint, ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.access import ROLES
from app.store.models.schema import Base, one_of


class Account(Base):
    """A person. Accounts are disabled, never deleted: what they did keeps its name."""

    __tablename__ = "account"
    __table_args__ = (UniqueConstraint("issuer", "subject"), {"sqlite_autoincrement": True})

    id: Mapped[int] = mapped_column(primary_key=True)
    login: Mapped[str] = mapped_column(unique=True)  # lower case
    name: Mapped[str]
    created_at: Mapped[datetime]
    disabled_at: Mapped[datetime | None]
    password_hash: Mapped[str | None]  # argon2id; none before the invitation is taken up
    totp_secret: Mapped[str | None]  # encrypted
    totp_step: Mapped[int | None]  # the last one used, so that no code counts twice
    issuer: Mapped[str | None]  # of the identity provider, where one is used, and the subject there
    subject: Mapped[str | None]
    calendar_hash: Mapped[str | None] = mapped_column(unique=True)  # of the token in the address of the calendar feed
    version: Mapped[int] = mapped_column()
    grants: Mapped[list["Grant"]] = relationship(lazy="raise", order_by="Grant.id", cascade="all, delete-orphan")

    __mapper_args__ = {"version_id_col": version}  # noqa: RUF012


class Grant(Base):
    """A role that an account has, at one site or, where the role is not of a site, everywhere."""

    __tablename__ = "role_grant"
    __table_args__ = (
        one_of("role", tuple(ROLES)),
        Index("uq_role_grant_site", "account_id", "role", "site_id", unique=True,
              sqlite_where=text("site_id IS NOT NULL"), postgresql_where=text("site_id IS NOT NULL")),
        Index("uq_role_grant_everywhere", "account_id", "role", unique=True,
              sqlite_where=text("site_id IS NULL"), postgresql_where=text("site_id IS NULL")),
        CheckConstraint("(role IN ('coordinator', 'physician')) = (site_id IS NOT NULL)", name="site_fits_role"),
    )  # fmt: skip

    id: Mapped[int] = mapped_column(primary_key=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("account.id"), index=True)
    role: Mapped[str]
    site_id: Mapped[int | None] = mapped_column(ForeignKey("site.id"))


class RecoveryCode(Base):
    """A code for whoever lost the device with the one-time codes; good once."""

    __tablename__ = "recovery_code"

    code_hash: Mapped[str] = mapped_column(primary_key=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("account.id"), index=True)
    used_at: Mapped[datetime | None]


class Invitation(Base):
    """A one-time link with which a person sets (or resets) password and one-time codes."""

    __tablename__ = "invitation"

    token_hash: Mapped[str] = mapped_column(primary_key=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("account.id"), index=True)
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]


class Login(Base):
    """A session of somebody who has signed in; its token is in the browser alone."""

    __tablename__ = "login"

    token_hash: Mapped[str] = mapped_column(primary_key=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("account.id"), index=True)
    created_at: Mapped[datetime]
    seen_at: Mapped[datetime]  # to the minute
    expires_at: Mapped[datetime] = mapped_column(index=True)
    proved_at: Mapped[datetime | None]  # when the second factor was last given; none: only the password was
    ended_at: Mapped[datetime | None]
    address: Mapped[str]
    browser: Mapped[str]


class LoginFailure(Base):
    """An attempt to sign in that failed, by account (`login:`) and by address (`address:`), for throttling."""

    __tablename__ = "login_failure"
    __table_args__ = (Index("ix_login_failure_subject", "subject", "at"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    subject: Mapped[str]
    at: Mapped[datetime] = mapped_column(index=True)


class ApiKey(Base):
    """A program's way in: for one site, with some scopes, for some time."""

    __tablename__ = "api_key"
    __table_args__ = (CheckConstraint("expires_at > created_at", name="expires_at"), {"sqlite_autoincrement": True})

    id: Mapped[int] = mapped_column(primary_key=True)
    prefix: Mapped[str] = mapped_column(unique=True)
    secret_hash: Mapped[str]
    client: Mapped[str]  # at most two active keys for each, so that one can be exchanged for another
    site_id: Mapped[int] = mapped_column(ForeignKey("site.id"), index=True)
    scopes: Mapped[list[str]] = mapped_column(JSON)  # of API_SCOPES
    created_at: Mapped[datetime]
    created_by: Mapped[int | None] = mapped_column(ForeignKey("account.id"))
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]
