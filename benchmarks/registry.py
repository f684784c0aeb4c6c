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

from benchmarks.frame.table import Benchmark, Figure, at_most

BENCHMARKS: tuple[Benchmark, ...] = (
    Benchmark(
        "client",
        "the CPU of calls of DynamoDB against canned answers",
        "benchmarks.client.measure",
        (
            Figure(
                "hold", "our whole hold: its three calls and all between", "three stock `update_item`", at_most(0.55)
            ),
            Figure("call", "`update_item` of our client", "stock boto3 `update_item`", at_most(0.55)),
            Figure("pynamodb", "an update by a model of pynamodb, as it comes", "stock boto3 `update_item`"),
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
                at_most(0.5),
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
)
