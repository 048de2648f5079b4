-- What thali-bench gives wrk for the games: each request is about another one of so many players.

local first, count = tonumber(os.getenv("BENCH_FIRST")), tonumber(os.getenv("BENCH_PLAYERS"))

local threads = 0
function setup(thread)
   threads = threads + 1
   thread:set("seed", threads)
end

function init(args)
   math.randomseed(seed + os.time())
end

function request()
   return wrk.format("GET", wrk.path .. "p" .. string.format("%d", first + math.random(0, count - 1)))
end

function done(summary, latency)
   local errors = summary.errors
   io.write(string.format(
      '{"requests":%d,"duration_us":%d,"socket_errors":%d,"status_errors":%d,"timeouts":%d,"p50_us":%d,"p99_us":%d}\n',
      summary.requests, summary.duration, errors.connect + errors.read + errors.write, errors.status, errors.timeout,
      latency:percentile(50), latency:percentile(99)))
end
