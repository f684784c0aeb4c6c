CREATE TABLE screenings (
    id uuid PRIMARY KEY,
    movie_title text NOT NULL,
    starts_at text NOT NULL,
    room text NOT NULL,
    total_seats integer NOT NULL,
    price_cents integer NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE reservations (
    id text PRIMARY KEY,
    screening_id uuid NOT NULL REFERENCES screenings,
    user_id text NOT NULL,
    seats text[] NOT NULL,
    amount_cents integer NOT NULL,
    status text NOT NULL CHECK (status IN ('pending', 'confirmed', 'cancelled', 'expired')),
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL,
    idempotency_key text,
    UNIQUE (user_id, idempotency_key)
);
CREATE INDEX lapsing ON reservations (expires_at) WHERE status = 'pending';

CREATE TABLE seats (
    screening_id uuid NOT NULL REFERENCES screenings,
    number text NOT NULL,
    place integer NOT NULL,
    status text NOT NULL DEFAULT 'available' CHECK (status IN ('available', 'reserved', 'sold')),
    reservation_id text REFERENCES reservations,
    expires_at timestamptz,
    PRIMARY KEY (screening_id, number)
) WITH (fillfactor = 80);

CREATE TABLE sales (
    id text PRIMARY KEY,
    reservation_id text NOT NULL UNIQUE REFERENCES reservations,
    user_id text NOT NULL,
    transaction_id text NOT NULL UNIQUE,
    paid_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX purchases ON sales (user_id, paid_at);
