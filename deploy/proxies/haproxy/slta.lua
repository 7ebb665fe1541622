-- HAProxy actions: ask slta where a session goes (slta_place), and log that it has begun (slta_begin).
-- Arguments of lua-load-per-thread: URL of the placement route, API key, lease in seconds.
local url, key, lease = ...

core.register_action("slta_place", {"http-req"}, function(txn)
  local headers = {authorization = {"Bearer " .. key}, ["x-slta-lease"] = {lease}}
  headers["x-session-id"] = {txn:get_var("txn.slta_id")}
  headers["x-slta-session-type"] = {txn:get_var("txn.slta_type")}
  local answer = core.httpclient():get{url = url, headers = headers, timeout = 200}
  for _, name in ipairs{"pool", "code"} do
    local values = answer and answer.headers and answer.headers["x-slta-" .. name]
    if values then txn:set_var("txn.slta_" .. name, values[0]) end
  end
end)

core.register_action("slta_begin", {"http-res"}, function(txn)
  local id, server = txn:get_var("txn.slta_id"), txn.f:srv_name()
  if id and server then txn:Info("slta1 begin " .. id .. " " .. server .. " " .. txn:get_var("txn.slta_type")) end
end)
