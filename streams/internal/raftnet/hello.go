package raftnet

import (
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"io"

	"github.com/google/uuid"

	"github.com/eventnode/eventnode/internal/portmux"
)

const (
	preface    = "EVNRAFT\n"
	version    = 1 // the only one so far
	headBytes  = len(preface) + 2 + 2
	nonceBytes = 16
	uuidBytes  = 16
	// maxCluster bounds the cluster's name: its length is one byte.
	maxCluster = 255
	// maxBody bounds a hello after its head, with room for later versions.
	maxBody = 1024
	// minBody is a hello's body with an empty cluster name.
	minBody = 1 + uuidBytes + 4 + uuidBytes + uuidBytes + nonceBytes
)

// Protocol is how the rpc port recognises Raft.
func Protocol() portmux.Protocol {
	return portmux.Protocol{Name: "raft", Preface: []byte(preface), ALPN: "eventnode-raft"}
}

// hello is the first thing a dialler says.
type hello struct {
	lo, hi      byte // versions that the dialler speaks
	cluster     string
	clusterUUID uuid.UUID
	partition   uint32
	sender      uuid.UUID
	target      uuid.UUID
	nonce       [nonceBytes]byte
}

// encode returns h as it goes over the wire. The cluster's name is at most
// maxCluster bytes: New has seen to that.
func (h hello) encode() []byte {
	b := make([]byte, 0, headBytes+minBody+len(h.cluster))
	b = append(b, preface...)
	b = append(b, h.lo, h.hi)
	b = binary.BigEndian.AppendUint16(b, uint16(minBody+len(h.cluster)))
	b = append(b, byte(len(h.cluster)))
	b = append(b, h.cluster...)
	b = append(b, h.clusterUUID[:]...)
	b = binary.BigEndian.AppendUint32(b, h.partition)
	b = append(b, h.sender[:]...)
	b = append(b, h.target[:]...)
	return append(b, h.nonce[:]...)
}

// readHello reads a hello and not a byte more. It returns the bytes too: the
// proofs are about them.
func readHello(r io.Reader) (hello, []byte, error) {
	raw := make([]byte, headBytes, headBytes+minBody+maxCluster)
	if _, err := io.ReadFull(r, raw); err != nil {
		return hello{}, nil, fmt.Errorf("%w: %w", errBroken, err)
	}
	if string(raw[:len(preface)]) != preface {
		return hello{}, nil, fmt.Errorf("%w: it starts with %q", ErrMalformed, raw[:len(preface)])
	}
	h := hello{lo: raw[len(preface)], hi: raw[len(preface)+1]}
	size := int(binary.BigEndian.Uint16(raw[len(preface)+2:]))
	if size < minBody || size > maxBody {
		return hello{}, nil, fmt.Errorf("%w: %d bytes, expected %d to %d", ErrMalformed, size, minBody, maxBody)
	}
	raw = append(raw, make([]byte, size)...)
	if _, err := io.ReadFull(r, raw[headBytes:]); err != nil {
		return hello{}, nil, fmt.Errorf("%w: %w", errBroken, err)
	}
	if err := h.decode(raw[headBytes:]); err != nil {
		return hello{}, nil, err
	}
	return h, raw, nil
}

// decode reads what stands after the head. What later versions append is
// left alone.
func (h *hello) decode(body []byte) error {
	name := int(body[0])
	if len(body) < minBody+name {
		return fmt.Errorf("%w: the cluster's name does not fit in", ErrMalformed)
	}
	b := body[1:]
	h.cluster, b = string(b[:name]), b[name:]
	b = b[copy(h.clusterUUID[:], b):]
	h.partition, b = binary.BigEndian.Uint32(b), b[4:]
	b = b[copy(h.sender[:], b):]
	b = b[copy(h.target[:], b):]
	copy(h.nonce[:], b)
	return nil
}

// newNonce returns a fresh nonce.
func newNonce() (n [nonceBytes]byte) {
	_, _ = rand.Read(n[:]) // never fails: the program ends if the system has none
	return n
}
