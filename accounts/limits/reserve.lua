-- KEYS: the subjects. ARGV: time or '', id, tokens, requests, with a lease (1 or 0), length of a lease in ms; then
-- for each subject its four limits (0: none), and the mark and the used tokens that the database said, or ''.
-- Answers numbers in a row:
--   1, month, mark of each subject (0: its month is known)                   the months have to be learned first
--   2, reason, limit, wait (-1: for ever), now, then each subject's standing  refused
--   0, 0, 0, 0, now, then each subject's standing                             taken
-- A standing: requests, their reset, tokens, their reset, leases, month.

local REQUESTS, TOKENS, STREAMS, MONTH, SIZE = 1, 2, 3, 4, 5
local now, id = moment(ARGV[1]), ARGV[2]
local tokens, requests, with_lease, lease_ms =
  tonumber(ARGV[3]), tonumber(ARGV[4]), ARGV[5] == '1', tonumber(ARGV[6])
local subjects, marks, unknown = {}, {}, false

for i, name in ipairs(KEYS) do
  local at = 6 + (i - 1) * 6
  local one = {
    name = name, requests = tonumber(ARGV[at + 1]), tokens = tonumber(ARGV[at + 2]),
    streams = tonumber(ARGV[at + 3]), monthly = tonumber(ARGV[at + 4]), month = { used = 0 },
  }
  subjects[i], marks[i] = one, '0'
  if one.monthly > 0 then
    one.month = read_month(name)
    if not is_known(one.month, now) and ARGV[at + 5] ~= '' and tonumber(ARGV[at + 5]) == one.month.mark then
      one.month.number, one.month.used, one.month.learned =
        now.month, tonumber(ARGV[at + 6]) + one.month.late, now.ms
      redis.call('HSET', name .. ':m', 'number', now.month, 'used', whole(one.month.used),
        'learned', whole(now.ms))
      redis.call('HDEL', name .. ':m', 'mark', 'late')
    end
    if not is_known(one.month, now) then
      if not one.month.mark or now.ms - one.month.mark > LEARNING_MS then
        one.month.mark = now.ms
        redis.call('HSET', name .. ':m', 'mark', whole(now.ms), 'late', 0)
      end
      marks[i], unknown = whole(one.month.mark), true
    end
    keep(name, ':m')
  end
end
if unknown then return '1 ' .. now.month .. ' ' .. table.concat(marks, ' ') end

-- Sent once more, because the answer was lost on its way: it is taken already.
local is_repeated = with_lease and KEYS[1] and redis.call('HEXISTS', KEYS[1] .. ':h', id) == 1

local refusal = { 0, 0, 0 }
local function refuse(reason, limit, wait)
  if refusal[1] == 0 or (refusal[3] >= 0 and (wait < 0 or wait > refusal[3])) then
    refusal = { reason, limit, wait }
  end
end

for _, one in ipairs(subjects) do
  expire(one.name, now)
  one.requests_sum, one.requests_seconds, one.tokens_sum, one.tokens_seconds, one.held = 0, {}, 0, {}, 0
  if one.requests > 0 then
    one.requests_sum, one.requests_seconds = minute(one.name .. ':r', now)
    local over = one.requests_sum + requests - one.requests
    if over > 0 and requests > 0 then
      refuse(REQUESTS, one.requests, wait_ms(one.requests_seconds, over, now))
    end
  end
  if one.tokens > 0 then
    one.tokens_sum, one.tokens_seconds = minute(one.name .. ':t', now)
    local over = one.tokens_sum + tokens - one.tokens
    if tokens > one.tokens then
      refuse(SIZE, one.tokens, -1)
    elseif over > 0 and tokens > 0 then
      refuse(TOKENS, one.tokens, wait_ms(one.tokens_seconds, over, now))
    end
  end
  one.leases = redis.call('ZCARD', one.name .. ':l')
  if one.streams > 0 and with_lease and one.leases >= one.streams then
    refuse(STREAMS, one.streams, SEAT_WAIT_MS)
  end
  if one.monthly > 0 then
    one.held = tonumber(redis.call('HGET', one.name .. ':h', '')) or 0
    if tokens > 0 and one.month.used + one.held + tokens > one.monthly then
      refuse(MONTH, one.monthly, now.month_ends_ms - now.ms)
    end
  end
end

if is_repeated then refusal = { 0, 0, 0 } end
local is_taken = refusal[1] == 0
local answer = { is_taken and 0 or 2, refusal[1], whole(refusal[2]), whole(refusal[3]), whole(now.ms) }
for _, one in ipairs(subjects) do
  if is_taken and not is_repeated then
    if one.requests > 0 and requests > 0 then
      redis.call('HINCRBY', one.name .. ':r', whole(now.second), requests)
      one.requests_sum = one.requests_sum + requests
      one.requests_seconds = { { now.second, requests } }
      keep(one.name, ':r')
    end
    if one.tokens > 0 and tokens > 0 then
      redis.call('HINCRBY', one.name .. ':t', whole(now.second), tokens)
      one.tokens_sum = one.tokens_sum + tokens
      one.tokens_seconds = { { now.second, tokens } }
      keep(one.name, ':t')
    end
    if with_lease then
      redis.call('ZADD', one.name .. ':l', whole(now.ms + lease_ms), id)
      redis.call('HSET', one.name .. ':h', id, tokens)
      redis.call('HINCRBY', one.name .. ':h', '', tokens)
      one.leases = one.leases + 1
      one.held = one.held + tokens
      keep(one.name, ':l', ':h')
    end
  end
  for _, number in ipairs({
    one.requests_sum, reset_ms(one.requests_seconds, now), one.tokens_sum, reset_ms(one.tokens_seconds, now),
    one.streams > 0 and one.leases or 0, one.monthly > 0 and one.month.used + one.held or 0,
  }) do
    answer[#answer + 1] = whole(number)
  end
end
return table.concat(answer, ' ')
