-- KEYS: the subjects. ARGV: time or '', id, tokens that were reserved, tokens that it took, the second in which they
-- were reserved; then for each subject whether its tokens and its month are limited (1 or 0).

local now, id = moment(ARGV[1]), ARGV[2]
local used, difference, second = tonumber(ARGV[4]), tonumber(ARGV[4]) - tonumber(ARGV[3]), ARGV[5]

for i, name in ipairs(KEYS) do
  release(name, id)
  if ARGV[4 + i * 2] == '1' then
    if difference > 0 then
      redis.call('HINCRBY', name .. ':t', whole(now.second), difference)
      keep(name, ':t')
    elseif redis.call('HEXISTS', name .. ':t', second) == 1 then
      redis.call('HINCRBY', name .. ':t', second, difference)
    end
  end
  if ARGV[5 + i * 2] == '1' then
    local month = read_month(name)
    if is_known(month, now) then
      redis.call('HINCRBY', name .. ':m', 'used', used)
    elseif month.mark then
      redis.call('HINCRBY', name .. ':m', 'late', used)
    end
  end
end
return 'ok'
