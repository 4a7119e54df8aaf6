package stream

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/eventnode/eventnode/bench/internal/load"
)

// listStore is a stream of fixed events; then nothing comes.
type listStore struct {
	store
	events [][]byte
	pause  time.Duration // before each
}

func (l listStore) read(ctx context.Context, _ uint64, see func([]byte) bool) error {
	for _, data := range l.events {
		time.Sleep(l.pause)
		if !see(data) {
			return nil
		}
	}
	<-ctx.Done()
	return context.Cause(ctx)
}

// The time of the last event counts, not that of the order that tells how many there
// are, nor that of what is too much.
func TestReaderWatch(t *testing.T) {
	for _, tt := range []struct {
		name     string
		events   int
		tell     time.Duration // when
		last     time.Duration
		complete bool
	}{
		{"told before", 6, 0, 6 * time.Second, true},
		{"told afterwards", 6, 30 * time.Second, 6 * time.Second, true},
		{"one is missing", 5, 0, 5 * time.Second, false},
	} {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			r := &reader{judge: newJudge([]uint64{0, 0}), ended: make(chan struct{})}
			begin := time.Now()
			go r.run(ctx, listStore{events: two()[:tt.events], pause: time.Second}, ReaderConfig{})
			expect := make(chan []uint64, 1)
			done := r.watch(expect, []uint64{0, 0})
			time.Sleep(tt.tell)
			expect <- []uint64{3, 3}
			<-done
			cancel()
			<-r.ended
			if took := r.last.Sub(begin).Round(100 * time.Millisecond); took != tt.last || r.complete != tt.complete {
				t.Errorf("%s: last after %v, complete: %v", tt.name, took, r.complete)
			}
		})
	}
}

// What a process is asked it answers, line by line; one that is no longer needed
// ends well.
func TestRun(t *testing.T) {
	var out bytes.Buffer
	in := `{"first":[1]} {"go":true}`
	p := process{in: json.NewDecoder(bytes.NewBufferString(in)), out: json.NewEncoder(&out)}
	var got ReaderConfig
	err := run(t.Context(), p, func(_ context.Context, cfg ReaderConfig) error {
		got = cfg
		if err := p.ready(); err != nil {
			return err
		}
		return p.answer(Read{Wrong: load.Wrong{Lost: 1}})
	})
	if err != nil || !slices.Equal(got.First, []uint64{1}) {
		t.Errorf("%+v, %v", got, err)
	}
	if want := `{"ready":true}` + "\n"; !bytes.HasPrefix(out.Bytes(), []byte(want)) {
		t.Errorf("it said %s", out.String())
	}
	if err := Main(t.Context(), "nobody", "", bytes.NewReader(nil), io.Discard); err == nil {
		t.Error("a role that nobody has")
	}
}
