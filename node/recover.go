package node

import (
	"fmt"
	"log/slog"
	"os"

	"github.com/eventnode/eventnode/streams"
)

// DataCopy is what a node's data directory holds of the streams.
type DataCopy = streams.Copy

// InspectData says what a node's data directory (Config.DataDir) holds of the streams,
// so that an operator can compare copies. The node must not run.
func InspectData(dataDir string, logger *slog.Logger) (DataCopy, error) {
	dir, err := existingStreams(dataDir)
	if err != nil {
		return DataCopy{}, err
	}
	return streams.Inspect(dir, logger)
}

// RecoverData makes the copy in a node's data directory a cluster of its own, when a
// majority of the copies is lost for good. What it does not have is lost, though it may
// have been acknowledged. The node must not run. It may be repeated.
func RecoverData(dataDir string, logger *slog.Logger) (DataCopy, error) {
	dir, err := existingStreams(dataDir)
	if err != nil {
		return DataCopy{}, err
	}
	return streams.Recover(dir, logger)
}

// existingStreams is where the durable plane is in a data directory that has one.
func existingStreams(dataDir string) (string, error) {
	dir := streamsDir(dataDir)
	if _, err := os.Stat(dir); err != nil {
		return "", fmt.Errorf("%s is no data directory of a node that keeps streams: %w", dataDir, err)
	}
	return dir, nil
}
