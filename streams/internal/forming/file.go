package forming

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/cespare/xxhash/v2"

	"github.com/eventnode/eventnode/internal/atomicfile"
)

// ErrDamaged says that the file was changed or cut. What the node promised is not
// known, so it must not promise anything else.
var ErrDamaged = errors.New("the file of the founding is damaged")

// fileName is the file in the data directory.
const fileName = "founding"

// content is the file: JSON for an operator's eyes, with a checksum over State.
type content struct {
	Format int             `json:"format"`
	State  json.RawMessage `json:"state"`
	XXH64  string          `json:"xxh64"`
}

// Load reads what a node remembers; a directory without it is Alone.
func Load(dir string) (State, error) {
	path := filepath.Join(dir, fileName)
	b, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return State{Stage: Alone}, nil
	}
	if err != nil {
		return State{}, err
	}
	s, err := decode(b)
	if err != nil {
		return State{}, fmt.Errorf("%s: %w", path, err)
	}
	return s, nil
}

func decode(b []byte) (State, error) {
	var c content
	if err := json.Unmarshal(b, &c); err != nil {
		return State{}, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	if c.Format > 1 {
		return State{}, fmt.Errorf("format %d was written by a newer version, this one reads 1", c.Format)
	}
	var s State
	if c.XXH64 != sum(c.State) || json.Unmarshal(c.State, &s) != nil {
		return State{}, fmt.Errorf("%w: the checksum differs", ErrDamaged)
	}
	return s, nil
}

func sum(b []byte) string { return fmt.Sprintf("%016x", xxhash.Sum64(b)) }

// Store makes a node remember: when it returns nil it is durable.
func Store(dir string, s State) error {
	state, err := json.Marshal(s)
	if err != nil {
		return err
	}
	b, err := json.Marshal(content{Format: 1, State: state, XXH64: sum(state)})
	if err != nil {
		return err
	}
	return atomicfile.Write(filepath.Join(dir, fileName), append(b, '\n'))
}
