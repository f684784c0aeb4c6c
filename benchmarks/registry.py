"""The table of all benchmarks that `make bench` runs, and of what they must reach.

To add one:

1. Write a module, `benchmarks/<name>.py` or a room `benchmarks/<name>/`, with a function `measure(run: Run) -> None`
   (`benchmarks.frame.run.Run`). It runs in a process of its own, in the project's folder, with the caller's
   environment. It calls, as it goes:

       run.say("…")                                progress, one line
       run.seconds_left()                          its loops end when this is no longer positive
       run.leave_out("3 instances: no time")       what a slow machine could not measure; it stands below the table
       run.record("figure", value, samples=…)      a figure of its row; `note` stands beside it in the table
       run.plot("file", plot)                      a picture: `Lines` or `Bars` of `benchmarks.frame.plots`
       run.keep("what", anything_for_json)         other raw data, into build/bench/<name>.json
       run.scratch                                 a folder of its own, deleted afterwards

   A ratio comes from interleaved pairs: `benchmarks.frame.pairs.interleave` runs each path in turn, round after round,
   and `ratio` compares them within each round. A count needs none of that.
2. Add a row to BENCHMARKS: one Figure for each number that it records, with its baseline and its must, if it has one.
3. `make bench ONLY=<name>` runs it and prints its rows. `make bench ONLY=<name> WRITE=1` writes them into
   docs/performance.md; rows of benchmarks that did not run stay as they are.

A figure that no run recorded is shown as not measured. A must that is missed is shown, and ends `make bench` with 1.
"""

from benchmarks.frame.table import Benchmark, Figure, at_least, at_most

CONSUMERS = ("audit", "analytics", "email", "invoices", "tickets", "notification", "cache", "relay of rows")
BOTO3 = "boto3 as pip installs it, with one client"
READY_MADE = "the same DynamoDB calls, ready-made and unsigned, on the same emulator"

BENCHMARKS: tuple[Benchmark, ...] = (
    Benchmark(
        "client",
        "the CPU of calls of DynamoDB against canned answers",
        "benchmarks.client.measure",
        tuple(
            Figure(f"{name}, {unit}", what, baseline, must)
            for name, what, baseline, must in (
                ("hold", "our whole hold: its three calls and all between", "three stock `update_item`", at_most(0.55)),
                ("call", "`update_item` of our client", "stock boto3 `update_item`", at_most(0.55)),
                ("options", "the same with our options, by botocore's own way", "stock boto3 `update_item`", None),
                ("pynamodb", "an update by a model of pynamodb, as it comes", "stock boto3 `update_item`", None),
            )
            for unit in ("instructions", "CPU")
        ),
        seconds=400,
    ),
    Benchmark(
        "engine",
        "completed purchases through one API process, beside bare calls on the same emulator",
        "benchmarks.engine.measure",
        (
            Figure("flows, by CPU", "hold and confirm by HTTP", READY_MADE, at_least(0.65, aim=0.75)),
            Figure("flows, by the clock", "the same, in a second of 8 clients", READY_MADE),
            Figure("flows with Redis, by CPU", "the same with Redis before the tables", READY_MADE),
            Figure("flows with Redis, by the clock", "the same with Redis, in a second", READY_MADE),
            Figure("flows beside boto3, by CPU", "hold and confirm by HTTP", "the same calls by stock boto3"),
            Figure("flows beside boto3, by the clock", "the same, in a second", "the same calls by stock boto3"),
            Figure("flows, three instances, by CPU", "the same by three API processes", READY_MADE),
            Figure("flows, three instances, by the clock", "the same, in a second of 8 clients", READY_MADE),
            Figure("refused holds, by CPU", "a hold of a seat that is sold, by HTTP", READY_MADE),
            Figure("refused holds, by the clock", "the same, in a second of 8 clients", READY_MADE),
            Figure("seat maps, by CPU", "a seat map of a hundred seats, by HTTP", READY_MADE),
            Figure("seat maps, by the clock", "the same, in a second of 8 clients", READY_MADE),
        ),
        seconds=340,
    ),
    Benchmark(
        "cold",
        "the CPU of a packaged function's cold start, up to the end of its first request",
        "benchmarks.cold.measure",
        (
            Figure("init", "`import app`", BOTO3),
            Figure("API", "`import app`, and a request that reads an item", BOTO3, at_most(1.0, aim=0.9)),
            *(
                Figure(name, "`import app`, and an empty batch of the function", BOTO3, at_most(1.0, aim=0.9))
                for name in CONSUMERS
            ),
            Figure("package", "the archive of all functions", "none", unit=" MB"),
        ),
        seconds=200,
    ),
    Benchmark(
        "serving",
        "what everybody asks for, served by one instance on one connection",
        "benchmarks.serving",
        (
            Figure("programme", "`GET /api/sessions`, sixty screenings: requests a second", "`/health`", at_least(0.5)),
            Figure("unchanged", "the same, answered 304 to who has it", "`/health`", at_least(0.5)),
            Figure(
                "long programme",
                "items that are read for a page of ten thousand screenings",
                "for the same page of sixty",
                at_most(1.02),
            ),
            Figure("seat of a large hall", "time for each of 2,000 seats of a map", "each of 200 seats", at_most(1.0)),
        ),
        seconds=90,
    ),
    Benchmark(
        "gate",
        "holds that are refused because the screening has sold out",
        "benchmarks.gate",
        (
            Figure("refusals", "refused holds a second, two instances, with the gate", "without Redis", at_least(2)),
            Figure("refusals, Redis frozen", "the same with a Redis that never answers", "without Redis"),
            Figure("calls of a refusal with the gate", "calls of DynamoDB of one refusal", "", at_most(0), ""),
            Figure("calls of a refusal without Redis", "the same without Redis", "", at_most(2), ""),
        ),
        seconds=90,
    ),
    Benchmark(
        "live",
        "a change of a screening's seats on its way to another viewer",
        "benchmarks.live",
        (Figure("shown", "from a hold's answer to the message on another viewer's WebSocket", "`/health`"),),
        seconds=120,
    ),
    Benchmark(
        "numbers",
        "numbers without a gap or a repeat, for batches of the queues' sizes",
        "benchmarks.numbers",
        (
            Figure(
                "transactions of a webhook number",
                "turns at the counter: 500 numbers a second where one takes 25 ms",
                "1 one by one",
                at_most(0.08),
                "",
            ),
            Figure(
                "transactions of an invoice", "the same, for 200 invoices a second", "1 one by one", at_most(0.2), ""
            ),
            Figure("webhook numbers", "numbers a second in batches, one worker", "one by one"),
            Figure("webhook numbers, rush", "five workers at one counter", "one by one", at_least(5)),
            Figure("invoices", "numbers a second in batches, one worker", "one by one"),
            Figure("invoices, rush", "five workers at one counter", "one by one", at_least(2.5)),
            Figure("units of a webhook number", "write units in a batch of 40", "6 one by one", at_most(4.2), ""),
            Figure("units of an invoice", "write units in a batch of 10", "4 one by one", at_most(2.2), ""),
        ),
        seconds=90,
    ),
    Benchmark(
        "relay",
        "the records that the relays take from the reservations' stream",
        "benchmarks.relay",
        (
            Figure("calls of a record", "calls of SQS for the messages of a new reservation", "", at_most(0.5), ""),
            Figure("at the same time", "new reservations a second", "one batch after the other", at_least(3)),
            Figure(
                "share of a shard",
                "records a second of a shard's relays, half of them sales",
                "1,000 that it has at most",
                at_least(1),
            ),
        ),
        seconds=45,
    ),
    Benchmark(
        "viewers",
        "one change of a screening's seats for ten to ten thousand viewers",
        "benchmarks.viewers",
        (
            Figure("posts of one change", "messages by WebSocket, ten thousand viewers", "10,000", at_most(1_000), ""),
            Figure(
                "requests of those who poll",
                "requests a second that reach the API from ten thousand pages behind one cache",
                "6,667 that they send",
                at_most(1),
                "",
            ),
            Figure("age of a shared map", "the greatest age of a map that a page was given", "", at_most(1), " s"),
        ),
        seconds=60,
    ),
    Benchmark(
        "scale",
        "on-sales of 100,000 attempts a second, simulated: docs/scale.md",
        "benchmarks.scale.measure",
        (
            Figure(
                "gate",
                "write units of a hold, a thousand screenings, with the gate",
                "without a gate",
                at_most(1.0, aim=0.5),
            ),
            Figure(
                "row",
                "write units of a hold, a thousand screenings, an item for each row",
                "an item for each seat",
                at_most(1.0),
            ),
            Figure("dollars", "a million holds, a thousand screenings, with the gate", "a count", unit="USD"),
        ),
        seconds=600,
    ),
    Benchmark(
        name="classic",
        what="the old design (Redis locks, SELECT … FOR UPDATE, publish after commit) beside ours; docs/comparison.md",
        module="benchmarks.classic.measure",
        seconds=540,
        figures=(
            Figure("throughput of on-sale", "requests/s of 12 buyers, on an emulator", "the old design, on PostgreSQL"),
            Figure("throughput of browse", "the same, looking only", "the old design"),
            Figure("throughput of checkout", "the same, each with seats", "the old design"),
            Figure("oversold seats, ours", "in all rounds, from the tables", "", at_most(0), ""),
            Figure("oversold seats, classic", "the same", "", None, ""),
            Figure("lost events, ours", "of instances that died between commit and publish", "", at_most(0), ""),
            Figure("lost events, classic", "the same", "", None, ""),
        ),
    ),
)
