package snapshot

import (
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/cockroachdb/pebble/v2/vfs"
)

const category = vfs.WriteCategoryUnspecified

// writeSynced makes a file of its bytes, and returns when they are durable; its
// name is not.
func writeSynced(fs vfs.FS, path string, b []byte) error {
	f, err := fs.Create(path, category)
	if err != nil {
		return err
	}
	if _, err = f.Write(b); err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

// syncDir makes the names in a directory durable.
func syncDir(fs vfs.FS, path string) error {
	d, err := fs.OpenDir(path)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// replace makes b the content of a file, all of it or none. After an error nobody
// knows which, until somebody looks after a crash.
func replace(fs vfs.FS, dir, name string, b []byte) error {
	temp := fs.PathJoin(dir, name+tempSuffix)
	if err := writeSynced(fs, temp, b); err != nil {
		return err
	}
	if err := fs.Rename(temp, fs.PathJoin(dir, name)); err != nil {
		return err
	}
	return syncDir(fs, dir)
}

const tempSuffix = ".new"

// readBounded reads a file of at most limit bytes.
func readBounded(fs vfs.FS, path string, limit int64) ([]byte, error) {
	f, err := fs.Open(path)
	if err != nil {
		return nil, err
	}
	b, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err == nil && int64(len(b)) > limit {
		err = &DamagedError{Path: path, Reason: fmt.Sprintf("it has more than %d bytes", limit)}
	}
	return b, errors.Join(err, f.Close())
}

// Directories are named by what they are for and a number.
const (
	statePrefix   = "state-"
	sendingPrefix = "sending-"
	// momentPrefix is followed by a UUID: a Moment may outlive the Store.
	momentPrefix = "moment-"
)

func numbered(prefix string, n uint64) string { return prefix + strconv.FormatUint(n, 10) }

// numberOf is the reverse of numbered.
func numberOf(prefix, name string) (n uint64, ok bool) {
	digits, ok := strings.CutPrefix(name, prefix)
	if !ok {
		return 0, false
	}
	n, err := strconv.ParseUint(digits, 10, 64)
	return n, err == nil && numbered(prefix, n) == name
}
