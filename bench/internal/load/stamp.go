package load

import (
	"encoding/binary"
	"time"
)

// StampBytes is the least size of an event's data.
const StampBytes = 16

// putStamp writes an event's number and the time of its sending, by the wall
// clock: publisher and subscriber are processes of one machine.
func putStamp(b []byte, number uint64, sent time.Time) {
	binary.LittleEndian.PutUint64(b, number)
	binary.LittleEndian.PutUint64(b[8:], uint64(sent.UnixNano()))
}

func stampNumber(b []byte) uint64 { return binary.LittleEndian.Uint64(b) }

func stampAge(b []byte, now time.Time) time.Duration {
	return time.Duration(now.UnixNano() - int64(binary.LittleEndian.Uint64(b[8:])))
}

// Wrong counts what must not happen.
type Wrong struct {
	Lost       uint64 `json:"lost,omitempty"`
	Duplicates uint64 `json:"duplicates,omitempty"`
	OutOfOrder uint64 `json:"out_of_order,omitempty"`
	Strange    uint64 `json:"strange,omitempty"` // no stamp, or beyond what was sent
}

// Any reports whether anything did.
func (w Wrong) Any() bool { return w != Wrong{} }

// Add sums up.
func (w *Wrong) Add(o Wrong) {
	w.Lost += o.Lost
	w.Duplicates += o.Duplicates
	w.OutOfOrder += o.OutOfOrder
	w.Strange += o.Strange
}

// Checker judges the numbers of one publisher's events as they come.
type Checker struct {
	next  uint64 // the number that is due; the first is 0
	wrong Wrong
	// late holds numbers that were passed over: lost, unless they come later.
	late map[uint64]struct{}
}

// maxLate bounds what is remembered of passed over numbers; beyond it they
// count as lost, and as strange when they come.
const maxLate = 1 << 20

// see takes the data of the next event.
func (c *Checker) see(data []byte) {
	if len(data) < StampBytes {
		c.wrong.Strange++
		return
	}
	c.Number(stampNumber(data))
}

// Begin sets the first number that is due. Defaults to 0.
func (c *Checker) Begin(n uint64) { c.next = n }

// Number takes the number of the next event.
func (c *Checker) Number(n uint64) {
	if n == c.next {
		c.next++
	} else {
		c.odd(n)
	}
}

// odd judges a number that was not due.
func (c *Checker) odd(n uint64) {
	if n > c.next {
		if c.late == nil {
			c.late = make(map[uint64]struct{})
		}
		for k := c.next; k < n && len(c.late) < maxLate; k++ {
			c.late[k] = struct{}{}
		}
		c.wrong.Lost += n - c.next
		c.next = n + 1
		return
	}
	if _, ok := c.late[n]; ok {
		delete(c.late, n)
		c.wrong.Lost--
		c.wrong.OutOfOrder++
		return
	}
	c.wrong.Duplicates++
}

// End judges against how many were sent.
func (c *Checker) End(sent uint64) Wrong {
	w := c.wrong
	if c.next < sent {
		w.Lost += sent - c.next
	}
	if c.next > sent {
		w.Strange += c.next - sent
	}
	return w
}
