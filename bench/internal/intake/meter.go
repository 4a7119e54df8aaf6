package intake

import (
	"fmt"
	"runtime"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// meter sees the numbers of payloads, each when nothing more is done about it, and notes
// what the events behind the guilds have taken.
type meter struct {
	rec recording

	last      uint64 // the newest
	ready     time.Time
	from, to  mark
	failure   error
	completed chan struct{} // closed with the last one, or a failure
	complete  func()
}

// mark is what the process has used until some time.
type mark struct {
	at              time.Time
	cpu             time.Duration
	objects, volume uint64 // allocated so far
}

func newMeter(rec recording) *meter {
	m := &meter{rec: rec, completed: make(chan struct{})}
	m.complete = sync.OnceFunc(func() { close(m.completed) })
	return m
}

// see is called by one goroutine. A payload that becomes several events is seen as often.
func (m *meter) see(seq uint64) {
	switch {
	case seq == m.last:
		return
	case seq != m.last+1:
		m.fail(fmt.Errorf("event %d came behind %d", seq, m.last))
		return
	}
	m.last = seq
	switch seq {
	case 1:
		m.ready = time.Now()
	case m.rec.Guilds:
		m.from = now()
	case m.rec.Last:
		m.to = now()
		m.complete()
	}
}

func (m *meter) fail(err error) {
	if m.failure == nil {
		m.failure = err
	}
	m.complete()
}

func now() mark {
	var mem runtime.MemStats
	runtime.ReadMemStats(&mem)
	var use unix.Rusage
	_ = unix.Getrusage(unix.RUSAGE_SELF, &use) // it knows itself
	return mark{
		at: time.Now(), objects: mem.Mallocs, volume: mem.TotalAlloc,
		cpu: time.Duration(use.Utime.Nano() + use.Stime.Nano()),
	}
}

// values are the figures, when all was seen.
func (m *meter) values() map[string]float64 {
	n := float64(m.rec.Last - m.rec.Guilds)
	return map[string]float64{
		rate.Name:        n / m.to.at.Sub(m.from.at).Seconds(),
		processor.Name:   float64((m.to.cpu - m.from.cpu).Nanoseconds()) / n / 1e3,
		allocations.Name: float64(m.to.objects-m.from.objects) / n,
		allocated.Name:   float64(m.to.volume-m.from.volume) / n,
		beginning.Name:   m.from.at.Sub(m.ready).Seconds() * 1e3 / float64(m.rec.Guilds-1),
	}
}
