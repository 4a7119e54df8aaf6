package cluster

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
)

// What a test does to the data of a node that does not run.

// DataDir is the node's data directory. It stays over restarts.
func (n *Node) DataDir() string {
	if dir, given := n.c.cfg.Data[n.name]; given {
		return dir
	}
	return filepath.Join(n.c.cfg.Dir, n.name)
}

// Files lists the files in the node's data directory, by their paths in it, sorted.
func (n *Node) Files() []string {
	n.c.t.Helper()
	var list []string
	err := filepath.WalkDir(n.DataDir(), func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		rel, err := filepath.Rel(n.DataDir(), path)
		list = append(list, rel)
		return err
	})
	n.must(err)
	slices.Sort(list)
	return list
}

// Wipe removes the data directory, as a new disk at the old address would.
func (n *Node) Wipe() {
	n.c.t.Helper()
	n.stopped()
	n.must(os.RemoveAll(n.DataDir()))
}

// SaveData copies the data directory to another place.
func (n *Node) SaveData(to string) {
	n.c.t.Helper()
	n.stopped()
	n.must(copyDir(n.DataDir(), to))
}

// PutBack replaces the data directory by a copy that SaveData made.
func (n *Node) PutBack(from string) {
	n.c.t.Helper()
	n.Wipe()
	n.must(copyDir(from, n.DataDir()))
}

// Flip turns all bits of one byte of a file.
func (n *Node) Flip(file string, offset int64) {
	n.c.t.Helper()
	n.stopped()
	f, err := os.OpenFile(filepath.Join(n.DataDir(), file), os.O_RDWR, 0)
	n.must(err)
	var b [1]byte
	_, err = f.ReadAt(b[:], offset)
	if err == nil {
		b[0] = ^b[0]
		_, err = f.WriteAt(b[:], offset)
	}
	n.must(errors.Join(err, f.Close()))
}

// Truncate cuts a file off.
func (n *Node) Truncate(file string, size int64) {
	n.c.t.Helper()
	n.stopped()
	n.must(os.Truncate(filepath.Join(n.DataDir(), file), size))
}

// RemoveFile removes a file.
func (n *Node) RemoveFile(file string) {
	n.c.t.Helper()
	n.stopped()
	n.must(os.Remove(filepath.Join(n.DataDir(), file)))
}

// ReadFile and WriteFile are for what the others do not do.
func (n *Node) ReadFile(file string) []byte {
	n.c.t.Helper()
	b, err := os.ReadFile(filepath.Join(n.DataDir(), file))
	n.must(err)
	return b
}

// WriteFile makes data the content of a file.
func (n *Node) WriteFile(file string, data []byte) {
	n.c.t.Helper()
	n.stopped()
	n.must(os.WriteFile(filepath.Join(n.DataDir(), file), data, 0o600))
}

// stopped fails the test if the node runs: its files are its own then.
func (n *Node) stopped() {
	n.c.t.Helper()
	if n.running {
		n.c.t.Fatalf("%s runs: its data can be changed when it is stopped", n.name)
	}
}

func (n *Node) must(err error) {
	n.c.t.Helper()
	if err != nil {
		n.c.t.Fatalf("the data of %s: %v", n.name, err)
	}
}

// copyDir copies a directory; files keep their holes.
func copyDir(from, to string) error {
	return filepath.WalkDir(from, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		target := filepath.Join(to, rel)
		if d.IsDir() {
			return os.MkdirAll(target, 0o700)
		}
		return copyFile(path, target)
	})
}

// copyFile leaves blocks of zeros out: a log's segment is mostly that.
func copyFile(from, to string) (err error) {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, in.Close()) }()
	out, err := os.OpenFile(to, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, out.Close()) }()
	block := make([]byte, 256<<10)
	for at := int64(0); ; {
		n, err := in.Read(block)
		if slices.ContainsFunc(block[:n], func(b byte) bool { return b != 0 }) {
			if _, err := out.WriteAt(block[:n], at); err != nil {
				return err
			}
		}
		at += int64(n)
		if errors.Is(err, io.EOF) {
			return out.Truncate(at)
		}
		if err != nil {
			return err
		}
	}
}
