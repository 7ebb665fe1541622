-- HAProxy actions: ask slta where a session goes (slta_place), and log that it has begun (slta_begin).
-- Arguments of lua-load-per-thread: URL of the placement route, API key, lease in seconds; with a fourth one a task logs
-- that HAProxy lives, at once and each third of a lease, so that `slta follow` renews the sessions.
local url, key, lease, signs = ...

local function read(path)
  local file = io.open(path)
  local text = file and file:read("a") or ""
  if file then file:close() end
  return text
end

-- <host>:<boot>-<pid>-<ticks at its start>, before a chroot: of the process; up to HAProxy 3.0 of the master, if there
-- is one, so that reloads do not change it. A process that replaces another (-sf) does not say that it is gone.
local pid, ticks = read("/proc/self/stat"):match("^(%d+) .*%) " .. ("%S+ "):rep(19) .. "(%d+)")
local boot = read("/proc/sys/kernel/random/boot_id"):sub(1, 8)
local instance = ("%s:%s-%s-%s"):format(os.getenv("HAPROXY_LOCALPEER") or "", boot, pid or 0, ticks or 0)
local replaces = read("/proc/self/cmdline"):find("\0-s[ft]\0") ~= nil

if signs and core.thread == 1 then
  core.register_task(function()
    while core.get_info().Stopping == 0 do
      core.log(core.notice, "slta1 " .. (replaces and "alive " or "start ") .. instance)
      core.sleep(math.max(1, math.min(lease // 3, 300)))
    end
  end)
end

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
  if not id or not server then return end
  txn:Info(table.concat({"slta1 begin", id, server, txn:get_var("txn.slta_type"), instance}, " "))
end)
