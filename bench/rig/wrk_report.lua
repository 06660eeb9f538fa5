-- What wrk has counted, to the last digit, in place of its own rounded text.
done = function(summary, latency)
  local errors = summary.errors
  io.write(string.format(
    'report {"us": %d, "requests": %d, "bytes": %d, ' ..
    '"errors": {"connect": %d, "read": %d, "write": %d, "status": %d, "timeout": %d}, ' ..
    '"latency_us": {"min": %d, "mean": %.3f, "p50": %d, "p90": %d, "p99": %d, "p99_9": %d, "max": %d}}\n',
    summary.duration, summary.requests, summary.bytes,
    errors.connect, errors.read, errors.write, errors.status, errors.timeout,
    latency.min, latency.mean, latency:percentile(50), latency:percentile(90),
    latency:percentile(99), latency:percentile(99.9), latency.max))
end
