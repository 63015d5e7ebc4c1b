"""Communities, the bots that are their faces, and the people who work for them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Connection,
    ForeignKey,
    Integer,
    String,
    Table,
    Text,
    delete,
    insert,
    select,
    update,
)

from storage import fans
from storage.database import metadata
from storage.records import Community, CommunitySettings, Face, Reach, Role

communities = Table(
    "communities",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", String(128), nullable=False, unique=True),
    Column("zone", String(64), nullable=False),
    Column("locale", String(16), nullable=False),
    Column("persona", Text, nullable=False),
    Column("settings", Text, nullable=False, server_default="{}"),
)

bots = Table(
    "bots",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("telegram_id", BigInteger, nullable=False, unique=True),
    Column("username", String(64), nullable=False),
    Column("community", Integer, ForeignKey("communities.id"), nullable=False),
    Column("hears_all", Boolean, nullable=False),
)

staff = Table(
    "staff",
    metadata,
    Column("community", Integer, ForeignKey("communities.id"), primary_key=True),
    Column("fan", BigInteger, primary_key=True, autoincrement=False),
    Column("role", String(16), nullable=False),
)


def found(
    db: Connection, name: str, *, zone: str, locale: str, persona: Mapping[str, Any]
) -> Community:
    """The community of that name, made on first use and brought up to the settings; a persona
    that it was given for good stays (see `give_persona`)."""
    row = db.execute(
        select(communities.c.id, communities.c.persona).where(communities.c.name == name)
    ).first()
    given = json.loads(row.persona) if row is not None else {}
    if given.get("given"):
        persona = given
    values = {
        "zone": zone,
        "locale": locale,
        "persona": json.dumps(dict(persona), sort_keys=True),
    }
    if row is None:
        made = db.execute(insert(communities).values(name=name, **values))
        (key,) = made.inserted_primary_key or (0,)
    else:
        key = row.id
        db.execute(update(communities).where(communities.c.id == key).values(**values))
    return Community(key, name, zone, locale, dict(persona))


def persona_of(db: Connection, name: str) -> Mapping[str, Any] | None:
    """The persona of the community of that name; None when there is no such community."""
    query = select(communities.c.persona).where(communities.c.name == name)
    row: str | None = db.execute(query).scalar()
    return json.loads(row) if row is not None else None


def give_persona(db: Connection, name: str, persona: Mapping[str, Any] | None) -> bool:
    """Give the community of that name a persona for good, so that the settings no longer say who
    speaks; None takes her back. False when there is no such community. The bot speaks so from its
    next start."""
    row = {**persona, "given": True} if persona is not None else {}
    changed = db.execute(
        update(communities)
        .where(communities.c.name == name)
        .values(persona=json.dumps(row, sort_keys=True))
    )
    return bool(changed.rowcount)


def put_on(
    db: Connection,
    telegram_id: int,
    username: str,
    community: Community,
    *,
    hears_all: bool,
) -> Face:
    """Make the bot the face of a community; one bot serves one community."""
    values = {"username": username, "community": community.id, "hears_all": hears_all}
    row = db.execute(select(bots.c.id).where(bots.c.telegram_id == telegram_id)).first()
    if row is None:
        made = db.execute(insert(bots).values(telegram_id=telegram_id, **values))
        (key,) = made.inserted_primary_key or (0,)
    else:
        key = row.id
        db.execute(update(bots).where(bots.c.id == key).values(**values))
    return Face(key, telegram_id, username, community, hears_all)


def appoint(db: Connection, community: int, fan: int, role: Role) -> None:
    changed = db.execute(
        update(staff)
        .where(staff.c.community == community, staff.c.fan == fan)
        .values(role=role.value)
    )
    if not changed.rowcount:
        db.execute(insert(staff).values(community=community, fan=fan, role=role.value))


def role_of(db: Connection, community: int, fan: int) -> Role | None:
    query = select(staff.c.role).where(staff.c.community == community, staff.c.fan == fan)
    value = db.execute(query).scalar()
    return Role(value) if value is not None else None


def works_anywhere(db: Connection, fan: int) -> bool:
    """Whether somebody has a role in any community of this installation."""
    return db.execute(select(staff.c.fan).where(staff.c.fan == fan).limit(1)).first() is not None


def owners(db: Connection, community: int) -> list[int]:
    """Our numbers of the community's owners."""
    query = select(staff.c.fan).where(
        staff.c.community == community, staff.c.role == Role.OWNER.value
    )
    return list(db.execute(query).scalars())


def dismiss(db: Connection, community: int, fan: int) -> None:
    """Somebody works here no longer."""
    db.execute(delete(staff).where(staff.c.community == community, staff.c.fan == fan))


@dataclass(frozen=True, slots=True)
class Worker:
    """One of the staff; ``locale`` is what they chose, else Telegram's language code, else ""."""

    fan: int
    name: str
    role: Role
    telegram_id: int | None
    locale: str
    reach: Reach


def workers(db: Connection, community: int) -> list[Worker]:
    """Everybody who works for a community, in the order of the roles."""
    m, f = fans.memberships, fans.table
    query = (
        select(staff.c.fan, f.c.name, staff.c.role, f.c.telegram_id, m.c.locale, f.c.language)
        .add_columns(m.c.reach)
        .select_from(
            staff.join(f, f.c.id == staff.c.fan).outerjoin(
                m, (m.c.fan == staff.c.fan) & (m.c.community == staff.c.community)
            )
        )
        .where(staff.c.community == community)
        .order_by(staff.c.fan)
    )
    found = [
        Worker(
            row.fan,
            row.name,
            Role(row.role),
            row.telegram_id,
            row.locale or row.language,
            Reach(row.reach) if row.reach else Reach.NEVER_STARTED,
        )
        for row in db.execute(query)
    ]
    order = list(Role)
    return sorted(found, key=lambda one: order.index(one.role))


def settings(db: Connection, community: int) -> CommunitySettings:
    """What the owner has set, and the defaults for the rest."""
    kept = db.execute(
        select(communities.c.settings).where(communities.c.id == community)
    ).scalar_one()
    known = {field.name for field in fields(CommunitySettings)}
    given: dict[str, Any] = {
        key: tuple(value) if isinstance(value, list) else value
        for key, value in json.loads(kept).items()
        if key in known
    }
    return CommunitySettings(**given)


def change(db: Connection, community: int, **changes: Any) -> CommunitySettings:
    """Set some of the settings; whoever calls notes it in the audit. Gives all of them."""
    new = replace(settings(db, community), **changes)
    written = json.dumps(asdict(new), ensure_ascii=False, sort_keys=True)
    db.execute(update(communities).where(communities.c.id == community).values(settings=written))
    return new
