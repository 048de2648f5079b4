-- What thali-bench gives wrk: which request to send, and one line of JSON at the end.

local body = os.getenv("BENCH_BODY")
if body then
   wrk.method = "POST"
   wrk.body = body
   wrk.headers["content-type"] = "application/json"
end

function done(summary, latency)
   local errors = summary.errors
   io.write(string.format(
      '{"requests":%d,"duration_us":%d,"socket_errors":%d,"status_errors":%d,"timeouts":%d,"p50_us":%d,"p99_us":%d}\n',
      summary.requests, summary.duration, errors.connect + errors.read + errors.write, errors.status, errors.timeout,
      latency:percentile(50), latency:percentile(99)))
end
