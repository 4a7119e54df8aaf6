package shard

import (
	"encoding/json"
	"slices"
	"time"

	"github.com/eventnode/eventnode"
)

// The limits of the protocol.
const (
	maxSends     = 120         // what a connection may send in sendsPeriod
	sendsPeriod  = time.Minute // of any minute
	spareSends   = 3           // of those for IDENTIFY, RESUME and what the gateway asks for
	maxPresences = 5           // presences in sendsPeriod
	maxCommand   = 4096        // bytes of a command
)

// budget is the times of what was sent lately. It allows so many in any period.
type budget struct {
	most int
	sent []time.Time
}

// free is from when on one more may be sent, with so many to spare: not in the future, if
// it may be sent now.
func (b *budget) free(now time.Time, spare int) time.Time {
	b.sent = slices.DeleteFunc(b.sent, func(t time.Time) bool { return now.Sub(t) >= sendsPeriod })
	most := max(b.most-spare, 1)
	if len(b.sent) < most {
		return now
	}
	return b.sent[len(b.sent)-most].Add(sendsPeriod)
}

func (b *budget) note(now time.Time) { b.sent = append(b.sent, now) }

// command is what is to be sent when there is a session.
type command struct {
	op   int
	data json.RawMessage
	auto bool // asked by the rule, and again in a new session
}

// commands is those that wait, at most so many. Of presences only the newest waits.
type commands struct {
	most      int
	queue     []command
	presence  json.RawMessage // waits; nil: none
	sends     budget          // without heartbeats
	presences budget
}

func newCommands(most int) commands {
	return commands{most: most, sends: budget{most: maxSends}, presences: budget{most: maxPresences}}
}

// add has commands wait, all or none.
func (c *commands) add(list ...command) error {
	if len(c.queue)+len(list) > c.most {
		return &eventnode.LimitError{Limit: "max_commands", Max: c.most, Got: len(c.queue) + len(list)}
	}
	c.queue = append(c.queue, list...)
	return nil
}

// begin is a new connection: limits are of one.
func (c *commands) begin() { c.sends.sent, c.presences.sent = nil, nil }

// renew is a new session: the presence goes with IDENTIFY, and what the rule asked for is
// asked again.
func (c *commands) renew() {
	c.presence = nil
	c.queue = slices.DeleteFunc(c.queue, func(c command) bool { return c.auto })
}

// waiting is how many wait.
func (c *commands) waiting() int {
	if c.presence != nil {
		return len(c.queue) + 1
	}
	return len(c.queue)
}

// next takes the next command that may be sent now.
func (c *commands) next(now time.Time, spare int) (command, bool) {
	switch {
	case c.waiting() == 0 || c.sends.free(now, spare).After(now):
		return command{}, false
	case c.presence != nil && !c.presences.free(now, 0).After(now):
		made := command{op: opPresence, data: c.presence}
		c.presence = nil
		c.presences.note(now)
		return made, true
	case len(c.queue) > 0:
		made := c.queue[0]
		c.queue = c.queue[1:]
		return made, true
	default:
		return command{}, false
	}
}

// due is when the next command may be sent; zero: none waits.
func (c *commands) due(now time.Time, spare int) time.Time {
	if c.waiting() == 0 {
		return time.Time{}
	}
	at := c.sends.free(now, spare)
	if len(c.queue) == 0 {
		if p := c.presences.free(now, 0); p.After(at) {
			return p
		}
	}
	return at
}
