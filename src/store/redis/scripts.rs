//! Every script that Redis runs for numguard, with its contract.
//!
//! Scripts touch the keys they are given, all in one slot, and nothing else. They compare and set;
//! how listings merge is decided in Rust, by the laws of `listing`.

use std::sync::LazyLock;

use redis::Script;

/// Replaces pages of one shard and writes the change log, all or nothing.
///
/// `KEYS`: meta, log, groups, note of the bulk (meta again if there is none), then the group of
/// each distinct group touched.
/// `ARGV`: layout version, new stamp, most log entries, bulk id or empty, part of the bulk,
/// added numbers, added ranges, digest high, digest low, log payload, then per group: its index in
/// `KEYS`, its name, how many pages, and per page three: page, old bytes (empty: must not exist), new
/// bytes (empty: delete).
///
/// Answers `{"done", cursor, stamp}`; `{"conflict"}` if a page is not as told, with nothing
/// changed; `{"already"}` if this part of the bulk was done before; an error if the layout is
/// another one, a key is of another type, or the log is ahead of its meta hash. Redis takes nothing
/// back when a script fails, so all that can fail is tried before the first write.
pub(super) static COMMIT: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        r#"
local meta, log, groups = KEYS[1], KEYS[2], KEYS[3]
local layout = redis.call('HGET', meta, 'layout')
if layout and layout ~= ARGV[1] then
  return redis.error_reply('LAYOUT ' .. layout)
end
local cursor = tonumber(redis.call('HGET', meta, 'cursor') or '0') + 1
local last = redis.call('XREVRANGE', log, '+', '-', 'COUNT', 1)[1]
if last and tonumber(string.match(last[1], '^%d+')) >= cursor then
  return redis.error_reply('DAMAGED the log is ahead of its meta hash')
end
redis.call('ZCARD', groups)
if ARGV[4] ~= '' then
  local done = redis.call('GET', KEYS[4])
  if done and tonumber(done) >= tonumber(ARGV[5]) then return {'already'} end
end
local at = 11
while at <= #ARGV do
  local pages = {}
  for page = at + 3, at + 3 * ARGV[at + 2], 3 do pages[#pages + 1] = ARGV[page] end
  local now = redis.call('HMGET', KEYS[tonumber(ARGV[at])], unpack(pages))
  for i = 1, #pages do
    if (now[i] or '') ~= ARGV[at + 3 * i + 1] then return {'conflict'} end
  end
  at = at + 3 + 3 * ARGV[at + 2]
end
at = 11
while at <= #ARGV do
  local group, set, delete = KEYS[tonumber(ARGV[at])], {}, {}
  for page = at + 3, at + 3 * ARGV[at + 2], 3 do
    if ARGV[page + 2] == '' then
      delete[#delete + 1] = ARGV[page]
    else
      set[#set + 1] = ARGV[page]
      set[#set + 1] = ARGV[page + 2]
    end
  end
  if #set > 0 then
    redis.call('HSET', group, unpack(set))
    redis.call('ZADD', groups, 0, ARGV[at + 1])
  end
  if #delete > 0 then
    redis.call('HDEL', group, unpack(delete))
    if redis.call('EXISTS', group) == 0 then redis.call('ZREM', groups, ARGV[at + 1]) end
  end
  at = at + 3 + 3 * ARGV[at + 2]
end
local old = redis.call('HMGET', meta, 'stamp', 'digest.high', 'digest.low')
redis.call('HINCRBY', meta, 'cursor', 1)
redis.call('HINCRBY', meta, 'numbers', ARGV[6])
redis.call('HINCRBY', meta, 'ranges', ARGV[7])
local function mix(old, new)
  return string.format('%.0f', bit.bxor(tonumber(old or '0'), tonumber(new)) % 4294967296)
end
redis.call('HSET', meta, 'layout', ARGV[1], 'stamp', ARGV[2],
  'digest.high', mix(old[2], ARGV[8]), 'digest.low', mix(old[3], ARGV[9]))
if ARGV[4] ~= '' then redis.call('SET', KEYS[4], ARGV[5]) end
redis.call('XADD', log, 'MAXLEN', ARGV[3], string.format('%.0f-1', cursor), 'b', old[1] or '0', 's', ARGV[2], 'k', ARGV[10])
return {'done', string.format('%.0f', cursor), ARGV[2]}
"#,
    )
});

/// Decides a large write: from here on it will be carried out, whoever dies.
///
/// `KEYS`: the list of its parts, the hash of decided writes, a lease. `ARGV`: id, number of parts,
/// token of the lease or 0 for none. Answers 1; 0 if a part is missing (the list has expired), -1 if
/// the lease has passed to another, both with nothing changed.
pub(super) static DECIDE_BULK: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        r#"
if ARGV[3] ~= '0' and redis.call('HGET', KEYS[3], 'token') ~= ARGV[3] then return -1 end
if redis.call('LLEN', KEYS[1]) ~= tonumber(ARGV[2]) then return 0 end
redis.call('PERSIST', KEYS[1])
redis.call('HSET', KEYS[2], ARGV[1], ARGV[2])
return 1
"#,
    )
});

/// Takes or renews a lease.
///
/// `KEYS`: the lease, the hash of last tokens. `ARGV`: name, holder, milliseconds. Answers the token,
/// or 0 if another holds it.
pub(super) static TAKE_LEASE: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        r#"
local holder = redis.call('HGET', KEYS[1], 'holder')
if holder and holder ~= ARGV[2] then return 0 end
if not holder then
  redis.call('HSET', KEYS[1], 'holder', ARGV[2], 'token', redis.call('HINCRBY', KEYS[2], ARGV[1], 1))
end
redis.call('PEXPIRE', KEYS[1], ARGV[3])
return tonumber(redis.call('HGET', KEYS[1], 'token'))
"#,
    )
});

/// Gives a lease back.
///
/// `KEYS`: the lease. `ARGV`: its token. Answers 1, or 0 if it had passed to another.
pub(super) static GIVE_BACK: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        r#"
if redis.call('HGET', KEYS[1], 'token') ~= ARGV[1] then return 0 end
return redis.call('DEL', KEYS[1])
"#,
    )
});

/// Writes or deletes a note.
///
/// `KEYS`: the hash of notes, the hash of their revisions, a lease. `ARGV`: name, revision it must
/// have, token of the lease or 0 for none, 1 to write and 0 to delete, bytes. Answers 1; 0 if the
/// revision is another one, -1 if the lease has passed to another, both with nothing changed.
pub(super) static PUT_NOTE: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        r#"
if ARGV[3] ~= '0' and redis.call('HGET', KEYS[3], 'token') ~= ARGV[3] then return -1 end
local revision = redis.call('HGET', KEYS[2], ARGV[1]) or '0'
if redis.call('HEXISTS', KEYS[1], ARGV[1]) == 0 then revision = '0' end
if revision ~= ARGV[2] then return 0 end
if ARGV[4] == '1' then
  redis.call('HINCRBY', KEYS[2], ARGV[1], 1)
  redis.call('HSET', KEYS[1], ARGV[1], ARGV[5])
else
  redis.call('HDEL', KEYS[1], ARGV[1])
end
return 1
"#,
    )
});
