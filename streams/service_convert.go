package streams

import (
	"fmt"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/eventnode/eventnode"
	storagev1 "github.com/eventnode/eventnode/proto/eventnode/storage/v1"
	eventnodev1 "github.com/eventnode/eventnode/proto/eventnode/v1"
	"github.com/eventnode/eventnode/streams/internal/state"
)

// What is on the wire and what is on disk look alike today, and are kept apart, so
// that each can change without the other.

func nameIn(n *eventnodev1.StreamName) *storagev1.StreamName {
	return &storagev1.StreamName{Namespace: n.GetNamespace(), Name: n.GetName()}
}

func nameOf(n *eventnodev1.StreamName) state.Name {
	return state.Name{Namespace: n.GetNamespace(), Name: n.GetName()}
}

// configIn is a configuration as a client wants it. The state refuses what makes
// no sense.
func configIn(c *eventnodev1.StreamConfig) (*storagev1.StreamConfig, error) {
	age, err := milliseconds("max_age", c.GetMaxAge())
	if err != nil {
		return nil, err
	}
	window, err := milliseconds("dedupe_window", c.GetDedupeWindow())
	if err != nil {
		return nil, err
	}
	return state.CheckConfig(&storagev1.StreamConfig{
		Retain: storagev1.Retain(c.GetRetain()), MaxAgeMs: age, MaxBytes: c.GetMaxBytes(), MaxCount: c.GetMaxCount(),
		Groups: c.GetGroups(), Pool: c.GetPool(), DedupeWindowMs: window, DedupeMax: c.GetDedupeMax(),
	})
}

// milliseconds is a duration that a client sent; absent is 0.
func milliseconds(field string, d *durationpb.Duration) (uint64, error) {
	if d == nil {
		return 0, nil
	}
	v := d.AsDuration()
	if err := d.CheckValid(); err != nil || v < 0 {
		return 0, fmt.Errorf("%s is negative or no duration: %w", field, eventnode.ErrInvalidArgument)
	}
	if most := state.MaxMS / 1000; uint64(d.GetSeconds()) > most { // AsDuration ends there
		return 0, &eventnode.LimitError{Limit: "max_duration_seconds", Max: int(most), Got: int(d.GetSeconds())}
	}
	if v%time.Millisecond != 0 {
		return 0, fmt.Errorf("%s is %v: use whole milliseconds: %w", field, v, eventnode.ErrInvalidArgument)
	}
	return uint64(v.Milliseconds()), nil
}

func configOut(c *storagev1.StreamConfig) *eventnodev1.StreamConfig {
	out := &eventnodev1.StreamConfig{
		Retain: eventnodev1.Retain(c.GetRetain()), MaxBytes: c.GetMaxBytes(), MaxCount: c.GetMaxCount(),
		Groups: c.GetGroups(), Pool: c.GetPool(), DedupeWindow: duration(c.GetDedupeWindowMs()), DedupeMax: c.GetDedupeMax(),
	}
	if c.GetMaxAgeMs() > 0 {
		out.MaxAge = duration(c.GetMaxAgeMs())
	}
	return out
}

func duration(ms uint64) *durationpb.Duration {
	return durationpb.New(time.Duration(ms) * time.Millisecond) // at most state.MaxMS
}

func positionOut(p eventnode.Position) *eventnodev1.Position {
	return &eventnodev1.Position{Ms: p.MS, Seq: p.Seq}
}

func positionIn(p *eventnodev1.Position) eventnode.Position {
	return eventnode.Position{MS: p.GetMs(), Seq: p.GetSeq()}
}
