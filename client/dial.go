package client

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"github.com/eventnode/eventnode/internal/backoff"
)

// How a connection is found: the addresses are tried in turn, the next one as
// soon as one has failed, or when it has not answered for a share of the dial
// timeout (a stopped machine accepts connections, and is silent). The first
// that answers wins; the others are closed. So one dead address does not use up
// the time of the others.

// maxStagger is the longest that one silent address holds up the next one.
const maxStagger = 250 * time.Millisecond

// attempt is what became of one address.
type attempt struct {
	addr string
	conn *conn
	err  error
}

// dialAny connects to the first of addrs that answers, within the dial timeout.
func (o *options) dialAny(ctx context.Context, addrs []string) (*conn, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, o.dialTimeout, errors.New("dial timeout"))
	defer cancel()
	var (
		results = make(chan attempt)
		stagger = min(maxStagger, o.dialTimeout/time.Duration(len(addrs)+1))
		next    = time.NewTimer(0)
		failed  = &DialError{}
		won     *conn
		started int
	)
	defer next.Stop()
	for ended := 0; ended < len(addrs); {
		select {
		case <-next.C:
			if won != nil || started == len(addrs) {
				continue
			}
			addr := addrs[started]
			started++
			next.Reset(stagger)
			go func() {
				c, err := o.connect(ctx, addr)
				results <- attempt{addr, c, err}
			}()
		case r := <-results:
			ended++
			switch {
			case r.err != nil:
				failed.add(r)
				next.Reset(0)
			case won == nil:
				won = r.conn
				ended += len(addrs) - started
				cancel()
			default:
				_ = r.conn.cc.Close()
			}
		}
	}
	if won != nil {
		return won, nil
	}
	return nil, failed
}

// add notes a failed attempt.
func (e *DialError) add(r attempt) {
	e.Addrs = append(e.Addrs, r.addr)
	e.Errs = append(e.Errs, r.err)
}

// from returns addrs, beginning with the one at place i.
func from(addrs []string, i int) []string {
	i %= len(addrs)
	return append(append(make([]string, 0, len(addrs)), addrs[i:]...), addrs[:i]...)
}

// pause waits as long as the back-off says after so many failures. It reports
// false if ctx ended.
func (o *options) pause(ctx context.Context, failures int) bool {
	b := backoff.Backoff{Min: o.backoffMin, Max: o.backoffMax}
	t := time.NewTimer(b.Next(failures, rand.Float64()))
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}
