package membership

import (
	"log/slog"
	"sync"
	"time"
)

// refusalLog counts what was refused, and logs each reason and address once an
// hour, for a bounded number of them.
type refusalLog struct {
	logger  *slog.Logger
	metrics *metrics

	mu   sync.Mutex
	seen map[string]time.Time
}

func newRefusalLog(logger *slog.Logger, m *metrics) *refusalLog {
	return &refusalLog{logger: logger, metrics: m, seen: make(map[string]time.Time)}
}

// note counts, and logs if it is news.
func (r *refusalLog) note(reason, address, why string) {
	r.metrics.refused.WithLabelValues(reason).Inc()
	if r.news(reason+" "+address, time.Now()) {
		r.logger.Warn("refused what gossip told", "reason", reason, "address", address, "error", why)
	}
}

func (r *refusalLog) news(key string, now time.Time) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return firstWithin(r.seen, key, now)
}

// firstWithin reports whether key was not seen in the last hour, and remembers it.
// When too many are remembered, new ones are not news.
func firstWithin(seen map[string]time.Time, key string, now time.Time) bool {
	if at, ok := seen[key]; ok && now.Sub(at) < logForget {
		return false
	}
	if len(seen) >= logAddresses {
		for k, at := range seen {
			if now.Sub(at) >= logForget {
				delete(seen, k)
			}
		}
	}
	if len(seen) >= logAddresses {
		return false
	}
	seen[key] = now
	return true
}
