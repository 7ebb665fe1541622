-- Findings of a run: what is not as it has to be. A run that `mends` puts it right, another one only says so.

findings = {}

local MAX_FOUND, MAX_NAMED = 20, 100 -- sentences of a slice; records named that are set aside

local function text_of(value)
  return (string.gsub(string.sub(tostring(value), 1, 200), '[^%w%p ]', '?'))
end

-- Something is wrong; mend() puts it right.
function findings.wrong(run, sentence, mend)
  run.total = run.total + 1
  if #run.found < MAX_FOUND then
    run.found[#run.found + 1] = text_of(sentence)
  end
  if run.mends and mend then
    mend()
  end
end

-- The same if two values differ; mend(expected).
function findings.compare(run, what, actual, expected, mend)
  if actual ~= expected then
    findings.wrong(run, what .. ': ' .. text_of(actual) .. ', expected ' .. text_of(expected), function()
      mend(expected)
    end)
  end
end

local function drop(run, key)
  findings.wrong(run, key .. ': is no set', function() redis.call('UNLINK', key) end)
end

-- The members of a set; a key of another type is dropped.
function findings.members(run, key)
  local found = redis.pcall('SMEMBERS', key)
  if found.err then
    drop(run, key)
    return {}
  end
  return found
end

-- Whether a set has a member, 1 or 0; likewise.
function findings.is_member(run, key, member)
  local found = redis.pcall('SISMEMBER', key, member)
  if type(found) == 'table' then
    drop(run, key)
    return 0
  end
  return found
end

-- Keeps the text of a record that is replaced.
function findings.keep(fleet, run, what, text)
  if run.mends and text then
    redis.call('HSET', fleet.prefix .. 'aside', what, text)
  end
end

-- A record of a kind, "session" or "pool", cannot be used: it is set aside.
function findings.set_aside(fleet, run, kind, id, text, why)
  run.aside[kind] = run.aside[kind] + 1
  if #run.named < 3 * MAX_NAMED then
    vectors.append(run.named, { kind, id, why })
  end
  findings.wrong(run, kind .. ' ' .. id .. ': ' .. why, function()
    findings.keep(fleet, run, kind .. ' ' .. id, text)
    redis.call('HDEL', fleet.prefix .. (kind == 'session' and 'sessions' or 'records'), id)
  end)
end
