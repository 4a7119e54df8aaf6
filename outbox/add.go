package outbox

import (
	"context"
	"database/sql"
	"fmt"
	"strings"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/event"
)

// Tx is what Add needs of a transaction: *sql.Tx has it, and *sql.Conn and *sql.DB,
// which make a transaction of each statement. See [ExecFunc] for others.
type Tx interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
}

// ExecFunc makes a Tx of a method that executes a statement, such as that of a pgx.Tx:
//
//	err := outbox.Add(ctx, outbox.ExecFunc(tx.Exec), ev)
func ExecFunc[T any](exec func(ctx context.Context, query string, args ...any) (T, error)) Tx {
	return execFunc(func(ctx context.Context, query string, args ...any) error {
		_, err := exec(ctx, query, args...)
		return err
	})
}

// execFunc is what ExecFunc returns.
type execFunc func(ctx context.Context, query string, args ...any) error

// ExecContext implements Tx, without a result.
func (f execFunc) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	return nil, f(ctx, query, args...)
}

// Add adds events to the outbox, in their order: they will be published if and only if
// tx commits. An event that is not valid is ErrInvalidEvent, before anything was
// written. After any other error roll the transaction back.
func Add(ctx context.Context, tx Tx, events ...event.Event) error {
	return DefaultTable.Add(ctx, tx, events...)
}

// rowsAtOnce is how many events go into one statement. Each takes two parameters, of
// which SQLite may take 999 and PostgreSQL 65,535.
const rowsAtOnce = 100

// Add is Add to this table.
func (t Table) Add(ctx context.Context, tx Tx, events ...event.Event) error {
	if err := t.check(); err != nil {
		return err
	}
	args := make([]any, 0, 2*len(events))
	for i := range events {
		text, err := encode(&events[i])
		if err != nil {
			return fmt.Errorf("outbox: event %d of %d, from 0 on: %w", i, len(events), err)
		}
		args = append(args, columnKey(events[i].Key), text)
	}
	for len(args) > 0 {
		some := args[:min(len(args), 2*rowsAtOnce)]
		if _, err := tx.ExecContext(ctx, t.insert(len(some)/2), some...); err != nil {
			return fmt.Errorf("outbox: add %d events to %s: %w", len(events), t, err)
		}
		args = args[len(some):]
	}
	return nil
}

// insert is a statement that inserts n rows.
func (t Table) insert(n int) string {
	var b strings.Builder
	fmt.Fprintf(&b, "INSERT INTO %s (key, event) VALUES ", t.quoted(""))
	for i := range n {
		if i > 0 {
			b.WriteString(", ")
		}
		fmt.Fprintf(&b, "($%d, $%d)", 2*i+1, 2*i+2)
	}
	return b.String()
}

// encode returns an event's JSON. What no stream would take is refused here, where the
// transaction can still be rolled back.
func encode(e *event.Event) (string, error) {
	for key := range e.Meta {
		if strings.HasPrefix(key, eventnode.ReservedMeta) {
			return "", &event.InvalidError{Field: "meta", Reason: fmt.Sprintf(
				"has the key %.80q: keys that begin with %q are the project's own", key, eventnode.ReservedMeta)}
		}
	}
	text, err := e.MarshalJSON()
	return string(text), err
}

// columnKey is what stands in the column key: the key, but for NUL, which PostgreSQL has
// no text with. Keys that are the same without share their order, which harms nobody.
func columnKey(key string) string { return strings.ReplaceAll(key, "\x00", "\uFFFD") }
