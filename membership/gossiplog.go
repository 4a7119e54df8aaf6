package membership

import (
	"context"
	"log/slog"
	"net"
	"strings"
	"sync"
	"time"
)

const (
	// logBurst is how many lines of memberlist's are logged at once; then one
	// every logEvery.
	logBurst = 20
	logEvery = 3 * time.Second
	// logAddresses bounds the addresses that are remembered; lines about others
	// are counted only.
	logAddresses = 1024
	// logForget is when an address may be named again.
	logForget = time.Hour
)

// gossipLog turns memberlist's log lines into records of their level. Whatever
// arrives at the port, the log does not grow with it: a line about an address is
// written once an hour for each address and kind, the others at a bounded rate,
// and the rest is counted.
type gossipLog struct {
	next slog.Handler
	drop func() // counts a line that is not written
	know *contacts

	mu         sync.Mutex
	tokens     float64
	filled     time.Time
	seen       map[string]time.Time
	suppressed int
}

var _ slog.Handler = (*gossipLog)(nil)

func newGossipLog(logger *slog.Logger, drop func(), know *contacts) *gossipLog {
	return &gossipLog{next: logger.Handler(), drop: drop, know: know, tokens: logBurst, seen: make(map[string]time.Time)}
}

// Enabled is true: the level stands in the line.
func (*gossipLog) Enabled(context.Context, slog.Level) bool { return true }

// WithAttrs is not used by the standard logger that this one stands behind.
func (g *gossipLog) WithAttrs([]slog.Attr) slog.Handler { return g }

// WithGroup is not used either.
func (g *gossipLog) WithGroup(string) slog.Handler { return g }

// Handle takes one line, such as "[WARN] memberlist: text from=1.2.3.4:5".
func (g *gossipLog) Handle(ctx context.Context, line slog.Record) error {
	level, text := parseLine(line.Message)
	if o, ok := overhear(text); ok && g.learn(o, line.Time) {
		return nil
	}
	if !g.next.Enabled(ctx, level) || ownLine(text) {
		return nil
	}
	suppressed, ok := g.allow(text, time.Now())
	if !ok {
		g.drop()
		return nil
	}
	r := slog.NewRecord(line.Time, level, text, 0)
	if suppressed > 0 {
		r.AddAttrs(slog.Int("suppressed", suppressed))
	}
	return g.next.Handle(ctx, r)
}

// learn keeps what a line tells, and reports whether the line itself is of no use: who
// was refused is told by whoever asks for Contacts.
func (g *gossipLog) learn(o overheard, now time.Time) bool {
	if o.caller.Refusal != "" {
		g.know.called(o.caller, now)
		return true
	}
	g.know.probed(o.name, o.missed)
	return false
}

// ownLine reports whether the line repeats what this package logs or counts
// itself.
func ownLine(text string) bool {
	return strings.HasPrefix(text, "ignoring alive message") || strings.HasPrefix(text, "Was able to connect")
}

func parseLine(line string) (slog.Level, string) {
	line = strings.TrimSuffix(line, "\n")
	level := slog.LevelInfo
	if rest, ok := strings.CutPrefix(line, "["); ok {
		name, text, _ := strings.Cut(rest, "] ")
		level, line = levelOf(name), text
	}
	return level, strings.TrimPrefix(line, "memberlist: ")
}

// levelOf: what memberlist calls an error it has dealt with already.
func levelOf(name string) slog.Level {
	switch name {
	case "ERR", "WARN":
		return slog.LevelWarn
	case "DEBUG":
		return slog.LevelDebug
	}
	return slog.LevelInfo
}

// allow decides whether text is written, and returns how many were not before.
func (g *gossipLog) allow(text string, now time.Time) (suppressed int, ok bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if key, about := aboutAddress(text); about {
		ok = firstWithin(g.seen, key, now)
	} else {
		ok = g.token(now)
	}
	if !ok {
		g.suppressed++
		return 0, false
	}
	suppressed, g.suppressed = g.suppressed, 0
	return suppressed, true
}

// aboutAddress returns the kind of the line, which is its first two words, and the
// IP address it is about.
func aboutAddress(text string) (string, bool) {
	kind, from, ok := strings.Cut(text, "from=")
	if !ok {
		return "", false
	}
	if host, _, err := net.SplitHostPort(from); err == nil {
		from = host
	}
	words := strings.Fields(kind)
	return strings.Join(append(words[:min(len(words), 2)], from), " "), true
}

func (g *gossipLog) token(now time.Time) bool {
	if !g.filled.IsZero() {
		g.tokens = min(logBurst, g.tokens+float64(now.Sub(g.filled))/float64(logEvery))
	}
	g.filled = now
	if g.tokens < 1 {
		return false
	}
	g.tokens--
	return true
}
