-- Sends the requests of a file, each once, in order.
--   wrk … -s requests.lua URL -- FILE LENGTH FIRST
-- What the file has is sent as it is: a unique id and its signature in each.

local threads = {}

function setup(thread)
    table.insert(threads, thread)
end

-- Globals, because thread:get reads no others.
function init(args)
    length = tonumber(args[2])
    file = assert(io.open(args[1], "rb"))
    file:seek("set", length * tonumber(args[3]))
    taken = 0
    rounds = 0
end

function request()
    local text = file:read(length)
    if not text then
        rounds = rounds + 1
        file:seek("set", 0)
        text = file:read(length)
    end
    taken = taken + 1
    return text
end

function done(summary, latency, _)
    local errors = summary.errors
    local taken, rounds = 0, 0
    for _, thread in ipairs(threads) do
        taken = taken + thread:get("taken")
        rounds = rounds + thread:get("rounds")
    end
    io.write(string.format(
        'FIGURES {"answered": %d, "refused": %d, "broken": %d, "seconds": %.6f, "taken": %d, ' ..
        '"rounds": %d, "p50_ms": %.3f, "p99_ms": %.3f, "p999_ms": %.3f, "max_ms": %.3f}\n',
        summary.requests, errors.status,
        errors.connect + errors.read + errors.write + errors.timeout,
        summary.duration / 1e6, taken, rounds,
        latency:percentile(50) / 1e3, latency:percentile(99) / 1e3,
        latency:percentile(99.9) / 1e3, latency.max / 1e3))
end
