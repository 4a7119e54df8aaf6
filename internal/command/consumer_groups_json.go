package command

import (
	"time"

	"github.com/eventnode/eventnode"
)

// consumerGroupJSON is a line of consumer-groups list and info --json, and what streams
// info --json has of each group.
type consumerGroupJSON struct {
	Stream  string `json:"stream"`
	Group   string `json:"group"`
	Lag     uint64 `json:"lag"`
	Pending uint64 `json:"pending"`
	Ready   uint64 `json:"ready"`
	Waiting uint64 `json:"waiting"`
	Lagging bool   `json:"lagging"` // see lagging

	LastDelivered *groupPlaceJSON `json:"last_delivered,omitempty"`
	LowestPending *groupPlaceJSON `json:"lowest_pending,omitempty"`

	ConsumerCount int            `json:"consumer_count"`
	Consumers     []consumerJSON `json:"consumers,omitempty"`
	Keyed         bool           `json:"keyed"`
	AckWait       string         `json:"ack_wait"`
	MaxDeliver    int            `json:"max_deliver"` // -1: no bound
	Backoff       string         `json:"backoff"`
	BackoffMax    string         `json:"backoff_max"`
	Created       string         `json:"created"`
}

// groupPlaceJSON is an event that a consumer group was delivered.
type groupPlaceJSON struct {
	Number   uint64 `json:"number"`
	Position string `json:"position,omitempty"` // none: the event is gone
	Time     string `json:"time,omitempty"`     // of its delivery
	Age      int64  `json:"age_ns"`             // how long ago that was
}

// consumerJSON is a consumer of a consumer group.
type consumerJSON struct {
	Consumer  int    `json:"consumer"`
	Held      bool   `json:"held"`
	Connected bool   `json:"connected"`
	Epoch     uint64 `json:"epoch"`
	Granted   string `json:"granted,omitempty"`
	Pending   uint64 `json:"pending"`
}

func toConsumerGroupJSON(g eventnode.ConsumerGroupInfo) consumerGroupJSON {
	j := consumerGroupJSON{
		Stream: g.Stream, Group: g.Name, Lag: g.Lag, Pending: g.Pending, Ready: g.Ready, Waiting: g.Waiting, Lagging: lagging(g),
		LastDelivered: toGroupPlaceJSON(g.LastDelivered, g.LastPosition, g.LastDelivery, g.Now),
		LowestPending: toGroupPlaceJSON(g.LowestPending, g.LowestPosition, g.LowestDelivered, g.Now),
		ConsumerCount: g.ConsumerCount,
		Keyed:         g.Config.Keyed, AckWait: g.Config.AckWait.String(), MaxDeliver: g.Config.MaxDeliver,
		Backoff: g.Config.Backoff.String(), BackoffMax: g.Config.BackoffMax.String(), Created: timeText(g.Created),
	}
	for _, c := range g.Consumers {
		j.Consumers = append(j.Consumers, consumerJSON{c.Number, c.Held, c.Connected, c.Epoch, timeText(c.Granted), c.Pending})
	}
	return j
}

func toGroupPlaceJSON(number uint64, at eventnode.Position, delivered, now time.Time) *groupPlaceJSON {
	if number == 0 {
		return nil
	}
	p := &groupPlaceJSON{Number: number, Time: timeText(delivered), Age: int64(age(delivered, now))}
	if !at.IsZero() {
		p.Position = at.String()
	}
	return p
}

// timeText writes a time; none is empty.
func timeText(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339Nano)
}

// age is how long ago t was; 0 if that is not known.
func age(t, now time.Time) time.Duration {
	if t.IsZero() {
		return 0
	}
	return max(0, now.Sub(t))
}

// aged writes a duration for people, in its two largest parts at most.
func aged(d time.Duration) string {
	const day = 24 * time.Hour
	switch {
	case d < time.Second:
		return d.Round(time.Millisecond).String()
	case d < time.Minute:
		return d.Round(100 * time.Millisecond).String()
	case d < day:
		return d.Round(time.Second).String()
	}
	return plural(int(d/day), "day")
}

// lagAfter is for how long a consumer group with a lag was delivered nothing when it
// is said to lag.
const lagAfter = 30 * time.Second

// laggingHelp says what lagging is.
const laggingHelp = `A consumer group is lagging if there are events for it, and it was delivered none for
30 s (nor was it made in that time): nobody consumes, or all hands are full.`

// lagging reports whether nobody takes what there is for a consumer group.
func lagging(g eventnode.ConsumerGroupInfo) bool {
	last := g.Created
	if g.LastDelivery.After(last) {
		last = g.LastDelivery
	}
	return g.Lag > 0 && g.Now.Sub(last) >= lagAfter
}

// ago says when it was delivered.
func (p *groupPlaceJSON) ago() string { return aged(time.Duration(p.Age)) + " ago" }
