"""Every table of the house, gathered for the migrations and their test."""

from storage import (
    audit,
    bags,
    chats,
    checkin_cards,
    checkins,
    communities,
    due,
    fans,
    fsm,
    heartbeats,
    inbox,
    interactions,
    ledger,
    marks,
    order,
    outbox,
    touches,
)
from storage.database import metadata

TABLES = (
    audit,
    bags,
    chats,
    checkin_cards,
    checkins,
    communities,
    due,
    fans,
    fsm,
    heartbeats,
    inbox,
    interactions,
    ledger,
    marks,
    order,
    outbox,
    touches,
)

__all__ = ["TABLES", "metadata"]
