"""Points as double entry: every transaction's amounts sum to zero, and nothing is ever changed.

A fan's points come from the community's ``issuer`` account, which goes below zero by exactly what
was handed out. The database refuses to change or delete what is written (triggers in the
migrations); a correction is a new transaction.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    ForeignKey,
    Index,
    Integer,
    String,
    Table,
    UniqueConstraint,
    bindparam,
    func,
    insert,
    select,
)
from sqlalchemy.dialects import postgresql

from storage import communities, fans
from storage.database import metadata
from storage.records import moment
from storage.statements import Prepared

NUMBER = BigInteger().with_variant(Integer, "sqlite")

accounts = Table(
    "accounts",
    metadata,
    Column("id", NUMBER, primary_key=True),
    Column("community", Integer, ForeignKey("communities.id"), nullable=False),
    Column("kind", String(16), nullable=False),
    Column("fan", BigInteger, nullable=False, server_default="0"),
    UniqueConstraint("community", "kind", "fan"),
)

transactions = Table(
    "transactions",
    metadata,
    Column("id", NUMBER, primary_key=True),
    Column("community", Integer, ForeignKey("communities.id"), nullable=False),
    Column("idem", String(96), nullable=False),
    Column("reason", String(48), nullable=False),
    Column("at", BigInteger, nullable=False),
    UniqueConstraint("community", "idem"),
)

entries = Table(
    "ledger_entries",
    metadata,
    Column("id", NUMBER, primary_key=True),
    Column("transaction", BigInteger, ForeignKey("transactions.id"), nullable=False),
    Column("account", BigInteger, ForeignKey("accounts.id"), nullable=False),
    Column("amount", BigInteger, nullable=False),
    Index("ix_ledger_entries_account_id", "account", "id"),
)


_ACCOUNT = Prepared(
    select(accounts.c.id).where(
        accounts.c.community == bindparam("community"),
        accounts.c.kind == bindparam("kind"),
        accounts.c.fan == bindparam("fan"),
    )
)
# PostgreSQL's form of "on conflict do nothing", which SQLite understands as well.
_OPEN = Prepared(postgresql.insert(accounts).on_conflict_do_nothing(), ("community", "kind", "fan"))
_BEGIN = Prepared(
    postgresql.insert(transactions).on_conflict_do_nothing().returning(transactions.c.id),
    ("community", "idem", "reason", "at"),
)
_BOOK = Prepared(insert(entries), ("transaction", "account", "amount"))


def _account(db: Connection, community: int, kind: str, fan: int = 0) -> int:
    known = _ACCOUNT.value(db, community=community, kind=kind, fan=fan)
    if known is None:
        _OPEN.run(db, community=community, kind=kind, fan=fan)
        known = _ACCOUNT.value(db, community=community, kind=kind, fan=fan)
    return int(known)


def earn(
    db: Connection,
    community: int,
    fan: int,
    amount: int,
    *,
    reason: str,
    idem: str,
    at: int,
) -> bool:
    """Hand out points once per *idem* key; False when that was done before."""
    made = _BEGIN.value(db, community=community, idem=idem, reason=reason, at=at)
    if made is None:
        return False
    issuer, holder = (
        _account(db, community, "issuer"),
        _account(db, community, "fan", fan),
    )
    _BOOK.run(db, transaction=made, account=issuer, amount=-amount)
    _BOOK.run(db, transaction=made, account=holder, amount=amount)
    return True


def balance(db: Connection, community: int, fan: int) -> int:
    query = (
        select(func.coalesce(func.sum(entries.c.amount), 0))
        .select_from(entries.join(accounts, accounts.c.id == entries.c.account))
        .where(
            accounts.c.community == community,
            accounts.c.kind == "fan",
            accounts.c.fan == fan,
        )
    )
    return int(db.execute(query).scalar_one())


def exported(db: Connection) -> Iterator[dict[str, Any]]:
    """Every entry in order: Telegram's id for a fan's account, else the account's kind."""
    query = (
        select(
            entries.c.id,
            transactions.c.at,
            accounts.c.kind,
            fans.table.c.telegram_id,
            communities.communities.c.name.label("community"),
            entries.c.amount,
            transactions.c.reason,
            entries.c.transaction,
        )
        .select_from(
            entries.join(transactions, transactions.c.id == entries.c.transaction)
            .join(accounts, accounts.c.id == entries.c.account)
            .join(
                communities.communities,
                communities.communities.c.id == transactions.c.community,
            )
            .outerjoin(fans.table, fans.table.c.id == accounts.c.fan)
        )
        .order_by(entries.c.id)
    )
    for r in db.execute(query.execution_options(yield_per=1000)):
        holder = r.telegram_id if r.kind == "fan" else r.kind
        yield {
            "id": r.id,
            "at": moment(r.at).isoformat(),
            "community": r.community,
            "account": f"{r.kind}:{holder}" if r.kind == "fan" else r.kind,
            "amount": r.amount,
            "reason": r.reason,
            "transaction": r.transaction,
        }
