package chat

import (
	"cmp"
	"fmt"
	"time"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/sessions"
)

// Defaults of Journal.
const (
	DefaultJournalBytes      = 4 << 30
	DefaultJournalQueueBytes = 64 << 20
	DefaultJournalIndexBytes = 512 << 20
	journalMargin            = 5 * time.Minute
)

// Journal has sessions outlive their nodes: a durable stream knows what they are and what
// they were sent, and a client whose node has died resumes at any other. It costs a write
// to the stream for each event, before clients see it.
type Journal struct {
	// Streams has the stream, and Locks the locks by which one node takes a session over.
	// Required.
	Streams eventnode.Streams
	Locks   eventnode.Locks
	// Stream is its name. The same on all nodes. Required.
	Stream string
	// Window is how long the stream keeps what it is told, if it is made now, and how far
	// back it is read. Longer than Sessions.TTL. Defaults to that and 5 minutes.
	Window time.Duration
	// MaxBytes bounds the stream if it is made now: what is too much goes before its time,
	// and sessions that need it cannot be resumed. Defaults to 4 GiB.
	MaxBytes uint64
	// QueueBytes bounds what waits to be written. What is sent when it is full waits in the
	// sessions' own logs; what is dispatched is refused. Defaults to 64 MiB.
	QueueBytes int
	// IndexBytes bounds what is held of the stream while sessions are resumed: the newest.
	// Defaults to 512 MiB.
	IndexBytes int
}

func (j Journal) withDefaults(ttl time.Duration) (Journal, error) {
	ttl = cmp.Or(ttl, sessions.DefaultTTL)
	j.Window = cmp.Or(j.Window, ttl+journalMargin)
	j.MaxBytes = cmp.Or(j.MaxBytes, DefaultJournalBytes)
	j.QueueBytes = cmp.Or(j.QueueBytes, DefaultJournalQueueBytes)
	j.IndexBytes = cmp.Or(j.IndexBytes, DefaultJournalIndexBytes)
	switch {
	case j.Streams == nil || j.Locks == nil || j.Stream == "":
		return j, fmt.Errorf("chat: a journal needs Streams, Locks and the name of a stream: %w", eventnode.ErrInvalidArgument)
	case j.Window <= ttl:
		return j, fmt.Errorf("chat: the journal's window is %v: use more than the %v that a session is kept: %w", j.Window, ttl, eventnode.ErrInvalidArgument)
	case j.QueueBytes < 0 || j.IndexBytes < 0:
		return j, fmt.Errorf("chat: a journal with a queue of %d bytes and an index of %d: %w", j.QueueBytes, j.IndexBytes, eventnode.ErrInvalidArgument)
	}
	return j, nil
}
