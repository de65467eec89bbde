"""What all tables share: how columns are typed and constraints named."""

from datetime import UTC, datetime
from typing import ClassVar, Final

from sqlalchemy import CheckConstraint, DateTime, Dialect, Float, MetaData, Text, TypeDecorator
from sqlalchemy.orm import DeclarativeBase

NAMING: Final = {
    "pk": "pk_%(table_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
}


class UtcDateTime(TypeDecorator[datetime]):
    """A moment. Takes only moments that know their zone, and gives them back in UTC."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is not None and value.tzinfo is None:
            raise ValueError("a moment without a time zone")
        return None if value is None else value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Base(DeclarativeBase):
    """The base of all tables: texts without limits, moments in UTC, constraints named by rule."""

    metadata = MetaData(naming_convention=NAMING)
    type_annotation_map: ClassVar = {str: Text, datetime: UtcDateTime, float: Float(53)}


def one_of(column: str, values: tuple[str, ...]) -> CheckConstraint:
    """The column holds one of the values (or nothing, if it may be null)."""
    return CheckConstraint(f"{column} IN ({quoted(values)})", name=column)


def only_for(column: str, kinds: tuple[str, ...]) -> CheckConstraint:
    """The column is filled for these kinds of row, and for no other."""
    return CheckConstraint(f"({column} IS NOT NULL) = (kind IN ({quoted(kinds)}))", name=f"{column}_fits_kind")


def quoted(values: tuple[str, ...]) -> str:
    return ", ".join(f"'{value}'" for value in values)
