package stream

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/eventnode/eventnode/bench/internal/load"
	"github.com/eventnode/eventnode/bench/internal/suite"
)

// Order is what the coordinator says to a process, a line of JSON each.
type Order struct {
	// Go starts it.
	Go bool `json:"go,omitempty"`
	// Expect tells a reader, or consumers, how many events each publisher published.
	Expect []uint64 `json:"expect,omitempty"`
	// Since asks callers how long there was no ack since then, once each of them has
	// an ack again of what it published after Until: nanoseconds since 1970.
	Since int64 `json:"since,omitempty"`
	Until int64 `json:"until,omitempty"`
	// Stop ends callers.
	Stop bool `json:"stop,omitempty"`
}

// Conn is where a process finds its system.
type Conn struct {
	System suite.System `json:"system"`
	// Addrs are the nodes, the one to connect to first.
	Addrs []string `json:"addrs"`
}

// BatchesConfig is a process of publishers of batches.
type BatchesConfig struct {
	Conn
	// Publishers each have a connection of their own.
	Publishers int `json:"publishers"`
	// Size of an event's data, in bytes.
	Size    int     `json:"size"`
	Batches Batches `json:"batches"`
	// Seconds is how long to publish; 0: until Events.
	Seconds float64 `json:"seconds,omitempty"`
	// Events is how many each publisher publishes at most; 0: no matter.
	Events uint64 `json:"events,omitempty"`
	// From is the first publisher's number: what other processes published has others.
	From int `json:"from,omitempty"`
}

// CallersConfig is a process of callers, who share one connection.
type CallersConfig struct {
	Conn
	Callers int `json:"callers"`
	Size    int `json:"size"`
	// Seconds is how long to publish; 0: until an order to stop.
	Seconds float64 `json:"seconds,omitempty"`
	// Retry publishes again what failed, until it is acked; else an error ends it.
	Retry bool `json:"retry,omitempty"`
	// TryMS is how many milliseconds one try may take; 0: as long as the client lets
	// it.
	TryMS int `json:"try_ms,omitempty"`
}

// Published is what publishers did.
type Published struct {
	// Acked is by publisher.
	Acked []uint64 `json:"acked"`
	// First is when the first event was published, Last when all were acked:
	// nanoseconds since 1970.
	First int64 `json:"first"`
	Last  int64 `json:"last"`
	// Latency is that of single events, from publish to ack.
	Latency load.Latency `json:"latency"`
	// Failed is how many tries failed.
	Failed  uint64 `json:"failed,omitempty"`
	Trouble string `json:"trouble,omitempty"`
}

// Pause is the longest time without any ack that ended after the Since of an order.
type Pause struct {
	From int64 `json:"from"`
	To   int64 `json:"to"`
	// Failed is how many tries failed since the order before.
	Failed uint64 `json:"failed"`
	// Error is the first failure, if any.
	Why string `json:"why,omitempty"`
}

// ReaderConfig is a process that reads.
type ReaderConfig struct {
	Conn
	// First is the first number expected of each publisher.
	First []uint64 `json:"first"`
	// Last reads only so many events at the end; 0: all.
	Last uint64 `json:"last,omitempty"`
	// Limit ends reading after so many events; 0: when everything expected came.
	Limit uint64 `json:"limit,omitempty"`
}

// ConsumersConfig is a process of consumers of one consumer group, each with a
// connection of its own.
type ConsumersConfig struct {
	Conn
	Group     string `json:"group"`
	Consumers int    `json:"consumers"`
	// Batch is how many events one is handed at a time, at most.
	Batch int `json:"batch"`
	// First is the first number expected of each publisher.
	First []uint64 `json:"first"`
	// Keys is how many keys the events have; those of one are to be in order. 1: all
	// are; 0: order is no matter.
	Keys uint64 `json:"keys,omitempty"`
}

// Read is what a reader saw, or consumers handled.
type Read struct {
	Events uint64 `json:"events"`
	// Begin is when it asked for the first event, End when the last one came, or was
	// known to be acked: nanoseconds since 1970.
	Begin   int64      `json:"begin"`
	End     int64      `json:"end"`
	Wrong   load.Wrong `json:"wrong"`
	Trouble string     `json:"trouble,omitempty"`
}

// Main runs the process for a role, whose configuration comes first on in. With
// profile, the name of a file, it writes a CPU profile there.
func Main(ctx context.Context, role, profile string, in io.Reader, out io.Writer) error {
	if profile != "" {
		stop, err := load.StartProfile(profile)
		if err != nil {
			return err
		}
		defer stop()
	}
	p := process{in: json.NewDecoder(in), out: json.NewEncoder(out)}
	switch role {
	case "batches":
		return run(ctx, p, p.batches)
	case "callers":
		return run(ctx, p, p.callers)
	case "reader":
		return run(ctx, p, p.read)
	case "consumers":
		return run(ctx, p, p.consumers)
	}
	return fmt.Errorf("no role %q", role)
}

// run reads a role's configuration and runs it.
func run[C any](ctx context.Context, p process, role func(context.Context, C) error) error {
	var cfg C
	if err := p.in.Decode(&cfg); err != nil {
		return fmt.Errorf("configuration: %w", err)
	}
	err := role(ctx, cfg)
	if errors.Is(err, io.EOF) { // the coordinator needs no more of it
		return nil
	}
	return err
}

// process is this side of the conversation.
type process struct {
	in  *json.Decoder
	out *json.Encoder
}

// order waits for the next one.
func (p process) order() (o Order, err error) {
	err = p.in.Decode(&o)
	return o, err
}

// ready says so and waits for the order to go on.
func (p process) ready() error {
	if err := p.out.Encode(load.Ready{Ready: true}); err != nil {
		return err
	}
	_, err := p.order()
	return err
}

// answer says what came out and stays, connected, until nobody needs it any more.
func (p process) answer(v any) error {
	if err := p.out.Encode(v); err != nil {
		return err
	}
	_, err := p.order()
	return err
}

// text is an error's text; "" for none.
func text(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
