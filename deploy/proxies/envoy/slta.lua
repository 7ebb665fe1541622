-- Envoy Lua filter: ask slta where a session goes. It runs on the routes that give it a filter_context, whose id is the
-- name of the request header with the session's id. A request without that header is no session. Without a place it is
-- a question of Envoy's own, whose log line says that Envoy lives.
local key = assert(os.getenv("SLTA_API_KEY"), "SLTA_API_KEY is not set")

local function read(path)
  local file = io.open(path)
  local text = file and file:read("*a") or ""
  if file then file:close() end
  return text
end

-- <host>:<boot>-<pid>-<ticks at its start>, of the process. One of a hot restart does not say that the one before is
-- gone.
local pid, ticks = read("/proc/self/stat"):match("^(%d+) .*%) " .. ("%S+ "):rep(19) .. "(%d+)")
local host, boot = read("/proc/sys/kernel/hostname"):match("%S*"), read("/proc/sys/kernel/random/boot_id"):sub(1, 8)
local instance = ("%s:%s-%s-%s"):format(host, boot, pid or 0, ticks or 0)
local sign = read("/proc/self/cmdline"):find("%-%-restart%-epoch[=%z][1-9]") and "alive" or "start"

local FULL = {no_capacity = true, no_active_pool = true}

function envoy_on_request(request)
  local context = request:filterContext()
  request:headers():replace("x-proxy-instance", instance)
  if not context:get("place") then return request:streamInfo():dynamicMetadata():set("slta", "sign", sign) end
  local may_refuse = context:get("overflow") ~= "on"
  local id = request:headers():get(context:get("id"))
  if not id then return end
  request:headers():replace("x-session-id", id)
  local question = {[":method"] = "GET", [":path"] = context:get("place"), [":authority"] = "slta"}
  question["authorization"] = "Bearer " .. key
  question["x-session-id"] = id
  question["x-slta-lease"] = context:get("lease")
  question["x-slta-session-type"] = context:get("session_type")
  local answer = request:httpCall("slta", question, nil, {timeout_ms = 200, send_xff = false})
  local metadata = request:streamInfo():dynamicMetadata()
  if answer["x-slta-endpoint"] then metadata:set("slta", "endpoint", answer["x-slta-endpoint"]) end
  if answer["x-slta-code"] then metadata:set("slta", "code", answer["x-slta-code"]) end
  if FULL[answer["x-slta-code"]] and may_refuse then
    request:headers():remove("x-session-id") -- no session: nothing is logged
    request:respond({[":status"] = "503", ["retry-after"] = "1"}, "All places are taken.\n")
  end
end

function envoy_on_response(response)
  local slta = response:streamInfo():dynamicMetadata():get("slta")
  if slta and slta["code"] == "session_ended" then
    response:headers():add("set-cookie", "slta_visit=; Path=/; Max-Age=0")
  end
end
