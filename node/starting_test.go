package node

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// A start that is late says what it waits for by then, again and again, and no more when it is
// ready or was given up.
func TestLateStartSaysWhy(t *testing.T) {
	for _, c := range []struct {
		ready, end time.Duration // 0: never
		want       string
	}{
		{ready: 9 * time.Second, want: ""},
		{end: 9 * time.Second, want: ""},
		{ready: 69 * time.Second, want: "step 10"},
		{end: 131 * time.Second, want: "step 10, step 70, step 130"},
	} {
		synctest.Test(t, func(t *testing.T) {
			var log bytes.Buffer
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			ready, begin := make(chan struct{}), time.Now()
			if c.ready > 0 {
				time.AfterFunc(c.ready, func() { close(ready) })
			}
			if c.end > 0 {
				time.AfterFunc(c.end, cancel)
			}
			var s starting
			s.at(func() string { return fmt.Sprintf("step %.0f", time.Since(begin).Seconds()) })
			s.watch(ctx, ready, slog.New(slog.NewTextHandler(&log, nil)))
			var got []string
			for line := range strings.Lines(log.String()) {
				_, rest, _ := strings.Cut(line, `waits_for="`)
				step, _, _ := strings.Cut(rest, `"`)
				got = append(got, step)
			}
			if strings.Join(got, ", ") != c.want {
				t.Errorf("ready after %v, end after %v: %q, want %q", c.ready, c.end, got, c.want)
			}
		})
	}
}
