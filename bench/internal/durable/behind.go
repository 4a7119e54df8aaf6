package durable

import (
	"context"
	"fmt"

	"github.com/eventnode/eventnode/bench/internal/server"
	"github.com/eventnode/eventnode/bench/internal/stream"
	"github.com/eventnode/eventnode/bench/internal/suite"
)

// Metrics of a consumer group that is behind.
var (
	othersShare = suite.Metric{Name: "others_share", Title: "the others' rate beside a group that is behind, as a share of the one without", Unit: "", Higher: true}
	catchShare  = suite.Metric{Name: "catch_up_share_of_tail", Title: "catching up, as a share of consuming what was just published", Unit: "", Higher: true}
	othersAlone = suite.Metric{Name: "others_alone_per_second", Title: "publish and consume at once, no group behind", Unit: "/s", Higher: true}
	othersWith  = suite.Metric{Name: "others_beside_per_second", Title: "publish and consume at once, a group behind", Unit: "/s", Higher: true}
	tailConsume = suite.Metric{Name: "tail_consumed_per_second", Title: "consuming what was just published", Unit: "/s", Higher: true}
	catchUp     = suite.Metric{Name: "catch_up_per_second", Title: "catching up, from disk", Unit: "/s", Higher: true}
)

const (
	// behindBytes is what an event takes on a node's disk, at most, log included.
	behindBytes = 400
	// tailEvents were just published.
	tailEvents = 500_000
)

// The publishers of this workload, by what they do.
const (
	aloneFrom = iota
	fillFrom
	besideFrom
	tailFrom
	restartFrom
)

// consumeBehind lets a consumer group fall behind, looks at the others' rate with and
// without it, starts all nodes again with nothing in memory, and lets it catch up.
func consumeBehind(ctx context.Context, env *suite.Env) (out suite.Outcome, err error) {
	events := someEvents(env, env.Behind)
	if err := room(env.Dir, int64(events)*behindBytes*server.Nodes); err != nil {
		return out, err
	}
	b, err := open(ctx, env, suite.Eventnode)
	if err != nil {
		return out, err
	}
	defer b.close()
	alone, err := b.others(ctx, "alone", aloneFrom)
	if err != nil {
		return out, fmt.Errorf("no group behind: %w", err)
	}
	if err := b.group(ctx, "late", stream.GroupStart{Newest: true}); err != nil {
		return out, err
	}
	all := make([]uint64, restartFrom+1) // what the late group is to be handed, by publisher
	put := func(from int, n []uint64) { all[from] = n[0] }
	filled, err := b.fill(ctx, events, fillFrom, ahead())
	if err != nil {
		return out, err
	}
	put(fillFrom, filled)
	beside, err := b.others(ctx, "beside", besideFrom)
	if err != nil {
		return out, fmt.Errorf("a group behind: %w", err)
	}
	put(besideFrom, []uint64{beside.events})
	tail, err := b.tail(ctx, someEvents(env, tailEvents))
	if err != nil {
		return out, fmt.Errorf("what was just published: %w", err)
	}
	put(tailFrom, []uint64{tail.events})
	if _, err := b.restart(ctx, restartFrom); err != nil {
		return out, err
	}
	put(restartFrom, []uint64{1})
	p, err := b.consumers(ctx, stream.ConsumersConfig{Group: "late", Consumers: 1, First: make([]uint64, len(all)), Keys: 1})
	if err != nil {
		return out, err
	}
	late, err := b.judged(ctx, p, all)
	if err != nil {
		return out, fmt.Errorf("catching up: %w", err)
	}
	rate := per(late.Events, late.Begin, late.End)
	out.Note = fmt.Sprintf("%d events behind", late.Events)
	out.Values = map[string]float64{
		othersShare.Name: beside.rate / alone.rate, othersAlone.Name: alone.rate, othersWith.Name: beside.rate,
		catchShare.Name: rate / tail.rate, tailConsume.Name: tail.rate, catchUp.Name: rate,
	}
	return out, nil
}

// part is what a part of a workload gave.
type part struct {
	events uint64
	rate   float64
}

// others publishes and consumes at once, by a group that is there for that only.
func (b *bench) others(ctx context.Context, group string, from int) (part, error) {
	if err := b.group(ctx, group, stream.GroupStart{Newest: true}); err != nil {
		return part{}, err
	}
	w, r, err := b.meanwhile(ctx, group, from)
	if err != nil {
		return part{}, err
	}
	if err := stream.RemoveGroup(ctx, b.conn(), group); err != nil {
		return part{}, err
	}
	return part{r.Events, per(r.Events, w.First, r.End)}, nil
}

// tail consumes what was just published.
func (b *bench) tail(ctx context.Context, events uint64) (part, error) {
	if err := b.group(ctx, "tail", stream.GroupStart{Newest: true}); err != nil {
		return part{}, err
	}
	n, err := b.fill(ctx, events, tailFrom, ahead())
	if err != nil {
		return part{}, err
	}
	first := make([]uint64, tailFrom+1)
	p, err := b.consumers(ctx, stream.ConsumersConfig{Group: "tail", Consumers: 1, First: first, Keys: 1})
	if err != nil {
		return part{}, err
	}
	r, err := b.judged(ctx, p, append(first[:tailFrom], n...))
	if err != nil {
		return part{}, err
	}
	return part{r.Events, per(r.Events, r.Begin, r.End)}, nil
}
