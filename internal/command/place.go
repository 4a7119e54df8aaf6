package command

import (
	"time"

	"github.com/eventnode/eventnode"
)

// placeHelp says how a place in a stream is written.
const placeHelp = `A place is written
  oldest                        the oldest event that is there
  newest                        behind the newest event: only what comes later
  1719500000000-0               the event at this position, or the first one after it
  2006-01-02T15:04:05Z, 15m     the first event of that time, or of so long ago`

// parsePlace reads where a consumer group begins.
func parsePlace(flag, text string, now time.Time) (eventnode.StartPlace, error) {
	switch text {
	case "oldest":
		return eventnode.StartPlace{}, nil
	case "newest":
		return eventnode.StartPlace{Newest: true}, nil
	}
	if at, err := eventnode.ParsePosition(text); err == nil {
		return eventnode.StartPlace{At: &at}, nil
	}
	if d, err := time.ParseDuration(text); err == nil && d > 0 {
		return eventnode.StartPlace{Since: now.Add(-d)}, nil
	}
	if at, err := time.Parse(time.RFC3339, text); err == nil {
		return eventnode.StartPlace{Since: at}, nil
	}
	return eventnode.StartPlace{}, usagef("--%s %q: write oldest, newest, a position such as 1719500000000-0, a time such as 2006-01-02T15:04:05Z, or how long ago, such as 15m", flag, text)
}
