"""The pump, which goes on after its death where it was, as Lambda does: `python -m tests.histories.relay FILE`.

What it had handled since it last wrote FILE, it handles once more.
"""

import json
import logging
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from botocore.exceptions import BotoCoreError, ClientError

from chalicelib import settings
from infra.local.pump import IDLE_SECONDS, Pump, Shard, StreamSource

NOTED_EACH_SECONDS = 1.0
PAUSE_SECONDS = 0.5
"""The pause after a turn in which a service did not answer."""

logger = logging.getLogger("pump")


@dataclass
class Places:
    """The last handled record of each shard, by the shard's stream and id, in a file."""

    path: Path
    noted: float = field(default_factory=time.monotonic)

    def go_on(self, pump: Pump) -> None:
        """Moves each shard of the pump to the place in the file."""
        known = json.loads(self.path.read_text()) if self.path.exists() else {}
        for stream in _streams(pump):
            stream._discover()
            for shard in stream.shards.values():
                if number := known.get(f"{stream.arn} {shard.id}"):
                    shard.iterator = stream.streams.get_shard_iterator(
                        StreamArn=stream.arn,
                        ShardId=shard.id,
                        ShardIteratorType="AFTER_SEQUENCE_NUMBER",
                        SequenceNumber=number,
                    )["ShardIterator"]
                    shard.read[number] = None

    def note(self, pump: Pump) -> None:
        """Writes the places, but not at each turn."""
        if time.monotonic() - self.noted < NOTED_EACH_SECONDS:
            return
        self.noted = time.monotonic()
        places = {
            f"{stream.arn} {shard.id}": number
            for stream in _streams(pump)
            for shard in stream.shards.values()
            if (number := _last_handled(shard))
        }
        new = self.path.with_suffix(".new")
        new.write_text(json.dumps(places))
        new.replace(self.path)


def _streams(pump: Pump) -> list[StreamSource]:
    return [source for source in pump.sources if isinstance(source, StreamSource)]


def _last_handled(shard: Shard) -> str | None:
    waiting = {record["dynamodb"]["SequenceNumber"] for record in shard.waiting}
    return next((number for number in reversed(shard.read) if number not in waiting), None)


def main(arguments: Sequence[str]) -> None:
    logging.basicConfig(stream=sys.stdout, format="pump: %(message)s")
    from app import app  # imported late: it reads the environment

    places = Places(Path(arguments[0]))
    while True:
        try:
            pump = Pump(app, settings.load().table_prefix)
            places.go_on(pump)
            break
        except (BotoCoreError, ClientError):
            time.sleep(PAUSE_SECONDS)
    while True:
        try:
            handled = pump.feed().handled
        except (BotoCoreError, ClientError) as error:
            logger.error("%s", error)  # noqa: TRY400 - no traceback each time
            time.sleep(PAUSE_SECONDS)
        else:
            time.sleep(0 if handled else IDLE_SECONDS)
        places.note(pump)


if __name__ == "__main__":
    main(sys.argv[1:])
