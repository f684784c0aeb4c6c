/** A buyer's way in the types that openapi-typescript makes: compiles only while the document says what clients need. */
import type { components, paths } from "./api";

type Body<Operation> = Operation extends { requestBody: { content: { "application/json": infer Of } } } ? Of : never;
type Answer<Operation, Status extends number> = Operation extends {
  responses: { [status in Status]: { content: { "application/json": infer Of } } };
}
  ? Of
  : never;

type Schedule = paths["/api/sessions"]["post"];
type Hold = paths["/api/reservations"]["post"];
type Confirm = paths["/api/reservations/{reservation_id}/confirm"]["post"];
type Purchases = paths["/api/users/{user_id}/purchases"]["get"];

export const screening: Body<Schedule> = {
  movieTitle: "Oppenheimer",
  startTime: "2030-02-15T19:00:00Z",
  roomNumber: "A1",
  totalSeats: 16,
  ticketPrice: 25,
  seatsPerRow: 10,
};

export function wanted(made: Answer<Schedule, 201>): Body<Hold> {
  return { sessionId: made.sessionId, userId: "user-123", seatNumbers: ["A1", "A2"] };
}

export function paid(held: Answer<Hold, 201>): Body<Confirm> {
  const until: Date = new Date(held.expiresAt);
  return { paymentMethod: "credit_card", transactionId: `tx-${until.getTime()}-${held.totalAmount.toFixed(2)}` };
}

export function taken(refused: Answer<Hold, 409>): string[] {
  return refused.error === "SEAT_ALREADY_RESERVED" ? refused.conflictingSeats : [];
}

export function total(history: Answer<Purchases, 200>): number {
  return history.purchases.reduce((sum, purchase) => sum + purchase.totalAmount, 0);
}

export const status: components["schemas"]["SeatBody"]["status"] = "available";

export const parameters: paths["/api/sessions"]["get"]["parameters"] = { query: { limit: 20, from: "2030-01-01T00:00:00Z" } };

// @ts-expect-error: a screening has a title
export const untitled: Body<Schedule> = { startTime: "2030-02-15T19:00:00Z", roomNumber: "A1", totalSeats: 1, ticketPrice: 1 };
