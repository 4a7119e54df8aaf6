package streams

import (
	"context"
	"time"

	"golang.org/x/time/rate"
)

const (
	// paceBurst is how much may be read at once, in bytes.
	paceBurst = 1 << 20
	// tellEvery is how often long work says how far it is.
	tellEvery = 500 * time.Millisecond
)

// pace counts what long work has read, keeps it below a rate, and has it say how far
// it is. It belongs to one goroutine.
type pace struct {
	ctx   context.Context //nolint:containedctx // of the one call
	limit *rate.Limiter
	tell  func(read uint64) error
	read  uint64
	told  time.Time
}

// newPace keeps below so many bytes a second; 0 is no limit.
func newPace(ctx context.Context, bytesPerSecond uint64, tell func(read uint64) error) *pace {
	limit := rate.NewLimiter(rate.Inf, 0)
	if bytesPerSecond > 0 {
		limit = rate.NewLimiter(rate.Limit(bytesPerSecond), paceBurst)
	}
	return &pace{ctx: ctx, limit: limit, tell: tell, told: time.Now()}
}

// step waits until so many bytes more may be read. An error ends the work.
func (p *pace) step(bytes int) error {
	p.read += uint64(bytes)
	for bytes > 0 && p.limit.Limit() != rate.Inf {
		n := min(bytes, paceBurst)
		if err := p.limit.WaitN(p.ctx, n); err != nil {
			return err
		}
		bytes -= n
	}
	if err := p.ctx.Err(); err != nil {
		return context.Cause(p.ctx)
	}
	if time.Since(p.told) < tellEvery {
		return nil
	}
	p.told = time.Now()
	return p.tell(p.read)
}
