package streams

import (
	"errors"
	"os"
	"path/filepath"

	"github.com/google/uuid"

	"github.com/eventnode/eventnode/internal/atomicfile"
	"github.com/eventnode/eventnode/streams/internal/forming"
	"github.com/eventnode/eventnode/streams/internal/identity"
)

// How a data directory is replaced by an empty one of the same cluster, so that a
// crash at any moment leaves the old one, or the new one, or what is needed to go on:
// a node that remembers no cluster could found another one. The new directory is made
// whole beside the old one; then that is put aside, and the new one takes its place.
// Between the last two there is none, and the next start finishes it.

const (
	// asideSuffix is that of a directory that was put aside. There is one at most.
	asideSuffix = ".damaged"
	// nextSuffix is that of one that is to take a directory's place.
	nextSuffix = ".next"
)

// replacing is the steps that replace a directory. Each may be taken again. Clear
// removes what the old one has on another file system.
func replacing(dir string, cluster uuid.UUID, clear func() error) []func() error {
	aside, next := dir+asideSuffix, dir+nextSuffix
	return []func() error{
		func() error { return os.RemoveAll(next) },
		func() error { return prepare(next, cluster) },
		clear, // the old copy lacks what it had from here on, and would be found out again
		func() error { return os.RemoveAll(aside) },
		func() error { return moved(dir, aside) },
		func() error { return moved(next, dir) },
	}
}

// prepare makes an empty directory of a cluster, with a UUID of its own.
func prepare(dir string, cluster uuid.UUID) error {
	d, err := identity.Open(identity.Config{Path: dir, Format: identity.Format})
	if err != nil {
		return err
	}
	return errors.Join(forming.Store(dir, joined(cluster)), d.Close())
}

// joined is what a node remembers that belongs to a cluster and founded none.
func joined(cluster uuid.UUID) forming.State {
	return forming.State{Stage: forming.Belongs, Founding: forming.Founding{Cluster: cluster}}
}

func moved(from, to string) error {
	if err := os.Rename(from, to); err != nil {
		return err
	}
	return atomicfile.SyncDir(filepath.Dir(to))
}

// resume finishes what a crash has left of replacing: a directory that is not there
// and another one that was to take its place. What was not whole is removed.
func resume(dir string) error {
	next := dir + nextSuffix
	_, err := os.Stat(dir)
	if err == nil || !errors.Is(err, os.ErrNotExist) {
		return err // a half-made one beside it is removed when it is replaced
	}
	if _, err := os.Stat(next); errors.Is(err, os.ErrNotExist) {
		return nil
	}
	_, _, idErr := identity.Read(next)
	state, err := forming.Load(next)
	if idErr != nil || err != nil || state.Stage != forming.Belongs {
		return os.RemoveAll(next) // it never was to take a place: the other was removed by hand
	}
	return moved(next, dir)
}
