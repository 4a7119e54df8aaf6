package command

import (
	"context"
	"database/sql/driver"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
)

// listen calls wake when PostgreSQL notifies that something was added, until ctx ends or
// the connection, which it has for itself, is lost.
func (o *outboxDB) listen(ctx context.Context, wake func()) error {
	conn, err := o.db.Conn(ctx)
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	defer func() { _ = conn.Close() }()
	err = conn.Raw(func(dc any) error {
		c, ok := dc.(*stdlib.Conn)
		if !ok {
			return fmt.Errorf("a connection of type %T", dc)
		}
		if err := listenOn(ctx, c.Conn(), o.table.Channel(), wake); ctx.Err() == nil {
			return fmt.Errorf("%w: %w", driver.ErrBadConn, err)
		}
		return driver.ErrBadConn // it listens still: nobody else is to have it
	})
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return fmt.Errorf("listen: %w", err)
}

func listenOn(ctx context.Context, c *pgx.Conn, channel string, wake func()) error {
	if _, err := c.Exec(ctx, "LISTEN "+pgx.Identifier{channel}.Sanitize()); err != nil {
		return err
	}
	for {
		wake() // what was added before it listened was not told
		if _, err := c.WaitForNotification(ctx); err != nil {
			return err
		}
	}
}
