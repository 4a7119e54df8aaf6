// Package atomicfile replaces small files whole: after a crash or a power loss
// there is the old content or the new one.
//
// It writes beside the file, fsyncs, renames, and fsyncs the directory, which the
// libraries for it leave out.
package atomicfile

import (
	"errors"
	"os"
	"path/filepath"
)

// Suffix is that of the file which is being written. One that is left of a crash is
// replaced by the next Write.
const Suffix = ".new"

// Write makes data the content of the file at path, which only its owner may read.
// When it returns nil that is durable. Two writers of one file at the same time are
// the caller's mistake.
func Write(path string, data []byte) error {
	if err := writeSynced(path+Suffix, data); err != nil {
		return errors.Join(err, discard(path+Suffix))
	}
	if err := os.Rename(path+Suffix, path); err != nil {
		return errors.Join(err, discard(path+Suffix))
	}
	return SyncDir(filepath.Dir(path))
}

func writeSynced(path string, data []byte) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	return errors.Join(err, f.Sync(), f.Close())
}

func discard(path string) error {
	if err := os.Remove(path); !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}

// SyncDir makes what a directory lists durable: files that were made, renamed and
// removed in it.
func SyncDir(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
