package raftnet

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"
	"github.com/hashicorp/raft"

	"github.com/eventnode/eventnode/internal/memnet"
)

// connected is a replica that has a connection from another one.
func connected(t *testing.T) (nw *memnet.Network, from, to *process) {
	t.Helper()
	w, nw := virtual(t)
	from, to = w.start("10.0.0.1", newDisk()), w.start("10.0.0.2", newDisk())
	t.Cleanup(func() {
		from.end()
		to.end()
	})
	out, err := from.layer.Dial(raft.ServerAddress(to.layer.Addr().String()), time.Second)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = out.Close() })
	in, err := to.layer.Accept()
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		for {
			if _, err := in.Read(make([]byte, 1)); err != nil {
				return // as hashicorp/raft does
			}
		}
	}()
	synctest.Wait()
	return nw, from, to
}

// saysEnded waits for a while, and returns whose connection ended; uuid.Nil: nobody's.
func saysEnded(l *Layer) uuid.UUID {
	select {
	case id := <-l.Ended():
		return id
	case <-time.After(time.Minute):
		return uuid.Nil
	}
}

// refused asks for as long as a dial may take.
func refused(l *Layer, id uuid.UUID) bool {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	return l.Refused(ctx, id)
}

func TestAProcessThatEndsIsToldFromOneThatIsSilent(t *testing.T) {
	for name, test := range map[string]struct {
		fault         func(nw *memnet.Network, from, to *process)
		ends, refuses bool
	}{
		"lives":     {func(*memnet.Network, *process, *process) {}, false, false},
		"ends":      {func(nw *memnet.Network, from, _ *process) { nw.Crash(from.host) }, true, true},
		"partition": {func(nw *memnet.Network, from, to *process) { nw.Partition([]string{from.host}, []string{to.host}) }, false, false},
		"pause":     {func(nw *memnet.Network, from, _ *process) { nw.Pause(from.host) }, false, false},
		"unknown":   {func(_ *memnet.Network, from, to *process) { to.w.lose(from.disk.id) }, false, false},
		"own end":   {func(_ *memnet.Network, _, to *process) { _ = to.layer.Close() }, false, false},
		"hangs up":  {func(_ *memnet.Network, from, _ *process) { from.layer.live.close() }, true, false},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				nw, from, to := connected(t)
				defer nw.Resume(from.host)
				test.fault(nw, from, to)
				if got := saysEnded(to.layer); test.ends != (got == from.disk.id) || !test.ends && got != uuid.Nil {
					t.Errorf("the connection of %v ended", got)
				}
				if got := refused(to.layer, from.disk.id); got != test.refuses {
					t.Errorf("refused: %v", got)
				}
			})
		})
	}
}

// Ends that nobody asks for are dropped, and hold up nobody.
func TestEndsThatNobodyTakes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, _, to := connected(t)
		for range 2 * endedQueue {
			to.layer.ends(uuid.New())
		}
		if n := len(to.layer.Ended()); n != endedQueue {
			t.Errorf("%d wait, want %d", n, endedQueue)
		}
	})
}
