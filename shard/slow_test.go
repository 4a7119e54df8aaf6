package shard_test

import (
	"context"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/eventnode/eventnode/shard"
	"github.com/eventnode/eventnode/source"
)

// W2: while a consumer handles nothing, no more is read than ReadAhead says, and the
// connection lives on: heartbeats are sent, and an ACK that lies behind events which are not
// read is not missing. When the consumer goes on it gets everything. A gateway that is dead
// meanwhile is noticed then.
func TestSlowConsumer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const events, ahead = 1000, 8
		var beats, connections atomic.Int32
		var latest atomic.Pointer[peer]
		dead := make(chan struct{})
		ps := &peers{t: t}
		ps.serve = func(p *peer) {
			connections.Add(1)
			latest.Store(p)
			p.hello(10_000)
			if got, ok := p.next(true); !ok || got.Op != 2 && got.Op != 6 {
				return
			}
			if connections.Load() == 1 {
				p.event(1, "READY", map[string]any{"session_id": "s"})
				for n := range events {
					p.event(uint64(n)+2, "X", strings.Repeat("x", 4000))
				}
			}
			for {
				select {
				case <-dead:
					_, ok := p.next(false)
					if !ok {
						return
					}
				default:
					if _, ok := p.nextBeat(); !ok {
						return
					}
					beats.Add(1)
				}
			}
		}
		cfg := ps.config()
		cfg.ReadAhead = ahead
		s, err := shard.New(cfg)
		if err != nil {
			t.Fatal(err)
		}
		credit := make(chan struct{})
		var handled atomic.Int32
		ctx, cancel := context.WithCancel(t.Context())
		over := make(chan error, 1)
		go func() {
			over <- s.Run(ctx, func(ctx context.Context, p source.Payload) error {
				select {
				case <-credit:
					handled.Add(1)
					return nil
				case <-ctx.Done():
					return context.Cause(ctx)
				}
			})
		}()
		time.Sleep(10 * time.Minute)
		synctest.Wait()
		if n := beats.Load(); n < 59 || connections.Load() != 1 || handled.Load() != 0 {
			t.Fatalf("%d heartbeats on %d connections, %d handled", n, connections.Load(), handled.Load())
		}
		// Of what was sent, the shard has at most what it may read ahead, a payload that has
		// no room, and what is in the buffer of its connection.
		if read := events - latest.Load().left(); read > ahead+1+(16<<10)/4000+1 {
			t.Fatalf("%d were read", read)
		}
		// Some 10 events a second: each lets one more be read.
		for range events {
			credit <- struct{}{}
			time.Sleep(100 * time.Millisecond)
		}
		synctest.Wait()
		if handled.Load() != events || connections.Load() != 1 {
			t.Fatalf("%d handled on %d connections", handled.Load(), connections.Load())
		}
		close(credit)
		close(dead)
		time.Sleep(time.Minute)
		synctest.Wait()
		if n := connections.Load(); n < 2 {
			t.Errorf("%d connections", n)
		}
		cancel()
		if err := <-over; err != nil {
			t.Error(err)
		}
		ps.wait()
	})
}
