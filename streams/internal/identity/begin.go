package identity

import (
	"errors"
	"fmt"

	"github.com/google/uuid"
)

// Unfinished is a data directory that is being filled by somebody else than a
// replica. As long as it is not finished Open refuses it, whatever became of the
// process: there is data, and no identity.
type Unfinished struct {
	path string
	id   uuid.UUID
	lock *lock
}

// Begin locks a directory that is empty, and makes it if it is not there. The UUID
// that it is to have is drawn, and not written down yet.
func Begin(path string) (*Unfinished, error) {
	if err := makeDir(path); err != nil {
		return nil, fmt.Errorf("data directory: %w", err)
	}
	l, err := acquire(path)
	if err != nil {
		return nil, err
	}
	_, found, err := load(path)
	if err == nil && found {
		err = fmt.Errorf("data directory %s belongs to a replica", path)
	}
	if err == nil {
		err = checkEmpty(path)
	}
	if err != nil {
		return nil, errors.Join(err, l.release())
	}
	return &Unfinished{path: path, id: uuid.New(), lock: l}, nil
}

// UUID is what the directory is to have.
func (u *Unfinished) UUID() uuid.UUID { return u.id }

// Finish writes the identity, and the format of what is in the directory: from here
// on Open takes it. What is in it must be durable before.
func (u *Unfinished) Finish(format uint32) error {
	if err := store(u.path, content{format: max(format, Format), uuid: u.id}); err != nil {
		return fmt.Errorf("data directory: %w", err)
	}
	return nil
}

// Close lets others open the directory; Open refuses it if it was not finished and
// has anything in it.
func (u *Unfinished) Close() error { return u.lock.release() }
