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

CLASSIC = Benchmark(
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
)

BENCHMARKS: tuple[Benchmark, ...] = (CLASSIC,)
