-- Envoy Lua filter: ask slta where a session goes. It runs on the routes that give it a filter_context.
-- The id of the session is x-session-id, if a filter before this one has set it, else Envoy's own id of the request.
local key = assert(os.getenv("SLTA_KEY"), "SLTA_KEY is not set")
local FULL = {no_capacity = true, no_active_pool = true}

function envoy_on_request(request)
  local context, headers = request:filterContext(), request:headers()
  local may_refuse = context:get("overflow") ~= "on"
  local id = headers:get("x-session-id") or headers:get("x-request-id")
  headers:replace("x-session-id", id)
  local question = {[":method"] = "GET", [":path"] = context:get("place"), [":authority"] = "slta"}
  question["authorization"] = "Bearer " .. key
  question["x-session-id"] = id
  question["x-slta-lease"] = context:get("lease")
  local answer = request:httpCall("slta", question, nil, {timeout_ms = 250, send_xff = false})
  if answer["x-slta-endpoint"] then
    request:streamInfo():dynamicMetadata():set("slta", "endpoint", answer["x-slta-endpoint"])
  elseif FULL[answer["x-slta-code"]] and may_refuse then
    request:headers():remove("x-session-id") -- no session: nothing is logged
    request:respond({[":status"] = "503", ["retry-after"] = "1"}, "All places are taken.\n")
  end
end
