package outbox

import (
	"regexp"
	"strings"
)

// Table names an outbox in its database: the table that Add writes to. Beside it are
// tables of its name and _held, _dead, _sent and _lease. It is one or, on PostgreSQL with a
// schema, two words of letters a to z, digits and underscores: "orders_outbox",
// "shop.outbox".
type Table string

// DefaultTable is used where nothing else is said.
const DefaultTable Table = "eventnode_outbox"

// maxTable bounds a table's name in bytes, without its schema: PostgreSQL cuts off what
// is behind 63, and something is put behind it.
const maxTable = 48

// tableForm is what a name looks like: nothing in it needs an escape in SQL.
var tableForm = regexp.MustCompile(`^([a-z_][a-z0-9_]*\.)?[a-z_][a-z0-9_]*$`)

// check returns why t is no name.
func (t Table) check() error {
	if _, name := t.split(); !tableForm.MatchString(string(t)) || len(name) > maxTable {
		return configErrorf("table %.80q: use letters a to z, digits and underscores, at most %d, such as %q", string(t), maxTable, DefaultTable)
	}
	return nil
}

// split returns the schema, if any, and the bare name.
func (t Table) split() (schema, name string) {
	schema, name, found := strings.Cut(string(t), ".")
	if !found {
		return "", schema
	}
	return schema, name
}

// quoted is the name of the table with this ending, as SQL has it.
func (t Table) quoted(ending string) string {
	schema, name := t.split()
	if schema != "" {
		return `"` + schema + `"."` + name + ending + `"`
	}
	return `"` + name + ending + `"`
}

// Channel is the PostgreSQL channel on which inserts into the table are notified.
func (t Table) Channel() string { return string(t) }
