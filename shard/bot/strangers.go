package bot

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/eventnode/eventnode/discord"
)

// normaliser makes what a gateway says into what consumers expect, and notes what of it is not
// known: in the log once for each name, of discord.MaxStrangers names at most; in a counter
// each time. All shards of a bot have one.
type normaliser struct {
	strangers       *discord.Strangers
	events, members prometheus.Counter
}

func newNormaliser(log *slog.Logger, reg prometheus.Registerer) (*normaliser, error) {
	unknown := prometheus.NewCounterVec(prometheus.CounterOpts{
		Namespace: "eventnode", Subsystem: "shard", Name: "unknown_total",
		Help: "What came and is not known, and was passed on as it is, by what it was: event, member (of an event's data).",
	}, []string{"what"})
	if reg != nil {
		if err := reg.Register(unknown); err != nil {
			return nil, fmt.Errorf("register metrics: %w", err)
		}
	}
	n := &normaliser{events: unknown.WithLabelValues("event"), members: unknown.WithLabelValues("member")}
	n.strangers = discord.NewStrangers(func(s discord.Stranger, last bool) {
		log.LogAttrs(context.Background(), slog.LevelInfo, "something that is not known came, and is passed on as it is",
			slog.String("event", s.Event), slog.String("member", s.Member), slog.Bool("last_that_is_told", last))
	})
	return n, nil
}

// normalise is shard.Config.Normalise.
func (n *normaliser) normalise(name string, data []byte) ([]byte, error) {
	events, members := n.strangers.Look(name, data)
	n.events.Add(float64(events))
	n.members.Add(float64(members))
	return discord.Normalise(data)
}
