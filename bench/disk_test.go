package main

import "testing"

func TestKindOf(t *testing.T) {
	const mounts = `/dev/a / ext4 rw 0 0
tmpfs /tmp tmpfs rw 0 0
/dev/b /tmp/data xfs rw 0 0
/dev/c /mnt btrfs rw 0 0
tmpfs /mnt tmpfs rw 0 0
broken
`
	for dir, want := range map[string]string{
		"/": "ext4", "/home/x": "ext4", "/tmp": "tmpfs", "/tmp/x": "tmpfs", "/tmp/data/x": "xfs", "/tmp/database": "tmpfs", "/mnt/x": "tmpfs",
	} {
		if got := kindOf(mounts, dir); got != want {
			t.Errorf("%s is on %q, want %q", dir, got, want)
		}
	}
	if kind, _, err := fileSystem(t.TempDir()); err != nil || kind == "" {
		t.Errorf("%q, %v", kind, err)
	}
}
