package cluster

import (
	"container/heap"
	"fmt"
	"time"
)

// headerSize is that of an Ethernet frame: to whom, from whom, of what kind; in bytes.
const headerSize = 14

// The Ethernet addresses of machines: that of the machine itself, and the one under which
// the detour takes what is for it. The last byte is the machine's number.
const (
	stationPrefix = "\x02\x65\x76\x00\x00"
	detourPrefix  = "\x02\x65\x76\x01\x00"
)

// detourStation is where a machine sends what goes to another by the detour.
func detourStation(to int) string { return fmt.Sprintf("02:65:76:01:00:%02x", to) }

// ends reads between which machines a frame goes; not ok is a frame that is not for the
// detour.
func ends(frame []byte) (from, to int, ok bool) {
	if len(frame) < headerSize || string(frame[:5]) != detourPrefix || string(frame[6:11]) != stationPrefix {
		return 0, 0, false
	}
	return int(frame[11]), int(frame[5]), true
}

// readdress sends a frame on to its machine. It comes from the detour now: were it
// from its sender, the switch would look for that one here.
func readdress(frame []byte, to int) {
	copy(frame, stationPrefix)
	copy(frame[6:], detourPrefix)
	frame[5], frame[11] = byte(to), byte(to)
}

// held is a frame under way.
type held struct {
	frame  []byte
	path   *path
	due    time.Time
	number uint64 // in the order of arrival: of two that are due together, the first is first
}

// heldFrames is a heap, the next one that is due first.
type heldFrames []held

var _ heap.Interface = (*heldFrames)(nil)

func (h heldFrames) Len() int { return len(h) }

func (h heldFrames) Less(i, j int) bool {
	if c := h[i].due.Compare(h[j].due); c != 0 {
		return c < 0
	}
	return h[i].number < h[j].number
}

func (h heldFrames) Swap(i, j int) { h[i], h[j] = h[j], h[i] }

// Push is for package heap.
func (h *heldFrames) Push(x any) { *h = append(*h, x.(held)) }

// Pop is for package heap.
func (h *heldFrames) Pop() any {
	last := len(*h) - 1
	f := (*h)[last]
	(*h)[last] = held{}
	*h = (*h)[:last]
	return f
}
