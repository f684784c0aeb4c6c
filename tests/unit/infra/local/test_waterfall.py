"""A purchase's traces as a picture: a row for each invocation, and bars by time."""

import json
import re
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from infra.docs.purchase import PICTURE
from infra.local.tools.waterfall import draw_purchase, main, newest_purchase, read_spans, spans_of
from infra.local.tools.waterfall_svg import GAP_WIDTH, LEFT, RIGHT, Axis, Bar, Row
from infra.processes import CannotRunError

HOLD, CONFIRM = "POST /api/reservations", "POST /api/reservations/{reservation_id}/confirm"
RESERVATION = "cinema.reservation.id"
FAILED = {"error.type": "Throttling"}


def a_line(
    id_: str, name: str, start: str, end: str, parent: str = "", trace: str = "1", attributes: Any = None
) -> str:
    span = {
        "name": name,
        "context": {"trace_id": f"0x{trace}", "span_id": id_},
        "parent_id": parent or None,
        "start_time": f"2026-11-27T10:00:{start}Z",
        "end_time": f"2026-11-27T10:00:{end}Z",
        "status": {"status_code": "ERROR" if attributes == FAILED else "UNSET"},
        "attributes": attributes,
    }
    return json.dumps(span)


PURCHASE = [
    a_line(
        "a",
        HOLD,
        "00.000000",
        "00.100000",
        attributes={"http.route": "/api/reservations", "http.response.status_code": 201},
    ),
    a_line(
        "b",
        "DynamoDB.PutItem",
        "00.050000",
        "00.090000",
        "a",
        attributes={"aws.dynamodb.table_names": ["reservations"]},
    ),
    a_line("c", "on_event_to_email", "00.200000", "00.500000", "b", attributes={"faas.name": "on_event_to_email"}),
    a_line(
        "d",
        "process email",
        "00.200000",
        "00.450000",
        "c",
        attributes={RESERVATION: "res-1", "cinema.event.type": "PaymentConfirmed"},
    ),
    a_line("e", "SES.SendRawEmail", "00.300000", "00.400000", "d", attributes=FAILED),
    a_line(
        "f",
        CONFIRM,
        "30.000000",
        "30.100000",
        trace="2",
        attributes={"http.route": "x", "http.response.status_code": 200, RESERVATION: "res-1"},
    ),
    a_line(
        "g", HOLD, "40.000000", "40.100000", trace="3", attributes={"http.route": "x", "http.response.status_code": 409}
    ),
]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    (tmp_path / "traces.jsonl").write_text("".join(f"{line}\n" for line in reversed(PURCHASE)))
    return tmp_path / "traces.jsonl"


def test_a_reservations_picture_has_every_trace_in_which_it_occurs(file: Path) -> None:
    spans = read_spans(file)

    assert [span.id for span in spans_of(spans, "res-1")] == ["a", "b", "c", "d", "e", "f"]
    assert [span.id for span in spans_of(spans, "3")] == ["g"]
    assert newest_purchase(spans) == "res-1"


def test_each_invocation_is_a_row_with_its_calls_and_what_caused_it(file: Path) -> None:
    svg = draw_purchase(spans_of(read_spans(file), "res-1"))

    titles = [node.text for node in ElementTree.fromstring(svg).iter("{http://www.w3.org/2000/svg}title")]  # noqa: S314 - ours
    assert "SES.SendRawEmail · 100 ms · failed" in titles
    assert "DynamoDB.PutItem · reservations · 40 ms" in titles
    assert re.findall(r'font-weight="550"[^>]*>([^<]+)', svg) == ["hold seats", "on_event_to_email", "pay and confirm"]
    assert "3 invocations, 2 calls, 30.10 s from the first request" in svg
    assert svg.count('stroke-opacity=".32"') == 1, "only the email was caused by something in the picture"


def test_a_long_silence_is_cut_short() -> None:
    rows = [Row("", "", Bar("", "", "", start, start + 1), (), (), None) for start in (0.0, 3600.0)]
    axis = Axis(rows)

    assert axis.place(0) == LEFT
    assert axis.place(3601) == pytest.approx(RIGHT)
    assert axis.place(3600) - axis.place(1) == pytest.approx(GAP_WIDTH)
    assert [seconds for _, seconds in axis.gaps()] == [3599]
    assert len(list(axis.ticks())) <= 14


def test_the_command_writes_the_picture(file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--file", str(file), "--into", str(tmp_path / "w.svg")]) == 0

    assert "6 spans" in capsys.readouterr().out
    assert (tmp_path / "w.svg").read_text().startswith("<svg ")


@pytest.mark.parametrize(
    ("file_name", "wanted", "said"),
    [("none.jsonl", "res-1", "TRACES=on make run"), ("traces.jsonl", "res-2", "No span is about 'res-2'")],
)
def test_what_can_not_be_drawn_is_said(file: Path, file_name: str, wanted: str, said: str) -> None:
    with pytest.raises(CannotRunError, match=said):
        main([wanted, "--file", str(file.with_name(file_name))])


def test_the_documents_picture_is_of_a_whole_purchase() -> None:
    rows = re.findall(r'font-weight="550"[^>]*>([^<]+)', PICTURE.read_text())

    assert {"hold seats", "pay and confirm", "on_row_changed", "on_reservation_changed", "on_event_to_email"} <= set(
        rows
    )
    assert {"on_sale_to_invoice", "on_delivery_to_webhook", "on_event_to_cache"} <= set(rows)
