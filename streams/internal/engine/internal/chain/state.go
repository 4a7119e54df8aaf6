package chain

import (
	"encoding/binary"
	"fmt"

	"github.com/eventnode/eventnode/streams/internal/engine"
)

// State is where a store is: the position in the log, and the hash up to there.
type State struct {
	engine.Applied
	Chain engine.Chain
}

// version is the first byte of an encoded state, and stands for all that the
// engines of this package write beyond what their libraries do: reserved keys
// and the hash.
const version = 1

const encodedLen = 1 + 3*8

// Append adds the encoded state to dst.
func (s State) Append(dst []byte) []byte {
	dst = append(dst, version)
	dst = binary.BigEndian.AppendUint64(dst, s.Index)
	dst = binary.BigEndian.AppendUint64(dst, s.Term)
	return binary.BigEndian.AppendUint64(dst, uint64(s.Chain))
}

// Parse reads what Append wrote. It returns engine.ErrFormat for a version that
// it does not know, and engine.ErrDamaged for anything else.
func Parse(b []byte) (State, error) {
	if len(b) > 0 && b[0] > version {
		return State{}, fmt.Errorf("%w: state version %d, this program knows up to %d", engine.ErrFormat, b[0], version)
	}
	if len(b) != encodedLen || b[0] != version {
		return State{}, &engine.DamagedError{Err: fmt.Errorf("the applied position (%d bytes) is not one", len(b))}
	}
	return State{
		Applied: engine.Applied{Index: binary.BigEndian.Uint64(b[1:]), Term: binary.BigEndian.Uint64(b[9:])},
		Chain:   engine.Chain(binary.BigEndian.Uint64(b[17:])),
	}, nil
}
