"""The audit of erasures: one item for each, in the partition `erasures` of the audit log's table. It names nobody.

position                         event
1732700000000#PersonErased:1f…   {id, type, occurredAt, by, buyer; once it has ended: endedAt, erased, left}
"""

import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from chalicelib.domain.people.person import Person
from chalicelib.domain.times import to_iso, to_ms
from chalicelib.infrastructure.dynamodb.values import read_text, text_key, text_value
from chalicelib.infrastructure.ids import buyer_partition_of_user

from .tables import StageTables

PARTITION = "erasures"
"""The partition: no screening's id, which is a UUID."""


@dataclass(frozen=True)
class DynamoErasureRecords:
    """Writes a record of each erasure: its begin, its author, its result. `by` is the ARN of the command's caller.

    A record has the person's buyer hash. So the erasure of a person whose id is known can be looked up.
    """

    tables: StageTables
    by: str

    def begin(self, person: Person, now: datetime) -> str:
        record = f"{to_ms(now):013}#PersonErased:{uuid.uuid4()}"
        begun = {
            "id": record.partition("#")[2],
            "type": "PersonErased",
            "occurredAt": to_iso(now),
            "by": self.by,
            "buyer": buyer_partition_of_user(person.user_id),
        }
        key = text_key(session_id=PARTITION, position=record)
        self.tables.table("events").put(
            {**key, "event": text_value(json.dumps(begun))},
            ConditionExpression="attribute_not_exists(session_id)",
        )
        return record

    def end(self, record: str, erased: Mapping[str, int], left: Mapping[str, int], now: datetime) -> None:
        key = text_key(session_id=PARTITION, position=record)
        begun: Any = json.loads(read_text(self.tables.table("events").get(key) or {}, "event"))
        ended = {**begun, "endedAt": to_iso(now), "erased": dict(erased), "left": dict(left)}
        self.tables.update(
            "events",
            key,
            UpdateExpression="SET #event = :ended",
            ConditionExpression="attribute_exists(session_id)",
            ExpressionAttributeNames={"#event": "event"},
            ExpressionAttributeValues={":ended": text_value(json.dumps(ended))},
        )
