package faults_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/internal/pgserver/pgtest"
	"github.com/eventnode/eventnode/test/cluster"
)

// outboxKills is how many relays are killed in a round.
const outboxKills = 10

// Relays of an outbox in PostgreSQL are killed again and again, and the stream's leader
// with them, while 16 writers commit in any order and roll back. Each committed event is
// published, none of a transaction that was rolled back; keys keep their order; what
// comes twice has the same ID, is no more than the relays that were killed had under way,
// and is not in the stream when that remembers IDs.
func TestOutboxRelaysAreKilled(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("a fault test takes seconds")
	}
	pg := pgtest.Own(t, "max_connections=200")
	seed := newSeed(t)
	c := cluster.Start(t, cluster.Config{Processes: true, Storage: true})
	for _, tt := range []struct {
		name   string
		relays int
		cfg    eventnode.StreamConfig
	}{
		{"remembering", 2, eventnode.StreamConfig{DedupeWindow: time.Hour}},
		{"forgetful", 5, eventnode.StreamConfig{DedupeWindow: time.Millisecond}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c.Declare(tt.name, tt.cfg)
			w := newOutboxWorld(t, c, pg.DSN("postgres"), tt.name, rand.New(rand.NewPCG(seed, uint64(tt.relays))))
			for range tt.relays {
				w.startRelay()
			}
			w.startWriters()
			down := ""
			for kill := range outboxKills * rounds() {
				w.awaitSent()
				w.pause(300)
				if kill%5 == 2 {
					down = c.Leader(tt.name).Name()
					c.Kill(down)
				}
				w.killRelay()
				if kill%5 == 3 {
					c.Restart(down)
				}
			}
			w.stopWriters()
			w.drain()
			w.check(tt.cfg.DedupeWindow > time.Minute)
		})
		if t.Failed() {
			return
		}
	}
}

// Without a kill nothing comes twice, however many relays there are and however often the
// leading one is ended.
func TestOutboxRelaysHandOver(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("a fault test takes seconds")
	}
	pg := pgtest.Own(t, "max_connections=200")
	seed := newSeed(t)
	c := cluster.Start(t, cluster.Config{Processes: true, Storage: true})
	for _, relays := range []int{2, 5} {
		t.Run(fmt.Sprint(relays, " relays"), func(t *testing.T) {
			stream := fmt.Sprint("handed-", relays)
			c.Declare(stream, eventnode.StreamConfig{DedupeWindow: time.Millisecond})
			w := newOutboxWorld(t, c, pg.DSN("postgres"), stream, rand.New(rand.NewPCG(seed, uint64(relays))))
			// Longer than a busy machine may hold a relay up: a lease that is over lets
			// another one lead, as a kill does.
			w.lease = time.Minute
			for range relays {
				w.startRelay()
			}
			w.startWriters()
			for range 3 * rounds() {
				w.awaitSent()
				w.pause(300)
				w.stopRelay()
			}
			w.stopWriters()
			w.drain()
			w.check(true)
		})
	}
}
