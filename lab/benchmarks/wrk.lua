-- The client's requests. wrk … -s wrk.lua URL -- KIND BASE FLEETS LIVE SIZE YOUNG PREFIX KEY
-- KIND: pairs (assign and complete in turn), assign (assigns alone), replay (assigns of sessions that are there), place
-- (assigns by the placement route, with the headers of a browser), bulk (calls of SIZE operations, half of each).
-- BASE: the path before /assign; %d in it stands for the fleet's number, 1 to FLEETS. '' for none. KEY: - for none.
-- LIVE sessions of each fleet, <PREFIX>p<fleet>-<n>, are there already. A session is completed at random among those
-- that YOUNG others have followed, so that its assign has been answered.

kind = nil
local fleets, size, young_at_most, prefix
local heads = {}
local fleet, serial, turn = 0, 0, 0
local sessions = {}
refused, is_verified = 0, false

-- What Chromium sends when a link is opened: with Host, the key and the id, 18 headers in about 1 KB.
local BROWSER = table.concat({
  'Connection: keep-alive',
  'sec-ch-ua: "Chromium";v="140", "Not=A?Brand";v="24", "Google Chrome";v="140"',
  'sec-ch-ua-mobile: ?0',
  'sec-ch-ua-platform: "Linux"',
  'Upgrade-Insecure-Requests: 1',
  'User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36',
  'Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,image/apng,*/*;q=0.8',
  'Sec-Fetch-Site: cross-site',
  'Sec-Fetch-Mode: navigate',
  'Sec-Fetch-User: ?1',
  'Sec-Fetch-Dest: document',
  'Referer: https://www.example.com/',
  'Accept-Encoding: gzip, deflate, br, zstd',
  'Accept-Language: en-US,en;q=0.9,de;q=0.8',
  'Cookie: _ga=GA1.1.1234567890.1700000000; session=' .. string.rep('0123456789abcdef', 14) .. '; theme=dark',
}, '\r\n') .. '\r\n'

local function place_head(path, host, key)
  local authorization = key ~= '-' and 'Authorization: Bearer ' .. key .. '\r\n' or ''
  return 'GET ' .. path .. ' HTTP/1.1\r\nHost: ' .. host .. '\r\n' .. BROWSER .. authorization .. 'X-Session-Id: '
end

local function head(path, host, key)
  local authorization = key ~= '-' and 'Authorization: Bearer ' .. key .. '\r\n' or ''
  return 'POST ' .. path .. ' HTTP/1.1\r\nHost: ' .. host .. '\r\n' .. authorization
    .. 'Content-Type: application/json\r\nContent-Length: '
end

-- Outcomes of a bulk call that were refused: all of them if the call was. Refused single calls are counted by wrk.
local function count_refused(status, _, body)
  if status >= 400 then
    refused = refused + size
    return
  end
  local at = 1
  repeat
    local _, last = string.find(body, '"status": ?[45]', at)
    if last then
      refused = refused + 1
      at = last + 1
    end
  until not last
end

function setup(thread)
  counting = thread
end

function init(args)
  kind, fleets, size, young_at_most, prefix = args[1], tonumber(args[3]), tonumber(args[5]), tonumber(args[6]), args[7]
  local host = wrk.host .. ':' .. wrk.port
  for number = 1, fleets do
    local base = string.format(args[2] == '-' and '' or args[2], number)
    heads[number] = {
      assign = head(base .. '/assign', host, args[8]),
      complete = head(base .. '/complete', host, args[8]),
      operations = head(base .. '/operations', host, args[8]),
      place = place_head(base .. '/place/shop/cart?item=17', host, args[8]),
    }
    local old = {}
    for n = 1, tonumber(args[4]) do
      old[n] = prefix .. 'p' .. number .. '-' .. n
    end
    sessions[number] = { old = old, young = {}, first = 1, last = 0, completes = false }
  end
  math.randomseed(1)
  if kind == 'bulk' then
    response = count_refused
  end
end

-- A new session's id.
local function arrive(of)
  serial = serial + 1
  local id = string.format('%s%020d', prefix, serial)
  of.last = of.last + 1
  of.young[of.last] = id
  if of.last - of.first >= young_at_most then
    of.old[#of.old + 1] = of.young[of.first]
    of.young[of.first] = nil
    of.first = of.first + 1
  end
  return id
end

-- A random old session's id; nil when there is none.
local function leave(of)
  local count = #of.old
  if count == 0 then
    return nil
  end
  local at = math.random(count)
  local id = of.old[at]
  of.old[at] = of.old[count]
  of.old[count] = nil
  return id
end

local function post(call, body)
  return heads[fleet][call] .. #body .. '\r\n\r\n' .. body
end

local function bulk(of)
  local operations = {}
  for n = 1, size, 2 do
    local id = leave(of)
    operations[#operations + 1] = id and '{"complete":{"session_id":"' .. id .. '"}}'
    operations[#operations + 1] = '{"assign":{"session_id":"' .. arrive(of) .. '"}}'
  end
  return post('operations', '{"operations":[' .. table.concat(operations, ',') .. ']}')
end

function request()
  if not is_verified then -- wrk asks for one request that it never sends
    is_verified, fleet = true, 1
    return post('assign', '{}')
  end
  fleet = fleet % fleets + 1
  local of = sessions[fleet]
  if kind == 'bulk' then
    return bulk(of)
  end
  if kind == 'place' then
    return heads[fleet].place .. arrive(of) .. '\r\n\r\n'
  end
  if kind == 'replay' then
    return post('assign', '{"session_id":"' .. of.old[math.random(#of.old)] .. '"}')
  end
  local id = kind == 'pairs' and of.completes and leave(of)
  of.completes = not of.completes
  if id then
    return post('complete', '{"session_id":"' .. id .. '"}')
  end
  return post('assign', '{"session_id":"' .. arrive(of) .. '"}')
end

function done(summary, latency)
  local errors = summary.errors
  local status = counting:get('kind') == 'bulk' and 0 or errors.status
  io.write(string.format(
    '\n{"requests": %d, "seconds": %f, "p50_ms": %f, "p99_ms": %f, "refused": %d, "broken": %d}\n',
    summary.requests, summary.duration / 1e6, latency:percentile(50) / 1e3, latency:percentile(99) / 1e3,
    status + counting:get('refused'), errors.connect + errors.read + errors.write + errors.timeout
  ))
end
