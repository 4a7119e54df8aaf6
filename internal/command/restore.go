package command

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"

	"github.com/spf13/cobra"

	"github.com/eventnode/eventnode/node"
)

// restoreCommand is `eventnode restore`.
func (a *app) restoreCommand() *cobra.Command {
	var data string
	var check bool
	cmd := &cobra.Command{
		Use:   "restore FILE",
		Short: "Make the first node of a new cluster of a backup",
		Long: `Makes a data directory of a file that "eventnode backup" wrote. No node runs
meanwhile. A node that is started on it begins a new cluster, with a UUID of its own,
and holds everything that is in the backup: streams, events, positions, and what is
remembered of producers; new events have later positions. Other nodes join it with
empty directories and get copies.

First every checksum of the file is verified, and then every row. The directory must
not be there, or be empty: nothing is overwritten. After an error, remove it.

With --check the file is verified, and nothing else is done.`,
		Example: `  eventnode restore --check streams.evn
  eventnode restore streams.evn --data /var/lib/eventnode
  eventnode serve --name n1 --data /var/lib/eventnode`,
		Args: args(1, 1, "FILE"),
		RunE: func(cmd *cobra.Command, args []string) error {
			switch {
			case check && data != "":
				return usagef("--check makes no --data: say one of them")
			case !check && data == "":
				return usagef("--data is missing: name the new data directory, or say --check")
			}
			file, err := os.Open(args[0])
			if err != nil {
				return err
			}
			defer func() { _ = file.Close() }() // it was read
			if check {
				return a.checkBackup(cmd.Context(), file)
			}
			return a.restore(cmd.Context(), file, data)
		},
	}
	cmd.Flags().StringVar(&data, "data", "", "the new data directory; it must not be there, or be empty")
	cmd.Flags().BoolVar(&check, "check", false, "only verify the file")
	return cmd
}

// checkBackup verifies a file.
func (a *app) checkBackup(ctx context.Context, file *os.File) error {
	shown := a.stages()
	info, size, err := node.CheckBackup(ctx, file, func(done, total uint64) { shown.show("checking", done, total) })
	shown.clear()
	if err != nil {
		return fmt.Errorf("%s: %w", file.Name(), err)
	}
	return a.printObject(backupJSON{file.Name(), size, info}, func(w io.Writer) {
		fmt.Fprintln(w, describeBackup(info, file.Name(), size))
		fmt.Fprintln(w, "  whole and unchanged")
	})
}

// restore makes a data directory.
func (a *app) restore(ctx context.Context, file *os.File, data string) error {
	shown := a.stages()
	done, err := node.Restore(ctx, node.RestoreConfig{
		DataDir: data, Progress: shown.show, Logger: slog.New(slog.NewTextHandler(a.stderr, &slog.HandlerOptions{Level: slog.LevelWarn})),
	}, file)
	shown.clear()
	if err != nil {
		return fmt.Errorf("%s: %w", file.Name(), err)
	}
	return a.printObject(done, func(w io.Writer) {
		fmt.Fprintf(w, "%s holds %s with %s of cluster %s, as the new cluster %s\n", data,
			plural(done.From.Streams, "stream"), plural(done.From.Events, "event"), done.From.ClusterUUID, done.ClusterUUID)
		fmt.Fprintf(w, "start its first node:  eventnode serve --data %s ...\nthen others, with empty directories, and --join to the first\n", data)
	})
}
