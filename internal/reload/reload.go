package reload

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
	"sync/atomic"
	"time"
)

// MaxFileBytes bounds a file.
const MaxFileBytes = 1 << 20

// Parse makes something of the texts of files, in the order in which they were named.
type Parse[T any] func(texts ...[]byte) (T, error)

// Files is what some files say.
type Files[T any] struct {
	paths []string
	parse Parse[T]
	now   atomic.Pointer[T]
	// changed is told what was before and what is now, by Run's goroutine.
	changed []func(old, now T)

	held, seen, told digest // the looker's: what now was made of, what the last look saw, what an error told of
}

// digest stands for what the files hold, or why they cannot be read.
type digest [sha256.Size]byte

// Load reads the files.
func Load[T any](parse Parse[T], paths ...string) (*Files[T], error) {
	f := &Files[T]{paths: paths, parse: parse}
	texts, at, err := f.read()
	if err != nil {
		return nil, err
	}
	v, err := parse(texts...)
	if err != nil {
		return nil, err
	}
	f.now.Store(&v)
	f.held, f.seen = at, at
	return f, nil
}

// Now is what they say.
func (f *Files[T]) Now() T { return *f.now.Load() }

// OnChange has do told of changes, by the goroutine of Run. It is called before Run.
func (f *Files[T]) OnChange(do func(old, now T)) { f.changed = append(f.changed, do) }

// Look reads the files if they are others than before, and have been so for two looks.
// It reports whether Now has changed; an error is told once.
func (f *Files[T]) Look() (changed bool, err error) {
	texts, at, err := f.read()
	stood := at == f.seen
	f.seen = at
	if at == f.held {
		f.told = digest{}
		return false, nil
	}
	if !stood || at == f.told {
		return false, nil
	}
	var v T
	if err == nil {
		v, err = f.parse(texts...)
	}
	if err != nil {
		f.told = at
		return false, err
	}
	old := f.now.Swap(&v)
	f.held, f.told = at, digest{}
	for _, do := range f.changed {
		do(*old, v)
	}
	return true, nil
}

// String names the files.
func (f *Files[T]) String() string { return strings.Join(f.paths, ", ") }

// read reads all files. The digest also stands for the error.
func (f *Files[T]) read() (texts [][]byte, at digest, err error) {
	h := sha256.New()
	for _, path := range f.paths {
		text, readErr := readFile(path)
		if readErr != nil {
			err = errors.Join(err, readErr)
			text = []byte(readErr.Error())
		}
		fmt.Fprintf(h, "%t %d ", readErr == nil, len(text))
		h.Write(text)
		texts = append(texts, text)
	}
	return texts, digest(h.Sum(nil)), err
}

func readFile(path string) ([]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }()
	text, err := io.ReadAll(io.LimitReader(file, MaxFileBytes+1))
	if err == nil && len(text) > MaxFileBytes {
		err = fmt.Errorf("%s: it has more than %d bytes", path, MaxFileBytes)
	}
	return text, err
}

// Looker is Files of whatever kind.
type Looker interface {
	Look() (changed bool, err error)
	String() string
}

// Run looks at all of them every so often until ctx ends, and logs what came of it.
func Run(ctx context.Context, every time.Duration, log *slog.Logger, all ...Looker) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		for _, f := range all {
			switch changed, err := f.Look(); {
			case err != nil:
				log.Warn("a file that changed is no good: what it said before holds", "file", f.String(), "error", err)
			case changed:
				log.Info("a file was read anew", "file", f.String())
			}
		}
	}
}
