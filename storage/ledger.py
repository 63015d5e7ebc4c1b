"""Points as double entry: every transaction's amounts sum to zero, and nothing is ever changed.

A fan's points come from the community's issuer, which goes below zero by exactly what was handed
out; what is spent goes to a sink, what is promised waits in the fan's escrow. The database refuses
to change or delete what is written, and a transaction that does not sum to zero (triggers in the
migrations); a correction is a new transaction. Balances of fans and of their escrows are kept as
we go and can always be counted anew (``verify``, ``replay``). The issuer and the sinks have none:
every act of everybody would wait for that one row.

Every act has an idem key, unique in its community, and tells by a bool whether points moved now.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Connection,
    ForeignKey,
    Index,
    Integer,
    String,
    Table,
    Text,
    UniqueConstraint,
    bindparam,
    func,
    insert,
    select,
    text,
    update,
)
from sqlalchemy.dialects import postgresql

from storage import communities, fans
from storage.database import metadata
from storage.records import moment
from storage.statements import Prepared

NUMBER = BigInteger().with_variant(Integer, "sqlite")


class Account(StrEnum):
    """The kinds of accounts; the first two belong to a fan, the others to the community."""

    FAN = "fan"
    ESCROW = "escrow"
    ISSUER = "issuer"
    SINK = "sink"


class Reason(StrEnum):
    """Why staff moved points; the rooms have reasons of their own beside these."""

    GIVEN = "given"
    CORRECTED = "corrected"


KEPT: Final = (Account.FAN.value, Account.ESCROW.value)
CLOSED: Final = ":closed"
SHOWN: Final = 20  # of each kind of trouble that `verify` names

accounts = Table(
    "accounts",
    metadata,
    Column("id", NUMBER, primary_key=True),
    Column("community", Integer, ForeignKey("communities.id"), nullable=False),
    Column("kind", String(16), nullable=False),
    Column("fan", BigInteger, nullable=False, server_default="0"),
    Column("balance", BigInteger, nullable=False, server_default="0"),
    UniqueConstraint("community", "kind", "fan"),
    CheckConstraint("balance >= 0", name="covered"),
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
    Index("ix_ledger_entries_transaction", "transaction"),
)

# Beside the ledger and not in it: words about people must be erasable.
notes = Table(
    "ledger_notes",
    metadata,
    Column(
        "transaction",
        NUMBER,
        ForeignKey("transactions.id"),
        primary_key=True,
        autoincrement=False,
    ),
    Column("actor", BigInteger),
    Column("words", Text, nullable=False),
)


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a fan's account: ``amount`` signed as the fan sees it, ``words`` what staff
    said about it ("" otherwise), ``at`` microseconds UTC."""

    id: int
    at: int
    amount: int
    reason: str
    words: str


_ACCOUNT = Prepared(
    select(accounts.c.id).where(
        accounts.c.community == bindparam("community"),
        accounts.c.kind == bindparam("kind"),
        accounts.c.fan == bindparam("fan"),
    )
)
# PostgreSQL's form of "on conflict …", which SQLite understands as well.
_OPEN = Prepared(postgresql.insert(accounts).on_conflict_do_nothing(), ("community", "kind", "fan"))
_fresh_account = postgresql.insert(accounts)
_FILL = Prepared(
    _fresh_account.on_conflict_do_update(
        index_elements=["community", "kind", "fan"],
        set_={"balance": accounts.c.balance + _fresh_account.excluded.balance},
    ).returning(accounts.c.id),
    ("community", "kind", "fan", "balance"),
)
# The row is locked by the change itself, so what it asks is true when it changes.
_DRAW = Prepared(
    update(accounts)
    .where(
        accounts.c.community == bindparam("of_community"),
        accounts.c.kind == bindparam("of_kind"),
        accounts.c.fan == bindparam("of_fan"),
        accounts.c.balance >= bindparam("amount"),
    )
    .values(balance=accounts.c.balance - bindparam("amount"))
    .returning(accounts.c.id)
)
_BEGIN = Prepared(
    postgresql.insert(transactions).on_conflict_do_nothing().returning(transactions.c.id),
    ("community", "idem", "reason", "at"),
)
_BOOK = Prepared(
    insert(entries).values(
        [
            {
                "transaction": bindparam("made"),
                "account": bindparam(account),
                "amount": bindparam(amount),
            }
            for account, amount in (("source", "minus"), ("target", "plus"))
        ]
    )
)
_BALANCE = Prepared(
    select(accounts.c.balance).where(
        accounts.c.community == bindparam("community"),
        accounts.c.kind == bindparam("kind"),
        accounts.c.fan == bindparam("fan"),
    )
)


# ---------------------------------------------------------------- moving points


def earn(
    db: Connection, community: int, fan: int, amount: int, *, reason: str, idem: str, at: int
) -> bool:
    """Hand out points once per *idem* key; False when that was done before."""
    _check(amount)
    made = _BEGIN.value(db, community=community, idem=idem, reason=reason, at=at)
    if made is None:
        return False
    target = _FILL.value(db, community=community, kind=Account.FAN.value, fan=fan, balance=amount)
    _book(db, made, _house(db, community, Account.ISSUER), target, amount)
    return True


def spend(
    db: Connection, community: int, fan: int, amount: int, *, reason: str, idem: str, at: int
) -> bool:
    """Take points back into the community's sink; False where the fan has too few, or where this
    was paid before: nothing is taken then."""
    source = _draw(db, community, Account.FAN, fan, amount)
    if source is None:
        return False
    made = _BEGIN.value(db, community=community, idem=idem, reason=reason, at=at)
    if made is None:
        _fill(db, community, Account.FAN, fan, amount)
        return False
    _book(db, made, source, _house(db, community, Account.SINK), amount)
    return True


def hold(
    db: Connection, community: int, fan: int, amount: int, *, reason: str, idem: str, at: int
) -> bool:
    """Put points of a fan aside until ``settle`` or ``release``; False where the fan has too few,
    or where this was done before."""
    source = _draw(db, community, Account.FAN, fan, amount)
    if source is None:
        return False
    made = _BEGIN.value(db, community=community, idem=idem, reason=reason, at=at)
    if made is None:
        _fill(db, community, Account.FAN, fan, amount)
        return False
    _book(db, made, source, _fill(db, community, Account.ESCROW, fan, amount), amount)
    return True


def settle(db: Connection, community: int, held: str, *, reason: str, at: int) -> bool:
    """What was put aside under the idem key *held* is spent; False where there is no such hold,
    or where it was settled or released before."""
    return _close(db, community, held, Account.SINK, reason, at)


def release(db: Connection, community: int, held: str, *, reason: str, at: int) -> bool:
    """What was put aside under the idem key *held* is the fan's again; False as for ``settle``."""
    return _close(db, community, held, Account.FAN, reason, at)


def adjust(
    db: Connection,
    community: int,
    fan: int,
    amount: int,
    *,
    reason: Reason,
    words: str,
    actor: int,
    idem: str,
    at: int,
) -> int | None:
    """Staff gives points or, with a negative *amount*, takes them back, and says why.

    Gives the transaction's number; None where the fan has fewer points than are to be taken, or
    where this was done before.
    """
    _check(abs(amount))
    if amount > 0:
        made = _BEGIN.value(db, community=community, idem=idem, reason=reason.value, at=at)
        if made is None:
            return None
        source = _house(db, community, Account.ISSUER)
        _book(db, made, source, _fill(db, community, Account.FAN, fan, amount), amount)
    else:
        purse = _draw(db, community, Account.FAN, fan, -amount)
        if purse is None:
            return None
        made = _BEGIN.value(db, community=community, idem=idem, reason=reason.value, at=at)
        if made is None:
            _fill(db, community, Account.FAN, fan, -amount)
            return None
        _book(db, made, purse, _house(db, community, Account.ISSUER), -amount)
    db.execute(insert(notes).values(transaction=made, actor=actor, words=words))
    return int(made)


def _close(
    db: Connection, community: int, held: str, target: Account, reason: str, at: int
) -> bool:
    query = (
        select(accounts.c.fan, entries.c.amount)
        .select_from(
            entries.join(transactions, transactions.c.id == entries.c.transaction).join(
                accounts, accounts.c.id == entries.c.account
            )
        )
        .where(
            transactions.c.community == community,
            transactions.c.idem == held,
            accounts.c.kind == Account.ESCROW.value,
            entries.c.amount > 0,
        )
    )
    row = db.execute(query).first()
    if row is None:
        return False
    made = _BEGIN.value(db, community=community, idem=held + CLOSED, reason=reason, at=at)
    if made is None:
        return False
    source = _draw(db, community, Account.ESCROW, row.fan, row.amount)
    if source is None:
        raise Unbalanced(f"the escrow of fan {row.fan} holds less than was put into it")
    if target is Account.FAN:
        goal = _fill(db, community, target, row.fan, row.amount)
    else:
        goal = _house(db, community, target)
    _book(db, made, source, goal, row.amount)
    return True


class Unbalanced(Exception):
    """The kept balances and the ledger differ: restore a backup, or count them anew with
    storage.ledger.replay once the cause is known."""


def _check(amount: int) -> None:
    if amount <= 0:
        raise ValueError("an amount of points is above zero")


def _house(db: Connection, community: int, kind: Account) -> int:
    """The number of one of the community's own accounts, opened on first use."""
    known = _ACCOUNT.value(db, community=community, kind=kind.value, fan=0)
    if known is None:
        _OPEN.run(db, community=community, kind=kind.value, fan=0)
        known = _ACCOUNT.value(db, community=community, kind=kind.value, fan=0)
    return int(known)


def _fill(db: Connection, community: int, kind: Account, fan: int, amount: int) -> int:
    return int(_FILL.value(db, community=community, kind=kind.value, fan=fan, balance=amount))


def _draw(db: Connection, community: int, kind: Account, fan: int, amount: int) -> int | None:
    """Take from a kept balance; None, and nothing taken, where it is too small."""
    _check(amount)
    number: int | None = _DRAW.value(
        db, of_community=community, of_kind=kind.value, of_fan=fan, amount=amount
    )
    return number


def _book(db: Connection, made: int, source: int, target: int, amount: int) -> None:
    _BOOK.run(db, made=made, source=source, minus=-amount, target=target, plus=amount)


# ---------------------------------------------------------------- asking


def balance(db: Connection, community: int, fan: int) -> int:
    """The points that a fan may spend."""
    return _BALANCE.value(db, community=community, kind=Account.FAN.value, fan=fan) or 0


def held(db: Connection, community: int, fan: int) -> int:
    """The points of a fan that are put aside."""
    return _BALANCE.value(db, community=community, kind=Account.ESCROW.value, fan=fan) or 0


def history(
    db: Connection, community: int, fan: int, most: int, before: int | None = None
) -> list[Line]:
    """The newest lines of a fan's account first, those older than the line *before*."""
    holder = _ACCOUNT.value(db, community=community, kind=Account.FAN.value, fan=fan)
    if holder is None:
        return []
    query = (
        select(
            entries.c.id,
            transactions.c.at,
            entries.c.amount,
            transactions.c.reason,
            func.coalesce(notes.c.words, "").label("words"),
        )
        .select_from(
            entries.join(transactions, transactions.c.id == entries.c.transaction).outerjoin(
                notes, notes.c.transaction == transactions.c.id
            )
        )
        .where(entries.c.account == holder)
        .order_by(entries.c.id.desc())
        .limit(most)
    )
    if before is not None:
        query = query.where(entries.c.id < before)
    return [Line(r.id, r.at, r.amount, r.reason, r.words) for r in db.execute(query)]


# ---------------------------------------------------------------- trust


def verify(db: Connection) -> list[str]:
    """What is wrong with the ledger, a sentence each; empty where all is right.

    Reads every entry: some seconds for millions. At most twenty of a kind are named.
    """
    return [
        sentence.format(*row)
        for sentence, query in _TROUBLES
        for row in db.execute(text(f"{query} LIMIT {SHOWN}"))
    ]


_COUNTED: Final = (
    "SELECT a.id, a.kind, a.balance, coalesce(sum(e.amount), 0) AS counted FROM accounts a "
    "LEFT JOIN ledger_entries e ON e.account = a.id GROUP BY a.id, a.kind, a.balance"
)
_TROUBLES: Final = (
    (
        "transaction {0} sums to {1} over {2} entries",
        "SELECT t.id, coalesce(sum(e.amount), 0), count(e.id) FROM transactions t "
        'LEFT JOIN ledger_entries e ON e."transaction" = t.id GROUP BY t.id '
        "HAVING coalesce(sum(e.amount), 0) <> 0 OR count(e.id) < 2",
    ),
    (
        "account {0} ({1}) keeps a balance of {2}, its entries sum to {3}",
        f"SELECT * FROM ({_COUNTED}) AS c WHERE kind IN ('fan', 'escrow') AND balance <> counted",
    ),
    (
        "account {0} ({1}) keeps a balance of {2} where none is kept",
        f"SELECT * FROM ({_COUNTED}) AS c WHERE kind NOT IN ('fan', 'escrow') AND balance <> 0",
    ),
    (
        "account {0} ({1}) is below zero: {3}",
        f"SELECT * FROM ({_COUNTED}) AS c WHERE kind IN ('fan', 'escrow') AND counted < 0",
    ),
    (
        "transaction {0} moves points of another community (entry {1})",
        'SELECT t.id, e.id FROM ledger_entries e JOIN transactions t ON t.id = e."transaction" '
        "JOIN accounts a ON a.id = e.account WHERE a.community <> t.community",
    ),
)


def replay(db: Connection) -> int:
    """Count every kept balance anew from the entries; gives how many differed."""
    if db.dialect.name != "sqlite":
        # Whoever moves points now has finished when we count, or waits until we have.
        db.execute(text("LOCK TABLE accounts IN SHARE ROW EXCLUSIVE MODE"))
    counted = (
        select(func.coalesce(func.sum(entries.c.amount), 0))
        .where(entries.c.account == accounts.c.id)
        .scalar_subquery()
    )
    wrong = (
        update(accounts)
        .where(accounts.c.kind.in_(KEPT), accounts.c.balance != counted)
        .values(balance=counted)
    )
    return db.execute(wrong).rowcount


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
        whose = r.telegram_id if r.telegram_id is not None else "forgotten"
        yield {
            "id": r.id,
            "at": moment(r.at).isoformat(),
            "community": r.community,
            "account": f"{r.kind}:{whose}" if r.kind in KEPT else r.kind,
            "amount": r.amount,
            "reason": r.reason,
            "transaction": r.transaction,
        }
