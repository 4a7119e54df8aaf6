package outbox

import (
	"fmt"
	"strconv"
	"strings"
)

// Dialect is which SQL a database speaks.
type Dialect string

// The dialects. PostgreSQL is 12 or later, SQLite 3.38 or later.
const (
	PostgreSQL Dialect = "postgres"
	SQLite     Dialect = "sqlite"
)

// ParseDialect reads the name of a dialect.
func ParseDialect(s string) (Dialect, error) {
	if d := Dialect(s); d == PostgreSQL || d == SQLite {
		return d, nil
	}
	return "", configErrorf("dialect %.40q: use %s or %s", s, PostgreSQL, SQLite)
}

// words are what the dialects say differently. Times are milliseconds since 1970
// wherever they come in and go out.
type words struct {
	// now is the time of the statement, as the tables have it.
	now string
	// later is now and so many milliseconds, a parameter.
	later func(param string) string
	// millis is how long ago a column was, and since1970 when, in milliseconds.
	millis, since1970 func(column string) string
	// in says that a column is in a list, which list writes, and each selects what is in it.
	in   func(column, param string) string
	each func(param string) string
	list func(numbers []int64) string
	// replay moves dead letters back, for the condition that says which; more are the
	// statements behind the first one.
	replay func(which string) (first string, more []string)
}

func (d Dialect) words() words {
	if d == SQLite {
		const now = "CAST((julianday('now') - 2440587.5) * 86400000.0 AS INTEGER)"
		return words{
			now:       now,
			later:     func(param string) string { return now + " + " + param },
			millis:    func(column string) string { return now + " - " + column },
			since1970: func(column string) string { return column },
			in:        func(column, param string) string { return column + " IN (SELECT value FROM json_each(" + param + "))" },
			each:      func(param string) string { return "SELECT value FROM json_each(" + param + ")" },
			list:      func(numbers []int64) string { return "[" + join(numbers) + "]" },
			// The first one has the database to itself until both are done.
			replay: func(which string) (string, []string) {
				return "INSERT INTO {table} (key, event) SELECT key, event FROM {dead} WHERE " + which + " ORDER BY number",
					[]string{"DELETE FROM {dead} WHERE " + which}
			},
		}
	}
	return words{
		now: "now()",
		later: func(param string) string {
			return "now() + CAST(" + param + " AS bigint) * interval '1 millisecond'"
		},
		millis: func(column string) string {
			return "CAST(EXTRACT(EPOCH FROM clock_timestamp() - " + column + ") * 1000 AS bigint)"
		},
		since1970: func(column string) string { return "CAST(EXTRACT(EPOCH FROM " + column + ") * 1000 AS bigint)" },
		// As text: drivers differ in what they make of a slice.
		in: func(column, param string) string {
			return column + " = ANY(CAST(CAST(" + param + " AS text) AS bigint[]))"
		},
		each: func(param string) string { return "SELECT unnest(CAST(CAST(" + param + " AS text) AS bigint[]))" },
		list: func(numbers []int64) string { return "{" + join(numbers) + "}" },
		replay: func(which string) (string, []string) {
			return "WITH gone AS (DELETE FROM {dead} WHERE " + which + " RETURNING number, key, event)" +
				" INSERT INTO {table} (key, event) SELECT key, event FROM gone ORDER BY number", nil
		},
	}
}

func join(numbers []int64) string {
	b := make([]byte, 0, 8*len(numbers))
	for i, n := range numbers {
		if i > 0 {
			b = append(b, ',')
		}
		b = strconv.AppendInt(b, n, 10)
	}
	return string(b)
}

// statements are what a store executes, for one table in one dialect.
type statements struct {
	lead, release, fetch      string
	keep, remove, bury, retry string
	tidy                      string
	stats, purge              string
	letters, replay, drop     string
	replayMore                []string
}

func newStatements(d Dialect, t Table) statements {
	w := d.words()
	tables := strings.NewReplacer("{table}", t.quoted(""), "{dead}", t.quoted("_dead"), "{sent}", t.quoted("_sent"), "{lease}", t.quoted("_lease"), "{held}", t.quoted("_held"))
	sql := func(format string, args ...any) string { return tables.Replace(fmt.Sprintf(format, args...)) }
	replay, more := w.replay(w.in("number", "$1"))
	for i := range more {
		more[i] = sql("%s", more[i])
	}
	return statements{
		lead:    sql("UPDATE {lease} SET holder = $1, expires = %s WHERE expires <= %s OR holder = $1", w.later("$2"), w.now),
		release: sql("UPDATE {lease} SET holder = '', expires = %s WHERE holder = $1", w.now),
		// From the lowest number on, each time: a row may be there that was not when a
		// higher one was seen first. What failed is in a table of its own, which is small:
		// so this is a scan of the primary key, whatever the planner knows.
		fetch: sql("SELECT o.seq, o.key, o.event, COALESCE((SELECT f.attempts FROM {held} f WHERE f.seq = o.seq), 0), %s FROM {table} o"+
			" WHERE o.seq NOT IN (SELECT h.seq FROM {held} h WHERE h.until > %s)"+
			" AND (o.key = '' OR o.key NOT IN (SELECT h.key FROM {held} h WHERE h.until > %[2]s))"+
			" AND o.seq NOT IN (%[3]s) ORDER BY o.seq LIMIT $1", w.millis("o.added"), w.now, w.each("$2")),
		keep:   sql("INSERT INTO {sent} (seq, key, event, added) SELECT seq, key, event, added FROM {table} WHERE %s ON CONFLICT DO NOTHING", w.in("seq", "$1")),
		remove: sql("DELETE FROM {table} WHERE %s", w.in("seq", "$1")),
		bury: sql("INSERT INTO {dead} (number, key, event, added, attempts, reason)" +
			" SELECT seq, key, event, added, CAST($1 AS integer), CAST($2 AS text) FROM {table} WHERE seq = $3 ON CONFLICT DO NOTHING"),
		retry: sql("INSERT INTO {held} (seq, key, attempts, until) SELECT seq, key, CAST($1 AS integer), %s FROM {table} WHERE seq = $3"+
			" ON CONFLICT (seq) DO UPDATE SET attempts = excluded.attempts, until = excluded.until", w.later("$2")),
		tidy: sql("DELETE FROM {held} WHERE until <= %s AND NOT EXISTS (SELECT 1 FROM {table} o WHERE o.seq = {held}.seq)", w.now),
		stats: sql("SELECT (SELECT count(*) FROM (SELECT 1 FROM {table} LIMIT $1) a),"+
			" COALESCE((SELECT %s FROM {table} ORDER BY seq LIMIT 1), 0),"+
			" (SELECT count(*) FROM (SELECT 1 FROM {held} WHERE until > %s LIMIT $1) b),"+
			" (SELECT count(*) FROM (SELECT 1 FROM {dead} LIMIT $1) c),"+
			" COALESCE((SELECT holder FROM {lease} WHERE expires > %[2]s), '')", w.millis("added"), w.now),
		purge: sql("DELETE FROM {sent} WHERE seq IN (SELECT s.seq FROM {sent} s WHERE s.sent <= %s ORDER BY s.sent LIMIT $2)", w.later("$1")),
		letters: sql("SELECT number, event, attempts, %s, %s, reason FROM {dead} WHERE number > $1 ORDER BY number LIMIT $2",
			w.since1970("added"), w.since1970("died")),
		replay:     sql("%s", replay),
		replayMore: more,
		drop:       sql("DELETE FROM {dead} WHERE %s", w.in("number", "$1")),
	}
}
