package snapshot

import (
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// reportEvery is how often a transfer that moves is logged.
const reportEvery = 10 * time.Second

// progress counts a transfer, and says how it goes: at its start, every ten
// seconds while bytes flow, and at its end. It belongs to one goroutine.
type progress struct {
	log          *slog.Logger
	counter      prometheus.Counter
	bytes, total uint64
	begun, said  time.Time
}

func (p *progress) begin(total uint64) {
	p.total, p.begun = total, time.Now()
	p.said = p.begun
	p.log.Info("snapshot transfer begins", "bytes", total)
}

func (p *progress) add(n int) {
	p.bytes += uint64(n)
	p.counter.Add(float64(n))
	if now := time.Now(); now.Sub(p.said) >= reportEvery {
		p.said = now
		p.log.Info("snapshot transfer goes on", "done", p.bytes, "bytes", p.total)
	}
}

func (p *progress) end(err error) {
	if p.begun.IsZero() {
		p.begun = time.Now()
	}
	if took := time.Since(p.begun); err != nil {
		p.log.Warn("snapshot transfer failed", "done", p.bytes, "bytes", p.total, "took", took, "error", err)
	} else {
		p.log.Info("snapshot transfer is done", "bytes", p.bytes, "took", took)
	}
}
