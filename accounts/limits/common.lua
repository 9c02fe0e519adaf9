-- What the scripts share. `ledger.py` says the same in Python; tests/accounts/limits holds the two against each
-- other. The time is this server's, so that clocks of processes need not agree; tests give one of their own.
--
-- Of each subject, whose name is in KEYS:
--   name:r, name:t   requests and tokens of the last minute: second -> amount
--   name:l           leases: id, by their end in ms
--   name:h           what each lease holds: id -> tokens, and their sum under ''
--   name:m           the month: number, used, learned, mark, late

local WINDOW_SECONDS, LEARNED_MS, LEARNING_MS, SEAT_WAIT_MS = 60, 600000, 5000, 1000
local KEPT_MS = 3600000

-- Months count from January of year 0. Both ways: Howard Hinnant, chrono-compatible low-level date algorithms.
local function month_of(ms)
  local z = math.floor(ms / 86400000) + 719468
  local era = math.floor(z / 146097)
  local doe = z - era * 146097
  local yoe = math.floor(
    (doe - math.floor(doe / 1460) + math.floor(doe / 36524) - math.floor(doe / 146096)) / 365)
  local doy = doe - (365 * yoe + math.floor(yoe / 4) - math.floor(yoe / 100))
  local march = math.floor((5 * doy + 2) / 153)
  local month = march < 10 and march + 2 or march - 10
  return (yoe + era * 400 + (month < 2 and 1 or 0)) * 12 + month
end

local function begin_of(month)
  local march = (month + 10) % 12
  local year = math.floor((month - 2) / 12)
  local era = math.floor(year / 400)
  local yoe = year - era * 400
  local doy = math.floor((153 * march + 2) / 5)
  local doe = yoe * 365 + math.floor(yoe / 4) - math.floor(yoe / 100) + doy
  return (era * 146097 + doe - 719468) * 86400000
end

local function moment(given)
  local ms = tonumber(given)
  if not ms then
    local time = redis.call('TIME')
    ms = time[1] * 1000 + math.floor(time[2] / 1000)
  end
  local month = month_of(ms)
  return { ms = ms, second = math.floor(ms / 1000), month = month, month_ends_ms = begin_of(month + 1) }
end

local function whole(number)
  return string.format('%.0f', number)
end

-- What the last 60 s hold, and of which seconds.
local function minute(key, now)
  local all, total, seconds = redis.call('HGETALL', key), 0, {}
  for i = 1, #all, 2 do
    local at, amount = tonumber(all[i]), tonumber(all[i + 1])
    if math.abs(now.second - at) > WINDOW_SECONDS then
      redis.call('HDEL', key, all[i])
    else
      total = total + amount
      seconds[#seconds + 1] = { at, amount }
    end
  end
  return total, seconds
end

local function forgotten_ms(second, now)
  return (second + WINDOW_SECONDS + 1) * 1000 - now.ms
end

local function wait_ms(seconds, excess, now)
  table.sort(seconds, function(a, b) return a[1] < b[1] end)
  local at = now.second
  for _, entry in ipairs(seconds) do
    at, excess = entry[1], excess - entry[2]
    if excess <= 0 then break end
  end
  return forgotten_ms(at, now)
end

local function reset_ms(seconds, now)
  local newest
  for _, entry in ipairs(seconds) do
    if not newest or entry[1] > newest then newest = entry[1] end
  end
  return newest and forgotten_ms(newest, now) or 0
end

local function release(name, id)
  local tokens = redis.call('HGET', name .. ':h', id)
  if tokens then
    redis.call('HDEL', name .. ':h', id)
    redis.call('HINCRBY', name .. ':h', '', 0 - tonumber(tokens)) -- of none: -0 is no number to Redis
  end
  redis.call('ZREM', name .. ':l', id)
end

local function expire(name, now)
  for _, id in ipairs(redis.call('ZRANGEBYSCORE', name .. ':l', '-inf', whole(now.ms))) do
    release(name, id)
  end
end

local function read_month(name)
  local said = redis.call('HMGET', name .. ':m', 'number', 'used', 'learned', 'mark', 'late')
  return {
    number = tonumber(said[1]) or -1, used = tonumber(said[2]) or 0, learned = tonumber(said[3]) or 0,
    mark = tonumber(said[4]), late = tonumber(said[5]) or 0,
  }
end

local function is_known(month, now)
  return month.number == now.month and now.ms - month.learned < LEARNED_MS
end

local function keep(name, ...)
  for _, kind in ipairs({ ... }) do
    redis.call('PEXPIRE', name .. kind, KEPT_MS)
  end
end
