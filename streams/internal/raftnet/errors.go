package raftnet

import (
	"errors"
	"fmt"
	"net"

	"github.com/google/uuid"

	"github.com/eventnode/eventnode"
)

// What a connection is refused for.
var (
	// ErrForeignCluster: the other end is of a cluster with another name or
	// UUID.
	ErrForeignCluster = eventnode.ErrForeignCluster
	// ErrWrongTarget: at that address lives another replica of the partition, so
	// the one that was meant has moved, or lost its disk. Ask the resolver again.
	ErrWrongTarget = errors.New("another replica lives here")
	// ErrWrongPartition: that node has no replica of the partition, or has not
	// opened it yet.
	ErrWrongPartition = errors.New("no replica of the partition here")
	// ErrBadProof: the other end does not know the cluster secret.
	ErrBadProof = errors.New("the cluster secret is another one")
	// ErrVersion: the ends have no version of the preamble in common.
	ErrVersion = errors.New("no common version")
	// ErrMalformed: what was read is no preamble.
	ErrMalformed = errors.New("malformed preamble")
	// ErrBusy: the replica has too many connections waiting. Try again.
	ErrBusy = errors.New("busy")
)

// What this node refuses by itself.
var (
	// ErrUnknownReplica: the resolver has no address for the replica. Nothing
	// was dialled.
	ErrUnknownReplica = errors.New("no address known")
	// ErrOpen: the server has a replica of that partition already. Close it
	// first.
	ErrOpen = errors.New("partition is open already")
	// ErrHeld: the replica may not take part yet. Nothing was dialled.
	ErrHeld = errors.New("the replica takes no part yet")
	// ErrClosed: the layer was closed.
	ErrClosed = fmt.Errorf("raft layer: %w", net.ErrClosed)

	// errEvicted ends a preamble that was the oldest of too many.
	errEvicted = errors.New("too many unfinished preambles")
	// errTimeout ends a preamble that took too long.
	errTimeout = errors.New("preamble not finished in time")
	// errBroken ends a preamble whose connection broke.
	errBroken = errors.New("connection lost in the preamble")
)

// RefusedError is a refusal in the other end's words.
type RefusedError struct {
	// Reason is one of this package's sentinels, or nil for one that a newer
	// version has.
	Reason error
	// Text is what the other end said about it, at most 256 bytes.
	Text string
}

func (e *RefusedError) Error() string {
	if e.Text == "" && e.Reason != nil {
		return "refused: " + e.Reason.Error()
	}
	return "refused: " + e.Text
}

// Unwrap returns the sentinel.
func (e *RefusedError) Unwrap() error { return e.Reason }

// DialError says which replica could not be reached, and where it was tried.
type DialError struct {
	// Replica is the one that was meant.
	Replica uuid.UUID
	// Address is where it was tried; empty if no address was known.
	Address string
	// Err is why.
	Err error
}

func (e *DialError) Error() string {
	if e.Address == "" {
		return fmt.Sprintf("dial replica %s: %v", e.Replica, e.Err)
	}
	return fmt.Sprintf("dial replica %s at %s: %v", e.Replica, e.Address, e.Err)
}

// Unwrap returns why.
func (e *DialError) Unwrap() error { return e.Err }

// code is a refusal on the wire. The numbers stay as they are.
type code byte

const (
	codeOK code = iota
	codeForeignCluster
	codeWrongTarget
	codeWrongPartition
	codeBadProof
	codeVersion
	codeMalformed
	codeBusy
)

// reasons is the one table of codes, sentinels and the words of their counters.
func reasons() []struct {
	code  code
	err   error
	label string
} {
	return []struct {
		code  code
		err   error
		label string
	}{
		{codeForeignCluster, ErrForeignCluster, "foreign_cluster"},
		{codeWrongTarget, ErrWrongTarget, "wrong_target"},
		{codeWrongPartition, ErrWrongPartition, "wrong_partition"},
		{codeBadProof, ErrBadProof, "bad_proof"},
		{codeVersion, ErrVersion, "version"},
		{codeMalformed, ErrMalformed, "malformed"},
		{codeBusy, ErrBusy, "busy"},
		{codeOK, errEvicted, "evicted"},
		{codeOK, errTimeout, "timeout"},
		{codeOK, errBroken, "broken"},
	}
}

// codeOf returns the code of a refusal, codeOK if err is not for the wire.
func codeOf(err error) code {
	for _, r := range reasons() {
		if errors.Is(err, r.err) {
			return r.code
		}
	}
	return codeOK
}

// labelOf returns the counter's label for err.
func labelOf(err error) string {
	for _, r := range reasons() {
		if errors.Is(err, r.err) {
			return r.label
		}
	}
	return "other"
}

// reasonOf returns the sentinel of a code, nil if this version has none.
func reasonOf(c code) error {
	for _, r := range reasons() {
		if r.code == c && c != codeOK {
			return r.err
		}
	}
	return nil
}
