-- KEYS: the subjects, one for each lease. ARGV: time or '', length of a lease in ms, then the lease of each subject.
-- One that has run out is not begun again.

local now, lease_ms = moment(ARGV[1]), tonumber(ARGV[2])
for i, name in ipairs(KEYS) do
  expire(name, now)
  redis.call('ZADD', name .. ':l', 'XX', whole(now.ms + lease_ms), ARGV[2 + i])
  keep(name, ':l', ':h', ':m')
end
return 'ok'
