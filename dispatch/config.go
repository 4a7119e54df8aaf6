package dispatch

import (
	"fmt"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/internal/wire"
)

// Config is what a Dispatcher is made of. Only Self is required.
type Config struct {
	// Self is the name of this node.
	Self eventnode.NodeID
	// Links carries events to other nodes. Defaults to none: every other node
	// is unreachable.
	Links Links
	// Interest announces topics. Defaults to nobody to announce to.
	Interest Interest
	// Kinds knows the kinds of topics. Defaults to NewRegistry(): the built-in
	// kind only.
	Kinds *Registry

	// MaxEventBytes bounds an encoded event, in bytes. Defaults to 1 MiB. All
	// nodes of a cluster should have the same.
	MaxEventBytes int
	// MaxTopicBytes bounds a topic, kind included, in bytes. Defaults to 255.
	MaxTopicBytes int
	// MaxTopicsPerEvent bounds how many topics one event goes to. Defaults to
	// 256, which is also the most.
	MaxTopicsPerEvent int
	// MaxSubscriptions bounds the subscriptions of this node. Defaults to
	// 1,048,576: an idle one takes about half a kilobyte.
	MaxSubscriptions int
	// MaxTopicsPerSubscription bounds the topics of one subscription. Defaults
	// to 16,384.
	MaxTopicsPerSubscription int
	// MaxQueueEvents bounds what a subscription may ask for. Defaults to
	// 1,048,576.
	MaxQueueEvents int
	// MaxQueueBytes bounds what a subscription may ask for. Defaults to
	// 256 MiB.
	MaxQueueBytes int
	// MaxBlock bounds what a subscription with policy block may ask for: how
	// long it can hold up a publisher without reading. Defaults to 5 min.
	MaxBlock time.Duration
	// Linger is how long interest in a topic is kept after its last local
	// subscription ended. Longer spares the cluster changes when subscribers
	// come and go; shorter spares it events that nobody here wants. Defaults to
	// 1 s.
	Linger time.Duration

	// Logger takes what an operator should know. Defaults to discard.
	Logger *slog.Logger
	// Registerer takes the metrics. Defaults to none.
	Registerer prometheus.Registerer
}

// withDefaults fills in what was left out.
func (c Config) withDefaults() Config {
	if c.Links == nil {
		c.Links = noLinks{}
	}
	if c.Interest == nil {
		c.Interest = noInterest{}
	}
	if c.Kinds == nil {
		c.Kinds = NewRegistry()
	}
	orDefault(&c.MaxEventBytes, 1<<20)
	orDefault(&c.MaxTopicBytes, 255)
	orDefault(&c.MaxTopicsPerEvent, wire.MaxTopics)
	orDefault(&c.MaxSubscriptions, 1<<20)
	orDefault(&c.MaxTopicsPerSubscription, 1<<14)
	orDefault(&c.MaxQueueEvents, 1<<20)
	orDefault(&c.MaxQueueBytes, 256<<20)
	orDefault(&c.MaxBlock, 5*time.Minute)
	orDefault(&c.Linger, time.Second)
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return c
}

// orDefault sets v to def if it is zero.
func orDefault[T comparable](v *T, def T) {
	var zero T
	if *v == zero {
		*v = def
	}
}

// check refuses what cannot work.
func (c Config) check() error {
	if c.Self == "" {
		return fmt.Errorf("dispatch: Config.Self is empty: %w", eventnode.ErrInvalidArgument)
	}
	for name, v := range map[string]int{
		"MaxEventBytes": c.MaxEventBytes, "MaxTopicBytes": c.MaxTopicBytes,
		"MaxTopicsPerEvent": c.MaxTopicsPerEvent, "MaxSubscriptions": c.MaxSubscriptions,
		"MaxTopicsPerSubscription": c.MaxTopicsPerSubscription, "MaxQueueEvents": c.MaxQueueEvents,
		"MaxQueueBytes": c.MaxQueueBytes, "MaxBlock": int(c.MaxBlock), "Linger": int(c.Linger),
	} {
		if v < 0 {
			return fmt.Errorf("dispatch: Config.%s is negative: %w", name, eventnode.ErrInvalidArgument)
		}
	}
	if c.MaxTopicsPerEvent > wire.MaxTopics {
		return fmt.Errorf("dispatch: Config.MaxTopicsPerEvent is more than %d: %w", wire.MaxTopics, eventnode.ErrInvalidArgument)
	}
	return nil
}
