CREATE TABLE IF NOT EXISTS {table} (
  seq   bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  key   text NOT NULL DEFAULT '',
  event text NOT NULL,
  added timestamptz NOT NULL DEFAULT clock_timestamp()
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 20000)

CREATE TABLE IF NOT EXISTS {held} (
  seq      bigint PRIMARY KEY,
  key      text NOT NULL,
  attempts integer NOT NULL,
  until    timestamptz NOT NULL
)

CREATE TABLE IF NOT EXISTS {dead} (
  number   bigint PRIMARY KEY,
  key      text NOT NULL,
  event    text NOT NULL,
  added    timestamptz NOT NULL,
  died     timestamptz NOT NULL DEFAULT clock_timestamp(),
  attempts integer NOT NULL,
  reason   text NOT NULL
)

CREATE TABLE IF NOT EXISTS {sent} (
  seq   bigint PRIMARY KEY,
  key   text NOT NULL,
  event text NOT NULL,
  added timestamptz NOT NULL,
  sent  timestamptz NOT NULL DEFAULT clock_timestamp()
)

CREATE INDEX IF NOT EXISTS "{name}_sent_sent" ON {sent} (sent)

CREATE TABLE IF NOT EXISTS {lease} (
  id      integer PRIMARY KEY CHECK (id = 1),
  holder  text NOT NULL,
  expires timestamptz NOT NULL
)

INSERT INTO {lease} (id, holder, expires) VALUES (1, '', to_timestamp(0)) ON CONFLICT DO NOTHING

CREATE OR REPLACE FUNCTION {notify}() RETURNS trigger LANGUAGE plpgsql AS
$body$ BEGIN PERFORM pg_notify('{channel}', ''); RETURN NULL; END $body$

DO $body$ BEGIN
  IF NOT EXISTS (SELECT 1 FROM pg_trigger WHERE tgrelid = '{table}'::regclass AND tgname = '{name}_notify') THEN
    CREATE TRIGGER "{name}_notify" AFTER INSERT ON {table} FOR EACH STATEMENT EXECUTE FUNCTION {notify}();
  END IF;
END $body$
