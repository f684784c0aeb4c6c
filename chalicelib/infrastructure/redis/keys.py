"""Names of everything that Redis keeps, made in this one place.

    cinema-prod:seat:{7d3f…}:A1
    └ stage      │    └ tag: what stands in the braces decides in which slot of a cluster the key is
                 └ kind
    cinema-prod:seat:{session}:{seat}        who has the seat
    cinema-prod:key:{session}:{reservation}  a mark: this id, derived from an idempotency key, has been used
    cinema-prod:kept-since:{session}         the moment since which Redis has seen every such id of the screening
    cinema-prod:map:{session}                all seats of the screening
    cinema-prod:version:{session}            counts the writes
    cinema-prod:rebuild:{session}            a process is reading the map anew
    {cinema-prod:limit}:{requester}          when the requester's quota is whole again
    {cinema-prod:refusals}:{moment}          counts of the refusals of five minutes
    {cinema-prod:ready}:{one of two}         a sign of life

A cluster answers a question only if all its keys are of one slot. So all keys of a screening share a tag, and so do all
quotas: a request takes from two of them at once, or from neither. Every key carries the stage, because stages may share
a Redis.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Keys:
    """The names of Redis keys in one stage. `prefix` is also the prefix of the stage's tables."""

    prefix: str

    def seat(self, session_id: str, seat: str) -> str:
        return f"{self._of_session('seat', session_id)}:{seat}"

    def used_reservation_id(self, session_id: str, reservation_id: str) -> str:
        return f"{self._of_session('key', session_id)}:{reservation_id}"

    def used_ids_complete_since(self, session_id: str) -> str:
        return self._of_session("kept-since", session_id)

    def seat_map(self, session_id: str) -> str:
        return self._of_session("map", session_id)

    def version(self, session_id: str) -> str:
        return self._of_session("version", session_id)

    def rebuild_claim(self, session_id: str) -> str:
        return self._of_session("rebuild", session_id)

    def rate_limit(self, requester: str) -> str:
        return f"{{{self.prefix}:limit}}:{requester}"

    def refusal_counts(self, bucket_start_seconds: int) -> str:
        return f"{{{self.prefix}:refusals}}:{bucket_start_seconds}"

    def probe_keys_in_one_slot(self) -> tuple[str, str]:
        """Gives the two keys that the readiness check uses. Both are in one slot of a cluster."""
        return f"{{{self.prefix}:ready}}:1", f"{{{self.prefix}:ready}}:2"

    def _of_session(self, kind: str, session_id: str) -> str:
        return f"{self.prefix}:{kind}:{{{session_id}}}"
