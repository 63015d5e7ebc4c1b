"""What happens when a fan, an admin or the clock acts: one room per feature.

A room has up to four doors: ``router`` (Telegram), ``dialogs`` (staff forms), ``service`` (the
steps) and ``rules`` (the decision). Rooms do not know each other, except that all may use
``handlers.fans``; what they share lies in storage. Here stand only their names, so that nothing
but the running bot pays for importing aiogram.
"""

from __future__ import annotations

from importlib import import_module

from handlers.doors import Door

ROOMS = ("checkin", "fans", "groups", "help", "points")


def doors() -> dict[str, Door]:
    """Every room's door by the room's name; imports the routers, and with them aiogram."""
    return {room: import_module(f"handlers.{room}.router").DOOR for room in ROOMS}
