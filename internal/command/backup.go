package command

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/eventnode/eventnode"
)

// backupCommand is `eventnode backup`.
func (a *app) backupCommand() *cobra.Command {
	var rate uint64
	var overwrite bool
	cmd := &cobra.Command{
		Use:   "backup FILE",
		Short: "Copy all durable streams to a file, while they are used",
		Long: `Writes a copy of all durable streams to FILE, of one moment: what was acked before
the command began is in it. Everything goes on meanwhile. "-" is stdout.

The leader verifies its copy, then sends it, and the command verifies what comes
again. FILE appears when it is whole and fsynced; until then there is a file beside it
whose name ends with .part, which is removed if the command fails.

The file holds all that there is: streams, events, positions, what is remembered of
producers. Live groups and subscriptions are no part of it. It is not encrypted.`,
		Example: `  eventnode backup /backup/streams-2026-01-31.evn
  eventnode backup - | gzip > streams.evn.gz
  eventnode restore --check /backup/streams-2026-01-31.evn`,
		Args: args(1, 1, "FILE"),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := a.connect(cmd)
			if err != nil {
				return err
			}
			b := &backup{a: a, c: c, rate: rate, overwrite: overwrite, shown: a.stages()}
			return errors.Join(b.run(cmd.Context(), args[0]), c.Close())
		},
	}
	a.addAddr(cmd)
	cmd.Flags().Uint64Var(&rate, "rate", 0, "bytes that the leader reads a second (0: no limit)")
	cmd.Flags().BoolVar(&overwrite, "overwrite", false, "replace FILE if it is there, when the new one is whole")
	return cmd
}

// backupJSON is what backup, and restore --check, print.
type backupJSON struct {
	File string               `json:"file"`
	Size uint64               `json:"size"`
	Of   eventnode.BackupInfo `json:"backup"`
}

// backup is one run of the command.
type backup struct {
	a         *app
	c         cluster
	rate      uint64
	overwrite bool
	shown     *stages
	size      uint64
}

func (b *backup) run(ctx context.Context, file string) error {
	if file == "-" {
		info, err := b.write(ctx, b.a.stdout)
		if err != nil {
			return err
		}
		b.a.notice(map[string]any{"file": file, "size": b.size, "backup": info}, "%s", describeBackup(info, "stdout", b.size))
		return nil
	}
	info, err := b.toFile(ctx, file)
	if err != nil {
		return err
	}
	return b.a.printObject(backupJSON{file, b.size, info}, func(w io.Writer) { fmt.Fprintln(w, describeBackup(info, file, b.size)) })
}

// write has the copy written.
func (b *backup) write(ctx context.Context, w io.Writer) (eventnode.BackupInfo, error) {
	defer b.shown.clear()
	return b.c.Backup(ctx, w, eventnode.BackupOptions{BytesPerSecond: b.rate, Progress: func(p eventnode.BackupProgress) {
		b.size = p.Sent
		if p.Sent == 0 {
			b.shown.show("verifying", p.Verified, p.Total)
			return
		}
		b.shown.show("copying", p.Sent, p.Total)
	}})
}

// toFile writes beside the file, and renames when all is there.
func (b *backup) toFile(ctx context.Context, file string) (info eventnode.BackupInfo, err error) {
	if _, err := os.Lstat(file); err == nil && !b.overwrite {
		return info, usagef("%s is there: choose another name, or --overwrite it", file)
	} else if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return info, err
	}
	dir, name := filepath.Split(file)
	if dir == "" {
		dir = "."
	}
	part, err := os.CreateTemp(dir, name+".*.part") // only its owner reads it
	if err != nil {
		return info, err
	}
	defer func() {
		if err != nil {
			_ = os.Remove(part.Name())
		}
	}()
	info, err = b.write(ctx, part)
	if err == nil {
		err = part.Sync()
	}
	if err = errors.Join(err, part.Close()); err != nil {
		return info, err
	}
	if err = os.Rename(part.Name(), file); err != nil {
		return info, err
	}
	return info, syncDir(dir)
}

// syncDir makes the names in a directory durable.
func syncDir(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// describeBackup is what a backup is, in two lines.
func describeBackup(i eventnode.BackupInfo, file string, size uint64) string {
	return fmt.Sprintf("%s: %s, the copy of %s in cluster %s %s at %s\n  %s with %s (%s), up to entry %d, stream time %s",
		file, sized(size), i.Node, i.Cluster, i.ClusterUUID, i.Time.Format(time.RFC3339),
		plural(i.Streams, "stream"), plural(i.Events, "event"), sized(i.Bytes), i.Index, i.Stamp.Format(time.RFC3339Nano))
}
