package floors

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"sync"

	"github.com/cespare/xxhash/v2"
	"github.com/google/uuid"

	"github.com/eventnode/eventnode/internal/atomicfile"
)

// ErrDamaged says that the file was changed or cut.
var ErrDamaged = errors.New("the file of the floors is damaged")

// maxReplicas bounds the replicas that are remembered. A partition has eleven at
// most: five voters, as many that are to become some, and one that goes.
const maxReplicas = 64

// Book is what this replica remembers of its peers.
type Book struct {
	path string

	saving sync.Mutex // one Save at a time

	mu      sync.Mutex
	floors  map[uuid.UUID]uint64
	changed bool // since the last Save
}

// Load reads the book at path; none there is an empty one. A damaged one is
// ErrDamaged, and comes as an empty one that may be used.
func Load(path string) (*Book, error) {
	b := &Book{path: path, floors: map[uuid.UUID]uint64{}}
	raw, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return b, nil
	}
	if err != nil {
		return b, err
	}
	floors, err := decode(raw)
	if err != nil {
		return b, fmt.Errorf("%s: %w", path, err)
	}
	b.floors = floors
	return b, nil
}

// Of is the index up to which a replica once was durable and committed; 0 if
// nothing is known.
func (b *Book) Of(id uuid.UUID) uint64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.floors[id]
}

// Note takes note of what a replica says of itself.
func (b *Book) Note(id uuid.UUID, durable uint64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	known, there := b.floors[id]
	if there && durable <= known || !there && len(b.floors) >= maxReplicas {
		return
	}
	b.floors[id], b.changed = durable, true
}

// Keep forgets all replicas but these.
func (b *Book) Keep(ids []uuid.UUID) {
	b.mu.Lock()
	defer b.mu.Unlock()
	maps.DeleteFunc(b.floors, func(id uuid.UUID, _ uint64) bool {
		gone := !slices.Contains(ids, id)
		b.changed = b.changed || gone
		return gone
	})
}

// Save makes the book durable, if there is something new in it.
func (b *Book) Save() error {
	b.saving.Lock()
	defer b.saving.Unlock()
	b.mu.Lock()
	raw, changed := encode(b.floors), b.changed
	b.changed = false
	b.mu.Unlock()
	if !changed {
		return nil
	}
	err := atomicfile.Write(b.path, raw)
	if err != nil {
		b.mu.Lock()
		b.changed = true
		b.mu.Unlock()
	}
	return err
}

// The file has a line of JSON for each replica, for an operator's eyes, and a last
// one with the checksum over the others.
type line struct {
	Replica uuid.UUID `json:"replica,omitzero"`
	Floor   uint64    `json:"floor,omitzero"`
	XXH64   string    `json:"xxh64,omitzero"`
}

func encode(floors map[uuid.UUID]uint64) []byte {
	var out bytes.Buffer
	lines := json.NewEncoder(&out) // a bytes.Buffer and such lines never fail it
	ids := slices.SortedFunc(maps.Keys(floors), func(x, y uuid.UUID) int { return bytes.Compare(x[:], y[:]) })
	for _, id := range ids {
		_ = lines.Encode(line{Replica: id, Floor: floors[id]})
	}
	_ = lines.Encode(line{XXH64: sum(out.Bytes())})
	return out.Bytes()
}

func sum(b []byte) string { return fmt.Sprintf("%016x", xxhash.Sum64(b)) }

func decode(raw []byte) (map[uuid.UUID]uint64, error) {
	floors := map[uuid.UUID]uint64{}
	for rest := raw; ; {
		text, after, whole := bytes.Cut(rest, []byte("\n"))
		var l line
		if !whole || json.Unmarshal(text, &l) != nil {
			return nil, fmt.Errorf("%w: line %d is none of ours", ErrDamaged, len(floors)+1)
		}
		if l.XXH64 != "" {
			if before := raw[:len(raw)-len(rest)]; l.XXH64 != sum(before) || len(after) > 0 {
				return nil, fmt.Errorf("%w: the checksum differs", ErrDamaged)
			}
			return floors, nil
		}
		floors[l.Replica] = l.Floor
		rest = after
	}
}
