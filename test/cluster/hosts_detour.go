package cluster

import (
	"bytes"
	"container/heap"
	"errors"
	"io"
	"os"
	"sync"
	"time"
)

// A detour delays and loses what one machine sends to another. It is one more port of
// the switch, whose other end is this process. To make a direction bad, the sender is
// told the detour's station instead of the receiver's, as for a cut; the detour
// draws what becomes of each frame, and sends it on when its time has come. The other
// direction stays as it is, and nobody gets an error. It needs no firewall and no
// queueing discipline of the kernel's, which not every kernel has.
//
// What passes is as on a wire: the kernel cuts what it would leave to the hardware into
// frames. The kernel holds some 500 frames for this process if it is slow, and loses
// the others; HostQueue bounds what is under way here.
type detour struct {
	tap   io.ReadWriteCloser
	seed  uint64
	ended sync.WaitGroup
	wake  chan struct{} // capacity 1: something is due earlier than it was
	close sync.Once
	gone  chan struct{} // closed by stop

	mu     sync.Mutex // guards the rest
	paths  map[[2]int]*path
	queue  heldFrames // at most HostQueue a path
	number uint64     // of the last frame
	failed error      // the first of what went wrong
}

// startDetour reads from tap until stop.
func startDetour(tap io.ReadWriteCloser, seed uint64) *detour {
	d := &detour{tap: tap, seed: seed, wake: make(chan struct{}, 1), gone: make(chan struct{}), paths: map[[2]int]*path{}}
	d.ended.Go(d.read)
	d.ended.Go(d.send)
	return d
}

// stop ends it, with what is under way, and returns the first of what went wrong.
func (d *detour) stop() error {
	var err error
	d.close.Do(func() {
		close(d.gone)
		err = d.tap.Close()
	})
	d.ended.Wait()
	d.mu.Lock()
	defer d.mu.Unlock()
	return errors.Join(err, d.failed)
}

// change changes how a direction is, and reports whether nothing is wrong with it then.
func (d *detour) change(from, to int, change func(*path)) (healthy bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	p := d.path(from, to)
	change(p)
	return p.healthy()
}

// traffic is what has passed in one direction.
func (d *detour) traffic(from, to int) Traffic {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.path(from, to).traffic
}

// path returns one direction. The caller holds d.mu.
func (d *detour) path(from, to int) *path {
	p := d.paths[[2]int{from, to}]
	if p == nil {
		p = newPath(d.seed, from, to)
		d.paths[[2]int{from, to}] = p
	}
	return p
}

// maxFrame is more than any frame has, in bytes.
const maxFrame = 1 << 16

func (d *detour) read() {
	buffer := make([]byte, maxFrame)
	for {
		n, err := d.tap.Read(buffer)
		if err != nil {
			d.fail(err)
			return
		}
		if from, to, ok := ends(buffer[:n]); ok {
			d.take(from, to, buffer[:n], time.Now())
		}
	}
}

// take puts a frame under way, or loses it.
func (d *detour) take(from, to int, frame []byte, now time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	p := d.path(from, to)
	later, arrives := p.take()
	if !arrives {
		return
	}
	d.number++
	f := held{frame: bytes.Clone(frame), path: p, due: now.Add(later), number: d.number}
	readdress(f.frame, to)
	heap.Push(&d.queue, f)
	if d.queue[0].number == f.number {
		select {
		case d.wake <- struct{}{}:
		default:
		}
	}
}

func (d *detour) send() {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		frame, wait := d.next(time.Now())
		if frame != nil {
			if _, err := d.tap.Write(frame); err != nil {
				d.fail(err)
			}
			continue
		}
		timer.Reset(wait)
		select {
		case <-d.wake:
		case <-timer.C:
		case <-d.gone:
			return
		}
	}
}

// idle is how long send waits if there is nothing to wait for.
const idle = time.Hour

// next takes the frame that is due, or returns how long it is until one is.
func (d *detour) next(now time.Time) (frame []byte, wait time.Duration) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.queue) == 0 {
		return nil, idle
	}
	if wait := d.queue[0].due.Sub(now); wait > 0 {
		return nil, wait
	}
	f := heap.Pop(&d.queue).(held)
	f.path.release()
	return f.frame, 0
}

// fail keeps an error, unless it is that of the end.
func (d *detour) fail(err error) {
	if errors.Is(err, os.ErrClosed) {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.failed == nil {
		d.failed = err
	}
}
