/*
 * One seat of one row, its reservations and their payments: who may end up with what, whatever the order of the writes.
 *
 * Each step of a process is one call to DynamoDB or to the payment gateway, as the use cases make it. Between any two
 * steps every other process may go on. So a process may also stop for longer than a hold: its `t` then is old.
 *
 *     Requester   hold.py, resend.py: two of them with one idempotency key are twins
 *     Payer       the buyer pays at the gateway, then confirm.py
 *     Canceller   release.py, CancelReservation
 *     Consumer    release.py, ExpireLapsedHoldUnlessSold, for each hold that was ever written to the row
 *                 payments.py: the gateway's messages, and claims whose hold is over; confirm.py once more
 *                 refunds.py
 *                 relay.py: what a request that died has left undone is done from the streams
 *     Scheduler   schedule.py: makes the row
 *     Network     a write that the client library has sent twice: the first one takes effect late
 *
 * Faults: CRASHES processes die between two steps (a consumer's message then comes again), COPIES writes take effect a
 * second time, at any later moment, TWICE messages are delivered twice.
 *
 * The invariants have the names that the simulator gives them. Those that say what must be true in the end are looked at
 * when all is at rest. Messages are never lost here: each is made by the very write that it tells of.
 *
 * Two kinds of switches: what takes part (see configurations.py), and which guard is taken out.
 *
 *     UNCONDITIONAL_ROWS     the row is put without a condition                                    fault A1
 *     ROW_FORGETS            a released seat keeps nothing of its last hold                        fault A2, first half
 *     RESERVATION_DECIDES    a sale is stored only on a pending reservation, else it is returned   fault A2, second half
 *     ANYBODYS_PAYMENT       a claim does not look whose the payment is                            fault A4
 *     NO_BAR                 an expiry that comes before its reservation leaves no bar             fault A8
 *     NO_RELEASE_BEFORE_REFUND   a payment that comes too late goes back while its hold is still in the row
 *     REFUND_OF_SOLD         a refund may be requested of a payment that has bought its sale
 */

#ifndef CRASHES
#define CRASHES 0
#endif
#ifndef COPIES
#define COPIES 0
#endif
#ifndef TWICE
#define TWICE 0
#endif
#ifndef HOLD_TIME
#define HOLD_TIME 1
#endif
#ifndef LAST_MOMENT
#define LAST_MOMENT 2
#endif

#define RESERVATIONS 2
#define TRANSACTIONS 2
#define NOBODY 9

/* A seat's entry in its row. `z`: the expiry of the hold that was released last, of a free seat. */
#define FREE 0
#define HELD 1
#define SOLD 2

/* What is stored under a reservation's id, or was found there. */
#define NOTHING 0
#define BARRED 1
#define PENDING 2
#define CONFIRMED 3
#define CANCELLED 4
#define EXPIRED 5

/* A payment. */
#define UNKNOWN 0
#define ASSERTED 1
#define CLAIMED 2
#define BOUGHT 3
#define REQUESTED 4
#define REFUNDED 5

typedef Reservation { byte state; byte x; byte tx };
typedef Payment { byte state; byte r; byte due };
typedef Write { byte op; byte r; byte x; byte t; byte tx };

byte now;
bool row_is_there;
byte e_state, e_r, e_x, e_z, e_tx;
Reservation res[RESERVATIONS];
Payment pay[TRANSACTIONS];

/* Messages and records of streams that are still to be worked on. Holds are bits, by expiry. */
byte m_expiry[RESERVATIONS];
bool m_sold;
bool m_confirmed[RESERVATIONS];
bool m_charged[TRANSACTIONS];
bool m_due[TRANSACTIONS];
bool m_refund[TRANSACTIONS];

/* At the payment gateway: for whom it was charged (plus one), and whether it was returned. */
byte charged_for[TRANSACTIONS];
bool returned[TRANSACTIONS];

/* What was said, for the invariants only. */
byte owner = NOBODY;
byte owner_tx = NOBODY;
byte promised[RESERVATIONS];       /* the expiry of a 201; 0 for none */
bool wants_to_cancel[RESERVATIONS];
bool said_cancelled[RESERVATIONS];
bool said_sold[RESERVATIONS];

byte crashes = CRASHES, copies = COPIES, twice = TWICE;
Write late;                        /* the write that is still on its way */

/* What the last write found: used within the very step only. */
hidden byte ok;
hidden byte f_state, f_r, f_x, f_tx;

#define IN_FORCE(t) (f_state == SOLD || (f_state == HELD && f_x > t))
#define BIT(x) (1 << (x))

/* ------------------------------------------------------------------------------------------------- the writes ---- */

#define W_ROW 1
#define W_HOLD 2
#define W_SELL 3
#define W_RELEASE 4
#define R_ADD 5
#define R_BAR 6
#define R_CONFIRM 7
#define R_RESTORE 8
#define R_CANCEL 9
#define R_EXPIRE 10
#define P_CLAIM 11
#define P_SELL 12
#define P_REQUEST 13
#define P_REFUNDED 14
#define P_CHARGE 15

inline find_entry() { f_state = e_state; f_r = e_r; f_x = e_x; f_tx = e_tx }

inline put_row() {
  if
#ifdef UNCONDITIONAL_ROWS
  :: true -> row_is_there = true; e_state = FREE; e_r = 0; e_x = 0; e_z = 0; e_tx = 0
#else
  :: !row_is_there -> row_is_there = true
  :: else -> skip
#endif
  fi;
  printf("row: put\n")
}

inline hold_row(r_, x_, t_) {
  find_entry();
  ok = row_is_there && ((e_state == FREE && e_z < x_) || (e_state == HELD && e_x <= t_));
  if
  :: ok ->
    /* A seat never has two owners: nobody's live hold is taken. */
    assert(!(e_state == HELD && e_x > now));
    e_state = HELD; e_r = r_; e_x = x_; e_z = 0; e_tx = 0;
    m_expiry[r_] = m_expiry[r_] | BIT(x_)
  :: else -> skip
  fi;
  printf("row: hold by reservation %d until %d, %d\n", r_, x_, ok)
}

inline sell_row(r_, x_, t_, tx_) {
  find_entry();
  ok = e_state == HELD && e_r == r_ && e_x == x_ && e_x > t_;
  if
  :: ok ->
    /* A seat never has two owners. */
    assert(owner == NOBODY);
    owner = r_; owner_tx = tx_;
    e_state = SOLD; e_x = 0; e_tx = tx_;
    m_sold = true
  :: else -> skip
  fi;
  printf("row: sell to reservation %d for transaction %d, %d\n", r_, tx_, ok)
}

inline release_row(r_, x_) {
  find_entry();
  ok = e_state == HELD && e_r == r_ && e_x == x_;
  if
#ifdef ROW_FORGETS
  :: ok -> e_state = FREE; e_r = 0; e_x = 0
#else
  :: ok -> e_state = FREE; e_r = 0; e_z = e_x; e_x = 0
#endif
  :: else -> skip
  fi;
  printf("row: release of reservation %d until %d, %d\n", r_, x_, ok)
}

#define SALE_FOUND (f_state == SOLD)

inline find_reservation(r_) { f_state = res[r_].state; f_x = res[r_].x; f_tx = res[r_].tx }

/* Nothing is stored, or only the bar of an earlier hold. */
inline add_reservation(r_, x_, state_) {
  find_reservation(r_);
  ok = res[r_].state == NOTHING || (res[r_].state == BARRED && res[r_].x < x_);
  if
  :: ok -> res[r_].state = state_; res[r_].x = x_
  :: else -> skip
  fi;
  printf("reservation %d: store as %d until %d, %d\n", r_, state_, x_, ok)
}

inline confirm_reservation(r_, tx_) {
#ifdef RESERVATION_DECIDES
  ok = res[r_].state == PENDING;
#else
  ok = res[r_].state == PENDING || res[r_].state == CANCELLED || res[r_].state == EXPIRED;
#endif
  if
  :: ok -> res[r_].state = CONFIRMED; res[r_].tx = tx_; m_confirmed[r_] = true
  :: else -> skip
  fi;
  find_reservation(r_);
  printf("reservation %d: confirm by transaction %d, it is now %d\n", r_, tx_, f_state)
}

inline restore_reservation(r_, x_, tx_) {
  if
  :: res[r_].state == NOTHING || res[r_].state == BARRED ->
    res[r_].state = CONFIRMED; res[r_].x = x_; res[r_].tx = tx_; m_confirmed[r_] = true
  :: else -> skip
  fi;
  find_reservation(r_)
}

/* Gives what is stored afterwards. */
inline end_reservation(r_, x_, state_) {
  if
  :: res[r_].state == PENDING && res[r_].x == x_ -> res[r_].state = state_
  :: else -> skip
  fi;
  find_reservation(r_);
  printf("reservation %d: end as %d, it is now %d\n", r_, state_, f_state)
}

inline find_payment(tx_) { f_state = pay[tx_].state; f_r = pay[tx_].r; f_x = pay[tx_].due }

/* A payment is claimed only once its charge is recorded, and only for the reservation that it was charged for. */
inline claim_payment(tx_, r_, x_) {
#ifdef ANYBODYS_PAYMENT
  ok = pay[tx_].state == ASSERTED || pay[tx_].state == CLAIMED || pay[tx_].state == BOUGHT;
#else
  ok = (pay[tx_].state == ASSERTED || pay[tx_].state == CLAIMED) && pay[tx_].r == r_;
#endif
  if
  :: ok ->
    if
    :: pay[tx_].state == ASSERTED -> m_due[tx_] = true
    :: else -> skip
    fi;
    pay[tx_].state = CLAIMED; pay[tx_].r = r_; pay[tx_].due = x_
  :: else -> skip
  fi;
  find_payment(tx_);
  printf("payment %d: claim for reservation %d, %d\n", tx_, r_, ok)
}

inline sell_payment(tx_, r_) {
  if
  :: pay[tx_].r == r_ && (pay[tx_].state == ASSERTED || pay[tx_].state == CLAIMED || pay[tx_].state == REQUESTED) ->
    pay[tx_].state = BOUGHT
  :: pay[tx_].state == UNKNOWN -> pay[tx_].state = BOUGHT; pay[tx_].r = r_
  :: else -> skip
  fi
}

inline request_refund(tx_, r_) {
  if
#ifdef REFUND_OF_SOLD
  :: pay[tx_].r == r_ && (pay[tx_].state == ASSERTED || pay[tx_].state == CLAIMED || pay[tx_].state == BOUGHT) ->
#else
  :: pay[tx_].r == r_ && (pay[tx_].state == ASSERTED || pay[tx_].state == CLAIMED) ->
#endif
    pay[tx_].state = REQUESTED; m_refund[tx_] = true
  :: else -> skip
  fi;
  printf("payment %d: request the refund for reservation %d, it is now %d\n", tx_, r_, pay[tx_].state)
}

inline mark_refunded(tx_) {
  if
  :: pay[tx_].state == REQUESTED -> pay[tx_].state = REFUNDED
  :: else -> skip
  fi
}

/* The gateway is asked with the transaction's own key: it returns a payment once. */
inline return_money(tx_) {
  /* Each payment ends as one sale or one refund. */
  printf("gateway: return transaction %d\n", tx_);
  assert(owner_tx != tx_);
  returned[tx_] = true
}

inline record_charge(tx_) {
  if
  :: pay[tx_].state == UNKNOWN -> pay[tx_].state = ASSERTED; pay[tx_].r = charged_for[tx_] - 1
  :: else -> skip
  fi;
  find_payment(tx_);
  printf("payment %d: charged for reservation %d\n", tx_, charged_for[tx_] - 1)
}

/* ---------------------------------------------------------------- a write that takes effect late, and a crash ---- */

/* The client library has sent the write of this step before, and that one is still on its way. */
#define MAY_COME_LATE(at, op_, r_, x_, t_, tx_) \
  :: atomic { step == at && copies > 0 && late.op == 0 -> \
       copies--; late.op = op_; late.r = r_; late.x = x_; late.t = t_; late.tx = tx_; \
       printf("The next write is sent twice: the first one is on its way.\n") }

#define MAY_DIE(from) \
  :: atomic { step != from && step != DONE && crashes > 0 -> crashes--; step = DONE; FORGET }

active proctype Network() {
  do
  :: atomic { late.op != 0 ->
       printf("A write takes effect late.\n");
       if
       :: late.op == W_ROW -> put_row()
       :: late.op == W_HOLD -> hold_row(late.r, late.x, late.t)
       :: late.op == W_SELL -> sell_row(late.r, late.x, late.t, late.tx)
       :: late.op == W_RELEASE -> release_row(late.r, late.x)
       :: late.op == R_ADD -> add_reservation(late.r, late.x, PENDING)
       :: late.op == R_BAR -> add_reservation(late.r, late.x, BARRED)
       :: late.op == R_CONFIRM -> confirm_reservation(late.r, late.tx)
       :: late.op == R_RESTORE -> restore_reservation(late.r, late.x, late.tx)
       :: late.op == R_CANCEL -> end_reservation(late.r, late.x, CANCELLED)
       :: late.op == R_EXPIRE -> end_reservation(late.r, late.x, EXPIRED)
       :: late.op == P_CLAIM -> claim_payment(late.tx, late.r, late.x)
       :: late.op == P_SELL -> sell_payment(late.tx, late.r)
       :: late.op == P_REQUEST -> request_refund(late.tx, late.r)
       :: late.op == P_REFUNDED -> mark_refunded(late.tx)
       :: late.op == P_CHARGE -> record_charge(late.tx)
       fi;
       late.op = 0; late.r = 0; late.x = 0; late.t = 0; late.tx = 0 }
  od
}

active proctype Clock() {
  do
  :: atomic { now < LAST_MOMENT -> now++; printf("clock: %d\n", now) }
  :: else -> break
  od
}

/* ------------------------------------------------------------------------------------------------ the use cases ---- */

#define START 0
#define DONE 1

#define H_STORE 2
#define H_LOOK 3
#define H_FINISH 4
#define H_GIVE_BACK 5
#define H_HOLD 6

/* hold.py, resend.py. A twin goes on with the hold that it finds in the row. */
proctype Requester(byte r) {
  byte step, t, x, other;
#define FORGET t = 0; x = 0; other = 0
#define ANSWER_STORED \
       if \
       :: f_state == PENDING && f_x > now -> promised[r] = f_x \
       :: else -> skip \
       fi; \
       step = DONE; FORGET

  do
  :: atomic { step == START && now + HOLD_TIME <= LAST_MOMENT -> t = now; x = now + HOLD_TIME; step = H_HOLD }
  MAY_COME_LATE(H_HOLD, W_HOLD, r, x, t, 0)
  :: atomic { step == H_HOLD ->
       hold_row(r, x, t);
       if
       :: ok -> step = H_STORE
       :: !ok && IN_FORCE(t) && f_state == HELD && f_r == r -> x = f_x; other = 1; step = H_LOOK
       :: else -> x = 0; step = H_LOOK
       fi }
  :: atomic { step == H_LOOK ->   /* its seats are taken, perhaps by its own hold: is there a reservation? */
       find_reservation(r);
       if
       :: (f_state == NOTHING || f_state == BARRED) && other -> step = H_STORE
       :: (f_state == NOTHING || f_state == BARRED) && !other -> step = DONE; FORGET
       :: !(f_state == NOTHING || f_state == BARRED) && other && (f_x != x || f_state != PENDING || f_x <= now) ->
         step = H_GIVE_BACK
       :: else -> ANSWER_STORED
       fi }
  MAY_COME_LATE(H_STORE, R_ADD, r, x, 0, 0)
  :: atomic { step == H_STORE ->
       add_reservation(r, x, PENDING);
       if
       :: ok -> find_reservation(r)
       :: else -> skip
       fi;
       if
       :: f_state == BARRED || f_x != x || f_state != PENDING || f_x <= now -> step = H_GIVE_BACK
       :: else -> ANSWER_STORED
       fi }
  MAY_COME_LATE(H_GIVE_BACK, W_RELEASE, r, x, 0, 0)
  :: atomic { step == H_GIVE_BACK -> release_row(r, x); step = DONE; FORGET }
  MAY_DIE(START)
  :: step == DONE -> break
  od
#undef FORGET
#undef ANSWER_STORED
}

#define C_READ 10
#define C_CLAIM 11
#define C_AGAIN 12
#define C_SELL 13
#define C_RELEASE 14
#define C_END 15
#define C_STORE 16
#define C_RESTORE 17
#define C_REFUND 18
#define C_REGISTER 19

/* The answers of a confirmation. */
#define OPEN 0
#define SAID_SOLD 1
#define SAID_ENDED 2
#define SAID_PAID_TWICE 3
#define SAID_NOT_THERE 4
#define SAID_RETURNED 5
#define SAID_NO 6

/* Whether the reservation, which has ended or is confirmed, was bought by this very transaction. */
#define CHECK_BOUGHT \
       if \
       :: f_state == CONFIRMED && f_tx == tx -> answer = SAID_SOLD; AFTER_CONFIRM \
       :: f_state == CONFIRMED && f_tx != tx -> answer = SAID_PAID_TWICE; step = C_REFUND \
       :: else -> answer = SAID_ENDED; step = C_REFUND \
       fi

#define SOLD_BY \
       if \
       :: f_tx == tx -> step = C_STORE \
       :: else -> answer = SAID_PAID_TWICE; step = C_REFUND \
       fi

#define NOT_STORED (f_state == NOTHING || f_state == BARRED)

#define CONFIRM \
  :: atomic { step == C_READ -> \
       find_reservation(r); t = now; \
       if \
       :: NOT_STORED -> answer = SAID_NOT_THERE; AFTER_CONFIRM \
       :: f_state == PENDING -> x = f_x; step = C_CLAIM \
       :: else -> CHECK_BOUGHT \
       fi } \
  MAY_COME_LATE(C_CLAIM, P_CLAIM, r, x, 0, tx) \
  :: atomic { step == C_CLAIM -> \
       claim_payment(tx, r, x); \
       if \
       :: f_r == r && (f_state == CLAIMED || f_state == BOUGHT) -> step = C_SELL \
       :: f_r == r && (f_state == REQUESTED || f_state == REFUNDED) -> step = C_AGAIN \
       :: else -> answer = SAID_NO; AFTER_CONFIRM \
       fi } \
  :: atomic { step == C_AGAIN -> \
       find_reservation(r); \
       if \
       :: NOT_STORED || f_state == PENDING -> answer = SAID_RETURNED; AFTER_CONFIRM \
       :: else -> CHECK_BOUGHT \
       fi } \
  MAY_COME_LATE(C_SELL, W_SELL, r, x, t, tx) \
  :: atomic { step == C_SELL -> \
       sell_row(r, x, t, tx); \
       if \
       :: ok -> step = C_STORE \
       :: !ok && f_state == SOLD && f_r == r -> SOLD_BY \
       :: else -> other = IN_FORCE(t) && f_r != r; step = UNSOLD \
       fi } \
  MAY_COME_LATE(C_RELEASE, W_RELEASE, r, x, 0, 0) \
  :: atomic { step == C_RELEASE -> \
       release_row(r, x); \
       if \
       :: !ok && f_state == SOLD && f_r == r -> SOLD_BY \
       :: else -> step = C_END \
       fi } \
  MAY_COME_LATE(C_END, ((x <= now || other) -> R_EXPIRE : R_CANCEL), r, x, 0, 0) \
  :: atomic { step == C_END -> \
       end_reservation(r, x, ((x <= now || other) -> EXPIRED : CANCELLED)); answer = SAID_ENDED; step = C_REFUND } \
  MAY_COME_LATE(C_STORE, R_CONFIRM, r, 0, 0, tx) \
  :: atomic { step == C_STORE -> \
       confirm_reservation(r, tx); \
       if \
       :: NOT_STORED -> step = C_RESTORE \
       :: f_state == CONFIRMED -> answer = SAID_SOLD; AFTER_CONFIRM \
       :: else -> answer = SAID_ENDED; step = C_REFUND \
       fi } \
  MAY_COME_LATE(C_RESTORE, R_RESTORE, r, x, 0, tx) \
  :: atomic { step == C_RESTORE -> \
       restore_reservation(r, x, tx); answer = SAID_SOLD; AFTER_CONFIRM } \
  MAY_COME_LATE(C_REFUND, P_REQUEST, r, 0, 0, tx) \
  :: atomic { step == C_REFUND -> request_refund(tx, r); AFTER_CONFIRM }

#ifdef NO_RELEASE_BEFORE_REFUND
#define UNSOLD C_END
#else
#define UNSOLD C_RELEASE
#endif

/* Pays `tx` for the reservation once it was promised seats, and confirms. With `own` off it has only heard of the
   transaction. */
proctype Payer(byte r; byte tx; bool own) {
  byte step, t, x, answer;
  bool other;

/* Promises are kept: the hold of a 201 can be paid for until its time. */
#define AFTER_CONFIRM \
       said_sold[r] = said_sold[r] || answer == SAID_SOLD; \
       assert(!(own && (answer == SAID_ENDED || answer == SAID_NOT_THERE || answer == SAID_RETURNED) \
                && now < promised[r] && !wants_to_cancel[r])); \
       step = DONE; FORGET

#define FORGET t = 0; x = 0; other = 0; answer = OPEN
  do
  :: atomic { step == START && promised[r] ->
       if
       :: own -> charged_for[tx] = r + 1; m_charged[tx] = true; printf("buyer: pay reservation %d\n", r)
       :: else -> skip
       fi;
       step = C_READ }
  CONFIRM
  MAY_DIE(START)
  :: step == DONE -> break
  od
#undef FORGET
#undef AFTER_CONFIRM
}

#define X_RELEASE 30
#define X_END 31

proctype Canceller(byte r) {
  byte step, x, state;
#define FORGET x = 0; state = 0
  do
  :: atomic { step == START && promised[r] -> wants_to_cancel[r] = true; printf("buyer: cancel reservation %d\n", r);
       find_reservation(r);
       if
       :: f_state == PENDING -> x = f_x; step = X_RELEASE
       :: else -> step = DONE
       fi }
  MAY_COME_LATE(X_RELEASE, W_RELEASE, r, x, 0, 0)
  :: atomic { step == X_RELEASE ->
       state = (x <= now -> EXPIRED : CANCELLED);
       release_row(r, x);
       if
       :: !ok && SALE_FOUND && f_r == r -> step = DONE; FORGET
       :: else -> step = X_END
       fi }
  MAY_COME_LATE(X_END, (state == EXPIRED -> R_EXPIRE : R_CANCEL), r, x, 0, 0)
  :: atomic { step == X_END ->
       end_reservation(r, x, state);
       said_cancelled[r] = said_cancelled[r] || f_state == CANCELLED;
       step = DONE; FORGET }
  MAY_DIE(START)
  :: step == DONE -> break
  od
#undef FORGET
}

proctype Scheduler() {
  byte step;
#define FORGET skip
  do
  MAY_COME_LATE(START, W_ROW, 0, 0, 0, 0)
  :: atomic { step == START -> put_row(); step = DONE }
  :: step == DONE -> break
  od
#undef FORGET
}

/* ------------------------------------------------------------------------------------------------ the consumers ---- */

/* Which messages a consumer takes. One that takes all kinds takes one message after the other; those that are apart, at
   the same time. */
#define EXPIRES 1
#define SETTLES 2
#define REFUNDS 4
#define RELAYS 8

#define E_RELEASE 40
#define E_END 41
#define E_BAR 42
#define E_END_AGAIN 43

#define S_LOOK 50
#define S_DELETE 51
#define S_FIND_SOLD 52
#define S_RESTORE 53
#define S_REFUND 54

#define B_RETURN 60
#define B_MARK 61

proctype Consumer(byte does) {
  byte step, r, tx, t, x, answer;
  bool other, is_charge;
#define AFTER_CONFIRM step = S_DELETE
#define FORGET r = 0; tx = 0; t = 0; x = 0; other = 0; answer = OPEN; is_charge = 0

#define NEXT_HOLD(r_, x_) \
  :: atomic { step == START && (does & EXPIRES) && (m_expiry[r_] & BIT(x_)) && now >= x_ -> \
       r = r_; x = x_; step = E_RELEASE; \
       if \
       :: true -> m_expiry[r_] = m_expiry[r_] & ~BIT(x_) \
       :: twice > 0 -> twice-- \
       fi }

#define SETTLE \
       if \
       :: f_state == ASSERTED || f_state == CLAIMED -> r = f_r; x = f_x; step = S_LOOK \
       :: else -> step = S_DELETE \
       fi

#define NEXT_CHARGE(tx_) \
  :: atomic { step == START && (does & SETTLES) && m_charged[tx_] -> tx = tx_; is_charge = 1; record_charge(tx_); SETTLE }

#define NEXT_DUE(tx_) \
  :: atomic { step == START && (does & SETTLES) && m_due[tx_] && now >= pay[tx_].due -> \
       tx = tx_; find_payment(tx_); SETTLE }

#define NEXT_REFUND(tx_) \
  :: atomic { step == START && (does & REFUNDS) && m_refund[tx_] -> tx = tx_; \
       if \
       :: pay[tx_].state == REQUESTED -> step = B_RETURN \
       :: else -> m_refund[tx_] = false; FORGET \
       fi }

#define NEXT_CONFIRMED(r_) \
  :: atomic { step == START && (does & RELAYS) && m_confirmed[r_] -> \
       m_confirmed[r_] = false; sell_payment(res[r_].tx, r_) }

end:
  do
  /* Expiring a hold. */
  NEXT_HOLD(0, 1)
  NEXT_HOLD(0, 2)
  NEXT_HOLD(0, 3)
  NEXT_HOLD(1, 1)
  NEXT_HOLD(1, 2)
  NEXT_HOLD(1, 3)
  MAY_COME_LATE(E_RELEASE, W_RELEASE, r, x, 0, 0)
  :: atomic { step == E_RELEASE ->
       release_row(r, x);
       if
       :: !ok && f_state == SOLD && f_r == r -> step = START; FORGET
       :: else -> step = E_END
       fi }
  MAY_COME_LATE(E_END, R_EXPIRE, r, x, 0, 0)
  :: atomic { step == E_END ->
       end_reservation(r, x, EXPIRED);
       if
#ifndef NO_BAR
       :: NOT_STORED -> step = E_BAR
#endif
       :: else -> step = START; FORGET
       fi }
  MAY_COME_LATE(E_BAR, R_BAR, r, x, 0, 0)
  :: atomic { step == E_BAR ->
       add_reservation(r, x, BARRED);
       if
       :: !ok && !NOT_STORED -> step = E_END_AGAIN
       :: else -> step = START; FORGET
       fi }
  MAY_COME_LATE(E_END_AGAIN, R_EXPIRE, r, x, 0, 0)
  :: atomic { step == E_END_AGAIN -> end_reservation(r, x, EXPIRED); step = START; FORGET }

  /* Settling what was charged, and claims whose hold is over. */
  NEXT_CHARGE(0)
  NEXT_CHARGE(1)
  NEXT_DUE(0)
  NEXT_DUE(1)
  :: atomic { step == S_LOOK ->
       find_reservation(r);
       if
       :: NOT_STORED && x -> step = S_FIND_SOLD   /* claimed: perhaps its row was sold */
       :: NOT_STORED && !x -> step = S_REFUND
       :: else -> step = C_READ
       fi }
  MAY_COME_LATE(S_FIND_SOLD, W_RELEASE, r, x, 0, 0)
  :: atomic { step == S_FIND_SOLD ->
       release_row(r, x);
       if
       :: !ok && f_state == SOLD && f_r == r && f_tx == tx -> step = S_RESTORE
       :: else -> step = S_REFUND
       fi }
  MAY_COME_LATE(S_RESTORE, R_RESTORE, r, x, 0, tx)
  :: atomic { step == S_RESTORE -> restore_reservation(r, x, tx); answer = SAID_SOLD; step = S_DELETE }
  MAY_COME_LATE(S_REFUND, P_REQUEST, r, 0, 0, tx)
  :: atomic { step == S_REFUND -> request_refund(tx, r); step = S_DELETE }
  CONFIRM
  :: atomic { step == S_DELETE && answer == SAID_NOT_THERE -> step = START; FORGET }   /* raised: it comes again */
  MAY_COME_LATE(S_DELETE && answer == SAID_SOLD, P_SELL, r, 0, 0, tx)
  :: atomic { step == S_DELETE && answer != SAID_NOT_THERE ->
       if
       :: answer == SAID_SOLD -> sell_payment(tx, r)
       :: else -> skip
       fi;
       if
       :: is_charge -> m_charged[tx] = false
       :: !is_charge -> m_due[tx] = false
       :: twice > 0 -> twice--
       fi;
       step = START; FORGET }

  /* Returning money. */
  NEXT_REFUND(0)
  NEXT_REFUND(1)
  :: atomic { step == B_RETURN -> return_money(tx); step = B_MARK }
  MAY_COME_LATE(B_MARK, P_REFUNDED, 0, 0, 0, tx)
  :: atomic { step == B_MARK ->
       mark_refunded(tx);
       if
       :: true -> m_refund[tx] = false
       :: twice > 0 -> twice--
       fi;
       step = START; FORGET }

  /* What the streams tell: a sale whose request died is stored on its reservation, a stored one on its payment. */
  :: atomic { step == START && (does & RELAYS) && m_sold ->
       m_sold = false;
       find_reservation(e_r);
       if
       :: e_state == SOLD && !NOT_STORED && f_state != CONFIRMED -> confirm_reservation(e_r, e_tx)
       :: else -> skip
       fi }
  NEXT_CONFIRMED(0)
  NEXT_CONFIRMED(1)

  /* A consumer that dies gets its message again. */
  :: atomic { step != START && crashes > 0 -> crashes--;
       if
       :: step >= E_RELEASE && step <= E_END_AGAIN -> m_expiry[r] = m_expiry[r] | BIT(x)
       :: else -> skip
       fi;
       step = START; FORGET }
  od
#undef FORGET
#undef AFTER_CONFIRM
}

/* -------------------------------------------------------------------------------------------------- the promises ---- */

#define SETTLED(tx_) ((owner_tx == tx_ && !returned[tx_]) || (owner_tx != tx_ && returned[tx_]))

proctype AtRest() {
  timeout ->
    d_step {
    /* A seat never has two owners: who has bought it still has it. */
    assert(owner == NOBODY || (e_state == SOLD && e_r == owner && e_tx == owner_tx));
    /* A sold row has its purchase, and its payment. */
    assert(owner == NOBODY || (res[owner].state == CONFIRMED && res[owner].tx == owner_tx));
    assert(owner == NOBODY || (pay[owner_tx].state == BOUGHT && pay[owner_tx].r == owner));
    /* Each payment ends as one sale or one refund. */
    assert(!charged_for[0] || SETTLED(0));
    assert(!charged_for[1] || SETTLED(1));
    assert(!returned[0] || pay[0].state == REFUNDED);
    assert(!returned[1] || pay[1].state == REFUNDED);
    /* Every hold ends. */
    assert(e_state != HELD);
    assert(res[0].state != PENDING && res[1].state != PENDING);
    /* Promises are kept. */
    assert(!said_cancelled[0] || owner != 0);
    assert(!said_cancelled[1] || owner != 1);
    assert(!said_sold[0] || owner == 0);
    assert(!said_sold[1] || owner == 1)
    }
}

init {
  atomic {
#ifdef SCHEDULED
    run Scheduler();
#else
    row_is_there = true;
#endif
    run Requester(0);
#ifdef TWIN
    run Requester(0);
#endif
#ifdef RIVAL
    run Requester(1);
#endif
    run Payer(0, 0, true);
#ifdef PAYS_TWICE
    run Payer(0, 1, true);
#endif
#ifdef RIVAL_PAYS
    run Payer(1, 1, true);
#endif
#ifdef RIVAL_STEALS
    run Payer(1, 0, false);
#endif
#ifdef CANCEL
    run Canceller(0);
#endif
#ifdef APART
    run Consumer(EXPIRES);
    run Consumer(SETTLES);
    run Consumer(REFUNDS + RELAYS);
#else
    run Consumer(EXPIRES + SETTLES + REFUNDS + RELAYS);
#endif
    run AtRest()
  }
}
