package durable

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"github.com/eventnode/eventnode/bench/internal/server"
	"github.com/eventnode/eventnode/bench/internal/stream"
	"github.com/eventnode/eventnode/bench/internal/suite"
)

// Metrics of much data.
var (
	starting  = suite.Metric{Name: "start_seconds", Title: "from starting all nodes until a publish is acked", Unit: "s"}
	largeRSS  = suite.Metric{Name: "resident_bytes", Title: "resident memory of a node, the largest, after everything was read", Unit: "B"}
	oldShare  = suite.Metric{Name: "old_share_of_tail", Title: "reading the oldest, as a share of reading the newest", Unit: "", Higher: true}
	oldRate   = suite.Metric{Name: "old_per_second", Title: "reading the oldest, from disk", Unit: "/s", Higher: true}
	tailRate  = suite.Metric{Name: "tail_per_second", Title: "reading the newest, just written", Unit: "/s", Higher: true}
	filling   = suite.Metric{Name: "filled_per_second", Title: "publishing all of it", Unit: "/s", Higher: true}
	largeDisk = suite.Metric{Name: "disk_bytes", Title: "on disk, of a node", Unit: "B"}
)

const (
	largeBytes = 1024 // data of an event
	// partEvents are read to compare old and new, or an eighth of all.
	partEvents = 1_000_000
	// spare is how much more may be on disk for a while than there is data: logs,
	// and tables that are being merged.
	spare = 1.8
)

// muchOnDisk fills a stream, reads its end, starts all nodes again, and reads its
// beginning, and then all of it.
func muchOnDisk(ctx context.Context, env *suite.Env) (out suite.Outcome, err error) {
	gib := env.GiB
	if env.Short {
		gib = min(gib, 0.05)
	}
	events := uint64(gib * (1 << 30) / largeBytes)
	if err := room(env.Dir, int64(spare*float64(server.Nodes)*gib*(1<<30))); err != nil {
		return out, err
	}
	b, err := open(ctx, env, suite.Eventnode)
	if err != nil {
		return out, err
	}
	defer b.close()
	w, _, err := b.publish(ctx, "batches", stream.BatchesConfig{
		Conn: b.conn(), Publishers: 1, Size: largeBytes, Batches: stream.Batches{Size: 500}, Events: events,
	}, 30)
	if err != nil {
		return out, err
	}
	fmt.Fprintf(env.Log, "%d events of %d bytes published\n", events, largeBytes)
	part := min(partEvents, events/8)
	newest, err := b.read(ctx, stream.ReaderConfig{First: []uint64{events - part}, Last: part}, w.Acked)
	if err != nil {
		return out, fmt.Errorf("the newest: %w", err)
	}
	took, err := b.restart(ctx, 1)
	if err != nil {
		return out, err
	}
	w.Acked = append(w.Acked, 1) // what the restart published
	oldest, err := b.read(ctx, stream.ReaderConfig{First: []uint64{0, 0}, Limit: part}, []uint64{part, 0})
	if err != nil {
		return out, fmt.Errorf("the oldest: %w", err)
	}
	if _, err := b.readAll(ctx, w.Acked); err != nil {
		return out, err
	}
	rss, err := b.resident()
	if err != nil {
		return out, err
	}
	size, err := diskUsage(b.cluster.Data())
	if err != nil {
		return out, err
	}
	old, tail := per(part, oldest.Begin, oldest.End), per(newest.Events, newest.Begin, newest.End)
	out.Note = fmt.Sprintf("%.3g GiB of data", gib)
	out.Values = map[string]float64{
		starting.Name: took.Seconds(), largeRSS.Name: float64(rss), oldShare.Name: old / tail, oldRate.Name: old,
		tailRate.Name: tail, filling.Name: per(events, w.First, w.Last), largeDisk.Name: float64(size) / server.Nodes,
	}
	return out, nil
}

// restart asks all nodes to end, forgets what the kernel keeps of their files in
// memory, starts them, and says how long it took until the first event of a publisher
// was acked.
func (b *bench) restart(ctx context.Context, publisher int) (time.Duration, error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Minute)
	defer cancel()
	var ending sync.WaitGroup
	errs := make([]error, server.Nodes)
	for i, p := range b.cluster.Procs {
		ending.Go(func() { errs[i] = p.Terminate(ctx) })
	}
	ending.Wait()
	if err := errors.Join(errs...); err != nil {
		return 0, err
	}
	if err := forget(b.cluster.Data()); err != nil {
		return 0, err
	}
	began := time.Now()
	for i := range b.cluster.Procs {
		if err := b.cluster.Again(b.env, i); err != nil {
			return 0, err
		}
	}
	err := stream.Publish(ctx, b.conn(), publisher)
	return time.Since(began), err
}

// resident is the resident memory of the largest node.
func (b *bench) resident() (most int64, err error) {
	for _, p := range b.cluster.Procs {
		rss, err := p.RSS()
		if err != nil {
			return 0, err
		}
		most = max(most, rss)
	}
	return most, nil
}

// room fails unless so many bytes are free.
func room(dir string, bytes int64) error {
	var st syscall.Statfs_t
	if err := syscall.Statfs(dir, &st); err != nil {
		return err
	}
	if free := int64(st.Bavail) * st.Bsize; free < bytes {
		const gib = 1 << 30
		return fmt.Errorf("%s has %d GiB free, and this may take %d: write less with --gib, or name another disk with --dir", dir, free/gib, bytes/gib+1)
	}
	return nil
}

// diskUsage is what all files below a directory take.
func diskUsage(dir string) (bytes int64, err error) {
	err = files(dir, func(_ string, info fs.FileInfo) error {
		bytes += info.Size()
		return nil
	})
	return bytes, err
}

// files calls see with every file below a directory.
func files(dir string, see func(path string, info fs.FileInfo) error) error {
	return filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) { // a table that was merged meanwhile
			return nil
		}
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		info, err := d.Info()
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		return see(path, info)
	})
}
