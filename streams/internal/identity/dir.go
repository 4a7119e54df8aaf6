package identity

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/google/uuid"

	"github.com/eventnode/eventnode/internal/atomicfile"
)

// Format is the format of a new data directory, which the oldest program reads:
// Upgrade makes it a newer one when something newer is written.
const Format uint32 = 1

// Config says which directory to open.
type Config struct {
	// Path is the directory; it is made if it is not there. Required.
	Path string
	// Format is the newest format that the program reads. Defaults to Format.
	Format uint32
}

// Dir is a data directory that this process holds.
type Dir struct {
	path  string
	known uint32
	is    content
	lock  *lock
}

// Open locks the directory and reads who it is; an empty one gets its UUID now.
func Open(cfg Config) (*Dir, error) {
	if cfg.Format == 0 {
		cfg.Format = Format
	}
	if err := makeDir(cfg.Path); err != nil {
		return nil, fmt.Errorf("data directory: %w", err)
	}
	l, err := acquire(cfg.Path)
	if err != nil {
		return nil, err
	}
	d := &Dir{path: cfg.Path, known: cfg.Format, lock: l}
	if d.is, err = loadOrCreate(cfg); err != nil {
		return nil, errors.Join(err, l.release())
	}
	return d, nil
}

// Read returns a directory's UUID and format without holding it, for tools.
func Read(path string) (id uuid.UUID, format uint32, err error) {
	c, found, err := load(path)
	if err == nil && !found {
		err = fmt.Errorf("%w: %s", ErrNoIdentity, path)
	}
	return c.uuid, c.format, err
}

// UUID is the replica's, for as long as the directory lives.
func (d *Dir) UUID() uuid.UUID { return d.is.uuid }

// Format is the format that the directory has.
func (d *Dir) Format() uint32 { return d.is.format }

// Path is where the directory is.
func (d *Dir) Path() string { return d.path }

// Upgrade writes that the directory has a newer format from now on. Call it when
// older programs can no longer read what is in it, before that is written. UUID may
// be called meanwhile.
func (d *Dir) Upgrade(format uint32) error {
	if format < d.is.format || format > d.known {
		return fmt.Errorf("data directory %s has format %d, this program reads up to %d: it cannot become %d",
			d.path, d.is.format, d.known, format)
	}
	next := d.is
	next.format = format
	if err := store(d.path, next); err != nil {
		return fmt.Errorf("data directory: %w", err)
	}
	d.is.format = format
	return nil
}

// Close lets others open the directory. It must be the last thing: close all in it
// before.
func (d *Dir) Close() error { return d.lock.release() }

func loadOrCreate(cfg Config) (content, error) {
	c, found, err := load(cfg.Path)
	switch {
	case err != nil:
		return content{}, fmt.Errorf("data directory: %w", err)
	case found && c.format > cfg.Format:
		return content{}, &NewerError{Path: cfg.Path, Format: c.format, Known: cfg.Format}
	case found:
		return c, nil
	}
	if err := checkEmpty(cfg.Path); err != nil {
		return content{}, err
	}
	c = content{format: Format, uuid: uuid.New()}
	if err := store(cfg.Path, c); err != nil {
		return content{}, fmt.Errorf("data directory: %w", err)
	}
	return c, nil
}

// checkEmpty fails when there is more than a crash of an earlier Open leaves.
func checkEmpty(path string) error {
	entries, err := os.ReadDir(path)
	if err != nil {
		return fmt.Errorf("data directory: %w", err)
	}
	for _, e := range entries {
		switch e.Name() {
		case lockName, tempName, "lost+found": // the last belongs to a file system's root
		default:
			return fmt.Errorf("%w: %s has %s, among others", ErrNoIdentity, path, e.Name())
		}
	}
	return nil
}

// makeDir makes the directory and what is missing above it, each entry fsynced.
func makeDir(path string) error {
	path, err := filepath.Abs(path)
	if err != nil {
		return err
	}
	info, err := os.Stat(path)
	if err == nil && !info.IsDir() {
		return fmt.Errorf("%s is no directory", path)
	}
	if !errors.Is(err, os.ErrNotExist) {
		return err
	}
	parent := filepath.Dir(path)
	if err := makeDir(parent); err != nil {
		return err
	}
	if err := os.Mkdir(path, 0o700); err != nil && !errors.Is(err, os.ErrExist) {
		return err
	}
	return atomicfile.SyncDir(parent)
}
