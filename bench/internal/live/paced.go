package live

import (
	"context"
	"fmt"

	"github.com/eventnode/eventnode/bench/internal/suite"
)

// A system whose publishers are faster than its subscribers, and which drops
// rather than wait, has no figure at full speed. Its figure is the highest rate
// at which it loses nothing: found once by halving the interval, and from then on
// used in every round. A round that loses all the same goes down by a twentieth.
//
// The interval begins at the rate at which it took events in at full speed, or
// well above that at which subscribers got them, whichever is lower: with 1,000
// subscribers the first is a thousand times what can be delivered.

const (
	// searchSteps halve the interval: to 1/64 of it.
	searchSteps = 6
	// searchSeconds is how long each step publishes, at most.
	searchSeconds = 1.5
	// backOff is what a round that loses goes down by, backOffs how often.
	backOff  = 0.95
	backOffs = 10
)

// pacer remembers the rate of one system for one shape.
type pacer struct {
	system suite.System
	rate   float64 // events a second; 0: full speed, as far as is known
	top    float64 // what peak found; 0: not asked yet
}

// run does a pass at the highest rate at which nothing is lost.
func (pc *pacer) run(ctx context.Context, env *suite.Env, p pass) (*figures, string, error) {
	for range backOffs {
		p.rate = pc.rate
		f, err := p.run(ctx, env)
		if err != nil {
			return nil, "", err
		}
		err = f.check()
		switch {
		case err == nil:
			return f, pc.note(), nil
		case !isLoss(err) || p.system == suite.Eventnode:
			return nil, "", err
		case pc.rate > 0:
			pc.rate *= backOff
		default:
			high := f.ceiling(p.shape)
			fmt.Fprintf(env.Log, "%s: %v; looking for the highest rate below %.0f/s without loss\n", p.system, err, high)
			if pc.rate, err = search(ctx, env, p, high); err != nil {
				return nil, "", err
			}
		}
	}
	return nil, "", fmt.Errorf("%s lost events also at %.0f/s", p.system, pc.rate)
}

// peak is the highest rate of the pacer's system without loss, in events a
// second: measured once, when it is first asked for.
func (pc *pacer) peak(ctx context.Context, env *suite.Env, s shape) (float64, error) {
	if pc.top == 0 {
		f, _, err := pc.run(ctx, env, pass{system: pc.system, shape: s, seconds: seconds(env)})
		if err != nil {
			return 0, err
		}
		pc.top = float64(f.published) / f.took.Seconds()
	}
	return pc.top, nil
}

func (pc *pacer) note() string {
	if pc.rate == 0 {
		return ""
	}
	return fmt.Sprintf("loses events at full speed; paced at %.0f events/s", pc.rate)
}

// aboveDelivered is how far above the rate of a run that lost events the search
// begins: work done for events that are lost in the end is work not done for
// others.
const aboveDelivered = 3

// ceiling is a rate, in events a second, above which nobody need look for one
// without loss.
func (f *figures) ceiling(s shape) float64 {
	taken := float64(f.published) / f.publishing.Seconds()
	return min(taken, aboveDelivered*f.rate()/float64(s.subscribers))
}

// search finds the highest rate up to high at which p loses nothing.
func search(ctx context.Context, env *suite.Env, p pass, high float64) (float64, error) {
	p.seconds = min(p.seconds, searchSeconds)
	return halve(high, func(rate float64) (bool, error) {
		p.rate = rate
		f, err := p.run(ctx, env)
		if err != nil {
			return false, err
		}
		if err := f.check(); err != nil && !isLoss(err) {
			return false, err
		}
		return !f.wrong.Any() && f.trouble == nil, nil
	})
}

// halve finds the highest rate up to high that is good, to 1/64 of high.
func halve(high float64, good func(rate float64) (bool, error)) (float64, error) {
	low := high / (1 << searchSteps)
	for range searchSteps {
		rate := (low + high) / 2
		ok, err := good(rate)
		if err != nil {
			return 0, err
		}
		if ok {
			low = rate
		} else {
			high = rate
		}
	}
	return low, nil
}
