"""Formats for Schemathesis: of the moments that it makes up, hardly one in a hundred fits our pattern."""

from datetime import UTC, datetime

import schemathesis
from hypothesis import strategies as st

from chalicelib.api.wire.bodies import FIRST_YEAR, LAST_YEAR

MOMENTS = st.datetimes(datetime(FIRST_YEAR, 1, 1), datetime(LAST_YEAR, 12, 31), timezones=st.just(UTC))  # noqa: DTZ001 - hypothesis takes them naive

schemathesis.openapi.format("date-time", MOMENTS.map(lambda moment: moment.isoformat().replace("+00:00", "Z")))
