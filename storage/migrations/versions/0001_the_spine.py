"""The spine: the road of one message, people and chats, check-ins and the ledger."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

LEDGER = ("transactions", "ledger_entries")


def upgrade() -> None:
    op.create_table(
        "audit",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("community", sa.Integer(), nullable=False),
        sa.Column("fan", sa.BigInteger(), nullable=True),
        sa.Column("what", sa.String(length=64), nullable=False),
        sa.Column("facts", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit")),
    )
    op.create_table(
        "orders",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("community", sa.Integer(), nullable=False),
        sa.Column("chat", sa.Integer(), nullable=False),
        sa.Column("fan", sa.BigInteger(), nullable=False),
        sa.Column("by", sa.BigInteger(), nullable=True),
        sa.Column("what", sa.String(length=16), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("until", sa.BigInteger(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_orders")),
    )
    op.create_index("ix_orders_community_fan", "orders", ["community", "fan"], unique=False)
    op.create_table(
        "arrivals",
        sa.Column("chat", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("fan", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("greeted", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("waits", sa.Boolean(), server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("chat", "fan", name=op.f("pk_arrivals")),
    )
    op.create_table(
        "welcomes",
        sa.Column("chat", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("message", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("chat", name=op.f("pk_welcomes")),
    )
    op.create_table(
        "gates",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("community", sa.Integer(), nullable=False),
        sa.Column("chat", sa.Integer(), nullable=False),
        sa.Column("fan", sa.BigInteger(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("tries", sa.SmallInteger(), server_default="0", nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("answer", sa.Text(), server_default="", nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_gates")),
    )
    op.create_index("ix_gates_chat_fan", "gates", ["chat", "fan"], unique=False)
    op.create_table(
        "removals",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("community", sa.Integer(), nullable=False),
        sa.Column("chat", sa.Integer(), nullable=False),
        sa.Column("fan", sa.BigInteger(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("why", sa.String(length=16), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_removals")),
    )
    op.create_table(
        "bags",
        sa.Column("chat", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("fan", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("template", sa.String(length=96), nullable=False),
        sa.Column("locale", sa.String(length=16), nullable=False),
        sa.Column("drawn", sa.Integer(), nullable=False),
        sa.Column("pool", sa.SmallInteger(), nullable=False),
        sa.Column("was", sa.SmallInteger(), nullable=False),
        sa.PrimaryKeyConstraint("chat", "fan", "template", "locale", name=op.f("pk_bags")),
    )
    op.create_table(
        "checkins",
        sa.Column("community", sa.Integer(), nullable=False),
        sa.Column("fan", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("mark", sa.SmallInteger(), nullable=False),
        sa.Column("made_on", sa.Date(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("place", sa.Integer(), nullable=True),
        sa.PrimaryKeyConstraint("community", "fan", "day", name=op.f("pk_checkins")),
    )
    op.create_index(
        "ix_checkins_community_day_place", "checkins", ["community", "day", "place"], unique=False
    )
    op.create_table(
        "tallies",
        sa.Column("community", sa.Integer(), nullable=False),
        sa.Column("board", sa.String(length=16), nullable=False),
        sa.Column("days", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("streak", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("community", "board", "days", "streak", name=op.f("pk_tallies")),
    )
    op.create_table(
        "zones_left",
        sa.Column("community", sa.Integer(), nullable=False),
        sa.Column("fan", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("zone", sa.String(length=64), nullable=False),
        sa.Column("until", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("community", "fan", "zone", name=op.f("pk_zones_left")),
    )
    op.create_table(
        "outages",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("since", sa.BigInteger(), nullable=False),
        sa.Column("until", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_outages")),
    )
    op.create_table(
        "communities",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=128), nullable=False),
        sa.Column("zone", sa.String(length=64), nullable=False),
        sa.Column("locale", sa.String(length=16), nullable=False),
        sa.Column("persona", sa.Text(), nullable=False),
        sa.Column("settings", sa.Text(), server_default="{}", nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_communities")),
        sa.UniqueConstraint("name", name=op.f("uq_communities_name")),
    )
    op.create_table(
        "due",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("kind", sa.String(length=48), nullable=False),
        sa.Column("key", sa.String(length=96), nullable=False),
        sa.Column("bot", sa.SmallInteger(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("facts", sa.Text(), nullable=False),
        sa.Column("state", sa.SmallInteger(), server_default="0", nullable=False),
        sa.Column("attempts", sa.SmallInteger(), server_default="0", nullable=False),
        sa.Column("error", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_due")),
        sa.UniqueConstraint("kind", "key", name=op.f("uq_due_kind_key")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_due_state_at", "due", ["state", "at"], unique=False)
    op.create_table(
        "fans",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("telegram_id", sa.BigInteger(), nullable=True),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("username", sa.String(length=64), nullable=False),
        sa.Column("language", sa.String(length=16), nullable=False),
        sa.Column("first_seen", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_fans")),
        sa.UniqueConstraint("telegram_id", name=op.f("uq_fans_telegram_id")),
    )
    op.create_table(
        "first_touches",
        sa.Column("community", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("fan", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("by", sa.String(length=16), nullable=False),
        sa.Column("what", sa.String(length=256), nullable=False),
        sa.PrimaryKeyConstraint("community", "fan", name=op.f("pk_first_touches")),
    )
    op.create_table(
        "fsm",
        sa.Column("bot", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=True),
        sa.Column("data", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("bot", "key", name=op.f("pk_fsm")),
    )
    op.create_table(
        "inbox",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("bot", sa.SmallInteger(), nullable=False),
        sa.Column("update_id", sa.BigInteger(), nullable=True),
        sa.Column("lane", sa.BigInteger(), nullable=False),
        sa.Column("fan", sa.BigInteger(), nullable=True),
        sa.Column("chat", sa.Integer(), nullable=True),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("raw", sa.LargeBinary(), nullable=False),
        sa.Column("state", sa.SmallInteger(), server_default="0", nullable=False),
        sa.Column("attempts", sa.SmallInteger(), server_default="0", nullable=False),
        sa.Column("failures", sa.SmallInteger(), server_default="0", nullable=False),
        sa.Column("error", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_inbox")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_inbox_state_id", "inbox", ["state", "id"], unique=False)
    op.create_table(
        "interactions",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("bot", sa.SmallInteger(), nullable=False),
        sa.Column("update_id", sa.BigInteger(), nullable=True),
        sa.Column("kind", sa.SmallInteger(), nullable=False),
        sa.Column("class", sa.SmallInteger(), nullable=False),
        sa.Column("chat", sa.Integer(), nullable=True),
        sa.Column("fan", sa.BigInteger(), nullable=True),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("message", sa.BigInteger(), nullable=True),
        sa.Column("ref", sa.BigInteger(), nullable=True),
        sa.Column("text", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_interactions")),
    )
    op.create_index(op.f("ix_interactions_fan_at"), "interactions", ["fan", "at"], unique=False)
    op.create_table(
        "letters",
        sa.Column("bot", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("chat", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("message", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("letter", sa.BigInteger(), nullable=False),
        sa.Column("part", sa.SmallInteger(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("text", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("bot", "chat", "message", name=op.f("pk_letters")),
    )
    op.create_table(
        "marks",
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_marks")),
    )
    op.create_table(
        "seen",
        sa.Column("bot", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("last", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("first", sa.BigInteger(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("bot", "last", name=op.f("pk_seen")),
    )
    op.create_table(
        "stops",
        sa.Column("bot", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("bucket", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("until", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("bot", "bucket", name=op.f("pk_stops")),
    )
    op.create_table(
        "accounts",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("community", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("fan", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("balance", sa.BigInteger(), server_default="0", nullable=False),
        sa.CheckConstraint("balance >= 0", name=op.f("ck_accounts_covered")),
        sa.ForeignKeyConstraint(
            ["community"], ["communities.id"], name=op.f("fk_accounts_community")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_accounts")),
        sa.UniqueConstraint(
            "community", "kind", "fan", name=op.f("uq_accounts_community_kind_fan")
        ),
    )
    op.create_table(
        "bots",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("telegram_id", sa.BigInteger(), nullable=False),
        sa.Column("username", sa.String(length=64), nullable=False),
        sa.Column("community", sa.Integer(), nullable=False),
        sa.Column("hears_all", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["community"], ["communities.id"], name=op.f("fk_bots_community")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_bots")),
        sa.UniqueConstraint("telegram_id", name=op.f("uq_bots_telegram_id")),
    )
    op.create_table(
        "memberships",
        sa.Column("community", sa.Integer(), nullable=False),
        sa.Column("fan", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("joined", sa.BigInteger(), nullable=False),
        sa.Column("reach", sa.String(length=16), nullable=False),
        sa.Column("zone", sa.String(length=64), nullable=True),
        sa.Column("locale", sa.String(length=16), nullable=True),
        sa.Column("streak", sa.Integer(), server_default="0", nullable=False),
        sa.Column("checked_in", sa.Date(), nullable=True),
        sa.Column("days", sa.Integer(), server_default="0", nullable=False),
        sa.Column("best", sa.Integer(), server_default="0", nullable=False),
        sa.Column("freezes", sa.SmallInteger(), server_default="0", nullable=False),
        sa.Column("week", sa.Date(), nullable=True),
        sa.Column("week_days", sa.SmallInteger(), server_default="0", nullable=False),
        sa.Column("earliness", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("checked_zone", sa.String(length=64), nullable=True),
        sa.Column("level", sa.String(length=16), server_default="visitor", nullable=False),
        sa.Column("level_until", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(
            ["community"], ["communities.id"], name=op.f("fk_memberships_community")
        ),
        sa.ForeignKeyConstraint(["fan"], ["fans.id"], name=op.f("fk_memberships_fan")),
        sa.PrimaryKeyConstraint("community", "fan", name=op.f("pk_memberships")),
    )
    op.create_index(
        "ix_memberships_days",
        "memberships",
        ["community", "days", "streak", "earliness"],
        unique=False,
    )
    op.create_index("ix_memberships_level_until", "memberships", ["level_until"], unique=False)
    op.create_index(
        "ix_memberships_week",
        "memberships",
        ["community", "week", "week_days", "streak", "earliness"],
        unique=False,
    )
    op.create_table(
        "staff",
        sa.Column("community", sa.Integer(), nullable=False),
        sa.Column("fan", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("role", sa.String(length=16), nullable=False),
        sa.ForeignKeyConstraint(["community"], ["communities.id"], name=op.f("fk_staff_community")),
        sa.PrimaryKeyConstraint("community", "fan", name=op.f("pk_staff")),
    )
    op.create_table(
        "transactions",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("community", sa.Integer(), nullable=False),
        sa.Column("idem", sa.String(length=96), nullable=False),
        sa.Column("reason", sa.String(length=48), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["community"], ["communities.id"], name=op.f("fk_transactions_community")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_transactions")),
        sa.UniqueConstraint("community", "idem", name=op.f("uq_transactions_community_idem")),
    )
    op.create_table(
        "chats",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("bot", sa.SmallInteger(), nullable=False),
        sa.Column("telegram_id", sa.BigInteger(), nullable=True),
        sa.Column("fan", sa.BigInteger(), nullable=True),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("username", sa.String(length=64), nullable=False),
        sa.Column("standing", sa.String(length=16), nullable=False),
        sa.Column("told_deaf", sa.Boolean(), server_default="0", nullable=False),
        sa.Column("purpose", sa.String(length=16), server_default="", nullable=False),
        sa.Column("rights", sa.Text(), server_default="", nullable=False),
        sa.ForeignKeyConstraint(["bot"], ["bots.id"], name=op.f("fk_chats_bot")),
        sa.ForeignKeyConstraint(["fan"], ["fans.id"], name=op.f("fk_chats_fan")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_chats")),
        sa.UniqueConstraint("bot", "fan", name=op.f("uq_chats_bot_fan")),
        sa.UniqueConstraint("bot", "telegram_id", name=op.f("uq_chats_bot_telegram_id")),
    )
    op.create_table(
        "checkin_cards",
        sa.Column("chat", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("community", sa.Integer(), nullable=False),
        sa.Column("loud", sa.String(length=16), nullable=False),
        sa.Column("on", sa.Boolean(), nullable=False),
        sa.Column("day", sa.Date(), nullable=True),
        sa.Column("message", sa.BigInteger(), nullable=True),
        sa.Column("shown", sa.Integer(), server_default="0", nullable=False),
        sa.Column("edited", sa.BigInteger(), server_default="0", nullable=False),
        sa.ForeignKeyConstraint(["chat"], ["chats.id"], name=op.f("fk_checkin_cards_chat")),
        sa.PrimaryKeyConstraint("chat", name=op.f("pk_checkin_cards")),
    )
    op.create_index(
        op.f("ix_checkin_cards_community"), "checkin_cards", ["community"], unique=False
    )
    op.create_table(
        "ledger_entries",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("transaction", sa.BigInteger(), nullable=False),
        sa.Column("account", sa.BigInteger(), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["account"], ["accounts.id"], name=op.f("fk_ledger_entries_account")
        ),
        sa.ForeignKeyConstraint(
            ["transaction"], ["transactions.id"], name=op.f("fk_ledger_entries_transaction")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ledger_entries")),
    )
    op.create_index(
        "ix_ledger_entries_account_id", "ledger_entries", ["account", "id"], unique=False
    )
    op.create_index(
        "ix_ledger_entries_transaction", "ledger_entries", ["transaction"], unique=False
    )
    op.create_table(
        "ledger_notes",
        sa.Column(
            "transaction",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=False,
            nullable=False,
        ),
        sa.Column("actor", sa.BigInteger(), nullable=True),
        sa.Column("words", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["transaction"], ["transactions.id"], name=op.f("fk_ledger_notes_transaction")
        ),
        sa.PrimaryKeyConstraint("transaction", name=op.f("pk_ledger_notes")),
    )
    op.create_table(
        "outbox",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("bot", sa.SmallInteger(), nullable=False),
        sa.Column("chat", sa.Integer(), nullable=False),
        sa.Column("fan", sa.BigInteger(), nullable=True),
        sa.Column("idem", sa.String(length=96), nullable=False),
        sa.Column("class", sa.SmallInteger(), nullable=False),
        sa.Column("method", sa.String(length=48), nullable=False),
        sa.Column("template", sa.String(length=96), nullable=False),
        sa.Column("locale", sa.String(length=16), nullable=False),
        sa.Column("facts", sa.Text(), nullable=False),
        sa.Column("payload", sa.Text(), nullable=False),
        sa.Column("reply_to", sa.BigInteger(), nullable=True),
        sa.Column("not_before", sa.BigInteger(), nullable=False),
        sa.Column("not_after", sa.BigInteger(), nullable=True),
        sa.Column("then", sa.String(length=64), nullable=False),
        sa.Column("state", sa.SmallInteger(), server_default="0", nullable=False),
        sa.Column("next_at", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("attempts", sa.SmallInteger(), server_default="0", nullable=False),
        sa.Column("part", sa.SmallInteger(), server_default="0", nullable=False),
        sa.Column("parts", sa.Text(), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["chat"], ["chats.id"], name=op.f("fk_outbox_chat")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_outbox")),
        sa.UniqueConstraint("bot", "idem", name=op.f("uq_outbox_bot_idem")),
    )
    op.create_index(
        "ix_outbox_open",
        "outbox",
        ["bot", "class", "id"],
        unique=False,
        sqlite_where=sa.text("state < 2"),
        postgresql_where=sa.text("state < 2"),
    )
    _forbid_change()


def _forbid_change() -> None:
    """What stands in the ledger stands: the database itself refuses to change or delete it."""
    if op.get_bind().dialect.name == "sqlite":
        for table in LEDGER:
            for act in ("UPDATE", "DELETE"):
                op.execute(
                    f"CREATE TRIGGER {table}_no_{act.lower()} BEFORE {act} ON {table} "
                    "BEGIN SELECT RAISE(ABORT, 'the ledger is never changed'); END"
                )
        # Its triggers know no end of a transaction: entries come in pairs that cancel out.
        op.execute(
            "CREATE TRIGGER ledger_entries_cancel_out AFTER INSERT ON ledger_entries "
            "WHEN (SELECT count(*) % 2 = 0 AND sum(amount) <> 0 FROM ledger_entries "
            'WHERE "transaction" = NEW."transaction") '
            "BEGIN SELECT RAISE(ABORT, 'a transaction sums to zero'); END"
        )
        return
    op.execute(
        "CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION 'the ledger is never changed'; END $$"
    )
    for table in LEDGER:
        op.execute(
            f"CREATE TRIGGER {table}_no_change BEFORE UPDATE OR DELETE OR TRUNCATE ON {table} "
            "FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
        )
    op.execute(
        "CREATE FUNCTION refuse_imbalance() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN IF (SELECT sum(amount) FROM ledger_entries "
        'WHERE "transaction" = NEW."transaction") <> 0 '
        "THEN RAISE EXCEPTION 'a transaction sums to zero'; END IF; RETURN NULL; END $$"
    )
    op.execute(
        "CREATE CONSTRAINT TRIGGER ledger_entries_cancel_out AFTER INSERT ON ledger_entries "
        "DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION refuse_imbalance()"
    )
