package state

import (
	"bytes"

	"google.golang.org/protobuf/proto"

	storagev1 "github.com/eventnode/eventnode/proto/eventnode/storage/v1"
	"github.com/eventnode/eventnode/streams/internal/engine"
)

// The row of a stream has the names of all its consumer groups, a thousand perhaps, and
// every command about the stream or one of its groups reads it. To decode it took longer
// than all else that a fetch of one event does, so what the last bytes decoded to is kept
// beside them. Whoever changes a row makes a copy first: see stream.change.

// cachedBytes is from what size on a row is kept: smaller ones are decoded at once.
const cachedBytes = 1 << 10

// mostCached bounds how many are kept: of some 50 KiB each, with a thousand names of the
// usual length.
const mostCached = 256

// rowCache keeps large rows of streams, decoded.
type rowCache struct {
	least int // bytes; see cachedBytes
	rows  map[uint64]cachedRow
}

type cachedRow struct {
	value []byte
	row   *storagev1.StreamRow // nobody changes it
}

// load reads the row of a stream; nil: it is not there. It must not be changed.
func (c *rowCache) load(r engine.Reader, key []byte, id uint64) (row *storagev1.StreamRow, err error) {
	_, err = r.Get(key, func(value []byte) error {
		if known, ok := c.rows[id]; ok && bytes.Equal(known.value, value) {
			row = known.row
			return nil
		}
		row = &storagev1.StreamRow{}
		if err := decodeRow(key, value, row); err != nil {
			return err
		}
		c.keep(id, value, row)
		return nil
	})
	if err != nil {
		return nil, rowFault(key, err)
	}
	return row, nil
}

func (c *rowCache) keep(id uint64, value []byte, row *storagev1.StreamRow) {
	if len(value) < c.least {
		return
	}
	if _, there := c.rows[id]; !there && len(c.rows) >= mostCached {
		clear(c.rows)
	}
	if c.rows == nil {
		c.rows = map[uint64]cachedRow{}
	}
	c.rows[id] = cachedRow{bytes.Clone(value), row}
}

// change has a stream have a row of its own, which may be changed.
func (s *stream) change() { s.row = proto.CloneOf(s.row) }
