package membership

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/eventnode/eventnode/internal/atomicfile"
)

// epochFile holds the last epoch, as decimal digits and a newline.
const epochFile = "epoch"

// nextEpoch returns an epoch above the last one of this data directory and above
// all that was heard of this name; the clock makes it grow where neither is known.
func nextEpoch(persisted, heard uint64, now time.Time) uint64 {
	wall := uint64(max(now.UnixNano(), 1))
	return max(persisted+1, wall, heard+1)
}

// loadEpoch returns the epoch kept in dir; 0 if there is no dir or no file.
func loadEpoch(dir string) (uint64, error) {
	if dir == "" {
		return 0, nil
	}
	path := filepath.Join(dir, epochFile)
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("read epoch: %w", err)
	}
	epoch, err := strconv.ParseUint(strings.TrimSuffix(string(b), "\n"), 10, 63)
	if err != nil {
		return 0, fmt.Errorf("%s holds no epoch; if in doubt remove it, the clock is used then: %w", path, err)
	}
	return epoch, nil
}

// saveEpoch keeps epoch in dir so that it is there after a power loss, whole or
// not at all.
func saveEpoch(dir string, epoch uint64) error {
	if dir == "" {
		return nil
	}
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return fmt.Errorf("save epoch: %w", err)
	}
	if err := atomicfile.Write(filepath.Join(dir, epochFile), append(strconv.AppendUint(nil, epoch, 10), '\n')); err != nil {
		return fmt.Errorf("save epoch: %w", err)
	}
	return nil
}
