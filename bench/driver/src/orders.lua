-- What thali-bench gives wrk for the orders case: each request is an order at another restaurant of the country.

local rows, columns = tonumber(os.getenv("BENCH_ROWS")), tonumber(os.getenv("BENCH_COLUMNS"))
local south, west = tonumber(os.getenv("BENCH_SOUTH")), tonumber(os.getenv("BENCH_WEST"))
local template = '{"restaurant_id":"town-%d-%d","items":[{"item_id":"1","quantity":2}],'
   .. '"customer":{"name":"Ada","phone":"+1555%07d"},"address":{"line":"1 Main St","lat":%.4f,"lon":%.4f}}'

local threads = {}
function setup(thread)
   table.insert(threads, thread)
   thread:set("seed", #threads)
end

function init(args)
   math.randomseed(seed + os.time())
   unconfirmed = 0
   wrk.headers["content-type"] = "application/json"
end

function request()
   local i, j = math.random(0, rows - 1), math.random(0, columns - 1)
   local lat, lon = south + i * 0.1 + math.random() * 0.1, west + j * 0.1 + math.random() * 0.1
   local body = string.format(template, i, j, math.random(0, 9999999), lat, lon)
   return wrk.format("POST", nil, nil, body)
end

function response(status, headers, body)
   if not body:find('"status":"confirmed"', 1, true) then
      unconfirmed = unconfirmed + 1
   end
end

function done(summary, latency)
   local errors, unconfirmed = summary.errors, 0
   for _, thread in ipairs(threads) do
      unconfirmed = unconfirmed + thread:get("unconfirmed")
   end
   io.write(string.format(
      '{"requests":%d,"duration_us":%d,"socket_errors":%d,"status_errors":%d,"timeouts":%d,"p50_us":%d,"p99_us":%d,"unconfirmed":%d}\n',
      summary.requests, summary.duration, errors.connect + errors.read + errors.write, errors.status, errors.timeout,
      latency:percentile(50), latency:percentile(99), unconfirmed))
end
