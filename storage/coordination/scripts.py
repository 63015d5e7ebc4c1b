"""The steps that Redis takes in one piece (Lua), so that no two processes see a half of one."""

from __future__ import annotations

import hashlib
from typing import Final


class Script:
    """A Lua script and the name by which Redis remembers it."""

    __slots__ = ("sha", "text")

    def __init__(self, text: str) -> None:
        self.text = text
        self.sha = hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()


PACE: Final = Script(
    """
-- KEYS[1] what the bot's keys begin with
-- ARGV now, six numbers of the gauges, what this process knows of the whole; then for each ask
--      its chat, what this process knows of the chat, and of the group (-1: not a group)
-- Gives for each ask the microseconds to wait, then the bot's stops as they are stored.
local base, now = KEYS[1], tonumber(ARGV[1])
local wi, wt = tonumber(ARGV[2]), tonumber(ARGV[3])
local ci, ct = tonumber(ARGV[4]), tonumber(ARGV[5])
local gi, gt = tonumber(ARGV[6]), tonumber(ARGV[7])

local stored = redis.call('HGETALL', base .. 'stops')
local stops, any = {}, false
for i = 1, #stored, 2 do
  local till = tonumber(stored[i + 1])
  if till > now then
    stops[stored[i]], any = till, true
  else
    redis.call('HDEL', base .. 'stops', stored[i])
  end
end

local names, place = {base .. 'w'}, {}
local function want(name)
  if not place[name] then
    names[#names + 1] = name
    place[name] = #names
  end
end
for i = 9, #ARGV, 3 do
  want(base .. 'c' .. ARGV[i])
  if ARGV[i + 2] ~= '-1' then want(base .. 'g' .. ARGV[i]) end
end
local full = {}
for first = 1, #names, 1000 do  -- Lua unpacks some thousands at most
  local last = math.min(first + 999, #names)
  for i, at in ipairs(redis.call('MGET', unpack(names, first, last))) do
    full[first + i - 1] = at
  end
end

-- A bucket is empty again at the later of what Redis and the asking process remember; further
-- ahead than it can honestly be means that the clock went back, and is set right.
local filled, answers = {}, {}
local function met(i, known, interval, tolerance)
  if filled[i] then return filled[i] end
  local at, reach = math.max(tonumber(full[i] or 0), known, now), now + interval + tolerance
  if at > reach then
    filled[i] = reach
    return reach
  end
  return at
end

local whole = met(1, tonumber(ARGV[8]), wi, wt)
for i = 9, #ARGV, 3 do
  local chat, group = place[base .. 'c' .. ARGV[i]], nil
  local c = met(chat, tonumber(ARGV[i + 1]), ci, ct)
  local till, g = math.max(whole - wt, c - ct), nil
  if ARGV[i + 2] ~= '-1' then
    group = place[base .. 'g' .. ARGV[i]]
    g = met(group, tonumber(ARGV[i + 2]), gi, gt)
    till = math.max(till, g - gt)
  end
  if any then till = math.max(till, stops['global'] or 0, stops[ARGV[i]] or 0) end
  if till > now + 1 then  -- who waited in floating seconds may seem to be a hair early
    answers[#answers + 1] = till - now
  else
    answers[#answers + 1] = 0
    whole = whole + wi
    filled[1], filled[chat] = whole, c + ci
    if group then filled[group] = g + gi end
  end
end
for i, at in pairs(filled) do
  -- A minute more than needed: the callers' clock may run slower than Redis's.
  redis.call('SET', names[i], string.format('%.0f', at),
    'PX', math.ceil((at - now) / 1000) + 60000)
end
answers[#answers + 1] = stored
return answers
"""
)

STOP: Final = Script(
    """
-- KEYS[1] the bot's stops; ARGV bucket, until (microseconds), 1 to shorten
local known = tonumber(redis.call('HGET', KEYS[1], ARGV[1]) or 0)
if ARGV[3] == '1' or tonumber(ARGV[2]) > known then
  redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
end
redis.call('PEXPIRE', KEYS[1], 172800000)
return 1
"""
)

LOCK: Final = Script(
    """
-- KEYS the lock, its last token; ARGV milliseconds, the last token that the asker knows
-- Tokens follow Redis's clock, so that they grow even after everything was flushed.
if redis.call('EXISTS', KEYS[1]) == 1 then return 0 end
local clock = redis.call('TIME')
local last = tonumber(redis.call('GET', KEYS[2]) or 0)
local token = math.max(clock[1] * 1000000 + clock[2], last + 1, tonumber(ARGV[2]) + 1)
local text = string.format('%.0f', token)
redis.call('SET', KEYS[2], text, 'PX', tonumber(ARGV[1]) + 86400000)
redis.call('SET', KEYS[1], text, 'PX', ARGV[1])
return token
"""
)

RENEW: Final = Script(
    """
-- KEYS the lock, its last token; ARGV token, milliseconds
-- The asker knows that its lease has not ended: an absent lock was flushed, or was taken while
-- Redis was away, and stays ours unless somebody had a later one.
local holder = redis.call('GET', KEYS[1])
if holder and holder ~= ARGV[1] then return 0 end
if not holder and tonumber(redis.call('GET', KEYS[2]) or 0) > tonumber(ARGV[1]) then return 0 end
redis.call('SET', KEYS[2], ARGV[1], 'PX', tonumber(ARGV[2]) + 86400000)
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1
"""
)

RELEASE: Final = Script(
    """
-- KEYS[1] the lock; ARGV token
local holder = redis.call('GET', KEYS[1])
if holder and holder ~= ARGV[1] then return 0 end
redis.call('DEL', KEYS[1])
return 1
"""
)

WAKE: Final = Script(
    """
-- KEYS[1] the topic; ARGV milliseconds to keep it
-- A stream of one entry: its ids follow Redis's clock, so that a wake after a flush is newer
-- than one before it, and whoever asks later still finds it.
redis.call('XADD', KEYS[1], 'MAXLEN', 1, '*', 'w', 1)
return redis.call('PEXPIRE', KEYS[1], ARGV[1])
"""
)

NOTE: Final = Script(
    """
-- KEYS[1] the progress; ARGV milliseconds, then fields and their values
for i = 2, #ARGV, 2 do redis.call('HSET', KEYS[1], ARGV[i], ARGV[i + 1]) end
return redis.call('PEXPIRE', KEYS[1], ARGV[1])
"""
)
