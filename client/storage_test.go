package client

import (
	"bytes"
	"errors"
	"io"
	"testing"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/internal/backupfile"
	eventnodev1 "github.com/eventnode/eventnode/proto/eventnode/v1"
)

// A backup counts when every byte of it came as it was made: one that ends early, was
// changed on the way, or could not be written, is an error that says which.
func TestBackupIsVerified(t *testing.T) {
	var file bytes.Buffer
	w, err := backupfile.NewWriter(&file, eventnode.BackupInfo{Cluster: "prod", Events: 7})
	if err != nil {
		t.Fatal(err)
	}
	_, err = w.Write(bytes.Repeat([]byte("backup"), 100_000))
	if err := errors.Join(err, w.Close()); err != nil {
		t.Fatal(err)
	}
	whole := file.Bytes()
	flipped := bytes.Clone(whole)
	flipped[len(whole)/2] ^= 1
	lost := errors.New("lost")
	for name, c := range map[string]struct {
		file   []byte
		end    error // of the answers
		w      io.Writer
		want   error
		damage bool
	}{
		"whole":       {file: whole, end: io.EOF},
		"cut":         {file: whole[:len(whole)-1], end: io.EOF, damage: true},
		"nothing":     {end: io.EOF, damage: true},
		"flipped":     {file: flipped, end: io.EOF, damage: true},
		"lost":        {file: whole[:len(whole)/2], end: lost, want: lost},
		"not written": {file: whole, end: io.EOF, w: failing{}, want: io.ErrShortWrite},
	} {
		t.Run(name, func(t *testing.T) {
			rest, got := c.file, new(bytes.Buffer)
			var last eventnode.BackupProgress
			b := &backupReader{w: got, progress: func(p eventnode.BackupProgress) { last = p }, next: func() (*eventnodev1.BackupResponse, error) {
				if len(rest) == 0 {
					return nil, c.end
				}
				n := min(len(rest), 100_000)
				m := &eventnodev1.BackupResponse{Data: rest[:n], Total: uint64(len(whole))}
				rest = rest[n:]
				return m, nil
			}}
			if c.w != nil {
				b.w = c.w
			}
			info, err := b.all()
			switch {
			case c.damage != errors.Is(err, backupfile.ErrDamaged), c.want != nil && !errors.Is(err, c.want):
				t.Errorf("%+v, %v", info, err)
			case err == nil && (info.Events != 7 || !bytes.Equal(got.Bytes(), whole) || last.Sent != uint64(len(whole)) || last.Total != last.Sent):
				t.Errorf("%+v, %d bytes, %+v", info, got.Len(), last)
			case err == nil && name != "whole":
				t.Error("taken for whole")
			}
		})
	}
}

type failing struct{}

// Write implements io.Writer.
func (failing) Write([]byte) (int, error) { return 0, io.ErrShortWrite }
