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
        ),
        seconds=200,
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
)
