package node

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/streams"
)

// RestoreConfig says where to put what a backup holds.
type RestoreConfig struct {
	// DataDir is what Config.DataDir is to be: it must not be there, or be empty.
	// Required.
	DataDir string
	// Progress is called now and then with what is being done ("checking",
	// "restoring", "verifying"), and how many bytes of about how many are done.
	// Defaults to nothing.
	Progress func(what string, done, total uint64)
	// Logger takes what happens. Defaults to none.
	Logger *slog.Logger
}

// Restored is what Restore has made. The names of its fields are stable.
type Restored struct {
	// From is what the backup says of itself.
	From eventnode.BackupInfo `json:"from"`
	// DataDir is the directory, and ClusterUUID that of the new cluster.
	DataDir     string `json:"data"`
	ClusterUUID string `json:"cluster_uuid"`
}

// Restore makes the data directory of the first node of a new cluster of a backup,
// after it has checked all of the file. The node begins alone, with everything that is
// in the backup; others join it with empty directories, and get copies.
//
// After an error the directory is of no use: no node starts on it, and Restore does
// not take it again. Remove it.
func Restore(ctx context.Context, cfg RestoreConfig, backup io.ReadSeeker) (Restored, error) {
	if cfg.DataDir == "" {
		return Restored{}, fmt.Errorf("restore: DataDir is required: %w", eventnode.ErrInvalidArgument)
	}
	if err := mustBeEmpty(cfg.DataDir); err != nil {
		return Restored{}, err
	}
	done, err := streams.Restore(ctx, streams.RestoreConfig{
		Dir: streamsDir(cfg.DataDir), Progress: cfg.Progress, Logger: cfg.Logger,
	}, backup)
	if err != nil {
		return Restored{}, fmt.Errorf("restore: %w", err)
	}
	return Restored{From: done.From, DataDir: cfg.DataDir, ClusterUUID: done.Cluster.String()}, nil
}

// CheckBackup reads a backup to its end, verifies all of it, and returns what it says
// of itself and its size in bytes.
func CheckBackup(ctx context.Context, backup io.Reader, progress func(done, total uint64)) (eventnode.BackupInfo, uint64, error) {
	if progress == nil {
		progress = func(uint64, uint64) {}
	}
	return streams.CheckBackup(ctx, backup, progress)
}

// mustBeEmpty refuses a directory that holds anything.
func mustBeEmpty(dir string) error {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("restore: %w", err)
	}
	for _, e := range entries {
		if e.Name() != "lost+found" { // of a file system's root
			return fmt.Errorf("restore: %s is not empty, it has %s: name a new directory, for nothing is overwritten", dir, e.Name())
		}
	}
	return nil
}

// streamsDir is where the durable plane is in a data directory.
func streamsDir(dataDir string) string { return filepath.Join(dataDir, streams.DirName) }
