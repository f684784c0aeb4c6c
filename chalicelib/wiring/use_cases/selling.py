"""Selling: the use cases from scheduling a screening to selling its seats, and the expiry of unpaid holds."""

from dataclasses import dataclass
from functools import cached_property

from chalicelib.application.confirm import ConfirmReservation
from chalicelib.application.hold import PlaceHold
from chalicelib.application.live_holds import CountUserHoldInSessionOrRefuse
from chalicelib.application.queries import (
    ListPurchasesPage,
    ListSessionsPage,
    ShowOwnReservation,
    ShowSeatMapUnlessCancelled,
    ShowSession,
)
from chalicelib.application.release import CancelReservation, ExpireLapsedHoldUnlessSold
from chalicelib.application.schedule import ScheduleSession

from .ports import SellingAndSettlingPorts


@dataclass(frozen=True)
class SellingUseCases:
    """Builds the use cases of selling with the given ports. Each use case is built when it is first used."""

    ports: SellingAndSettlingPorts

    @cached_property
    def schedule(self) -> ScheduleSession:
        ports = self.ports
        return ScheduleSession(ports.sessions_announcing_new_to_cache, ports.clock, ports.ids)

    @cached_property
    def list_sessions(self) -> ListSessionsPage:
        return ListSessionsPage(self.ports.sessions)

    @cached_property
    def show_session(self) -> ShowSession:
        return ShowSession(self.ports.sessions)

    @cached_property
    def show_seats(self) -> ShowSeatMapUnlessCancelled:
        ports = self.ports
        return ShowSeatMapUnlessCancelled(ports.sessions, ports.cached_rows, ports.clock)

    @cached_property
    def place_hold(self) -> PlaceHold:
        ports = self.ports
        return PlaceHold(
            sessions=ports.sessions,
            rows=ports.cached_rows,
            count_live_hold=CountUserHoldInSessionOrRefuse(
                ports.holds_counted_until_expiry, ports.reservations, ports.settings.max_live_holds
            ),
            reservations=ports.reservations,
            clock=ports.clock,
            ids=ports.ids,
            rules=ports.settings,
        )

    @cached_property
    def show_reservation(self) -> ShowOwnReservation:
        return ShowOwnReservation(self.ports.reservations, self.ports.clock)

    @cached_property
    def confirm(self) -> ConfirmReservation:
        ports = self.ports
        return ConfirmReservation(
            rows=ports.cached_rows,
            reservations=ports.reservations,
            payments=ports.payments,
            clock=ports.clock,
            ids=ports.ids,
            only_if_charged=ports.settings.payments_charged_only,
        )

    @cached_property
    def cancel(self) -> CancelReservation:
        ports = self.ports
        return CancelReservation(ports.cached_rows, ports.reservations, ports.clock)

    @cached_property
    def expire_hold_unless_sold_or_raise_unlapsed(self) -> ExpireLapsedHoldUnlessSold:
        ports = self.ports
        return ExpireLapsedHoldUnlessSold(ports.rows, ports.reservations, ports.clock)

    @cached_property
    def list_purchases(self) -> ListPurchasesPage:
        return ListPurchasesPage(self.ports.reservations)
