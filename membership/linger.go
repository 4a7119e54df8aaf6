package membership

import (
	"bytes"
	"context"
	"fmt"
	"runtime/pprof"
	"strconv"
	"time"
)

// memberlist waits for none of its goroutines: after Shutdown a probe may still
// sit out its time. They are found by a profiling label, which a goroutine hands
// down to those that it starts.

// gossipLabel is the label's key.
const gossipLabel = "eventnode_gossip"

const (
	// lingerFirst is the pause before the second look, and doubles up to lingerMax.
	lingerFirst = time.Millisecond
	lingerMax   = 100 * time.Millisecond
	// lingerLong is when waiting is given up. A probe lasts at most the probe
	// interval times eight.
	lingerLong = 10 * time.Second
)

// labelled runs f so that the goroutines it starts bear the label.
func labelled(label string, f func()) {
	pprof.Do(context.Background(), pprof.Labels(gossipLabel, label), func(context.Context) { f() })
}

// linger waits until no goroutine bears the label, and reports whether that is so.
func linger(label string) bool {
	want := strconv.Quote(gossipLabel) + ":" + strconv.Quote(label)
	pause := lingerFirst
	for end := time.Now().Add(lingerLong); time.Now().Before(end); pause = min(2*pause, lingerMax) {
		if !running(want) {
			return true
		}
		sleep(context.Background(), pause)
	}
	return false
}

// running reports whether some goroutine bears the label.
func running(want string) bool {
	var b bytes.Buffer
	if err := pprof.Lookup("goroutine").WriteTo(&b, 1); err != nil {
		return false
	}
	return bytes.Contains(b.Bytes(), []byte(want))
}

// labelFor names one memberlist in this process.
func labelFor(m *gossip) string { return fmt.Sprintf("%s@%p", m.name, m) }
