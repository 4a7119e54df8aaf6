package state

import (
	"errors"
	"fmt"

	"google.golang.org/protobuf/proto"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/streams/internal/engine"
)

// storeError marks an error of the store, which no command is to blame for.
type storeError struct{ err error }

func (e *storeError) Error() string { return e.err.Error() }

func (e *storeError) Unwrap() error { return e.err }

// fault returns the error of the store in err, nil if there is none.
func fault(err error) error {
	if f, ok := errors.AsType[*storeError](err); ok {
		return f.err
	}
	return nil
}

// unwrap takes the mark off.
func unwrap(err error) error {
	if f := fault(err); f != nil {
		return f
	}
	return err
}

// damaged is engine.ErrDamaged in words.
func damaged(format string, args ...any) error {
	return &engine.DamagedError{Err: fmt.Errorf(format, args...)}
}

// invalid is ErrInvalidArgument in words.
func invalid(format string, args ...any) error {
	return fmt.Errorf("%s: %w", fmt.Sprintf(format, args...), eventnode.ErrInvalidArgument)
}

// load reads a row into m.
func load(r engine.Reader, key []byte, m proto.Message) (bool, error) {
	found, err := r.Get(key, func(value []byte) error { return decodeRow(key, value, m) })
	if err != nil {
		return false, rowFault(key, err)
	}
	return found, nil
}

func rowFault(key []byte, err error) error {
	return &storeError{fmt.Errorf("read row %x: %w", key, err)}
}

func decodeRow(key, value []byte, m proto.Message) error {
	if err := proto.Unmarshal(value, m); err != nil {
		return damaged("row %x: %w", key, err)
	}
	return nil
}

// store writes a row. Equal rows are equal bytes on every replica: chain hashes
// are made of them.
func (t *turn) store(key []byte, m proto.Message) error {
	value, err := proto.MarshalOptions{Deterministic: true}.MarshalAppend(t.scratch[:0], m)
	if err != nil {
		return &storeError{fmt.Errorf("encode row %x: %w", key, err)}
	}
	t.batch.Set(key, value)
	t.scratch = value
	return nil
}

// numberOf reads a row that is a number.
func numberOf(r engine.Reader, key []byte) (id uint64, found bool, err error) {
	found, err = r.Get(key, func(value []byte) error {
		if len(value) != 8 {
			return damaged("row %x: %d bytes for a number", key, len(value))
		}
		id = lastNumber(value)
		return nil
	})
	if err != nil {
		err = rowFault(key, err)
	}
	return id, found, err
}
