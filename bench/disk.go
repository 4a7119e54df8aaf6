package main

import (
	"os"
	"path/filepath"
	"strings"
)

// fileSystem names the kind of file system that dir is on, and whether that is in
// memory.
func fileSystem(dir string) (kind string, volatile bool, err error) {
	if dir, err = filepath.EvalSymlinks(dir); err != nil {
		return "", false, err
	}
	mounts, err := os.ReadFile("/proc/self/mounts")
	if err != nil {
		return "", false, err
	}
	kind = kindOf(string(mounts), dir)
	return kind, kind == "tmpfs" || kind == "ramfs", nil
}

// kindOf is the kind of the innermost mount that has dir; of two in one place that is
// the later one.
func kindOf(mounts, dir string) (kind string) {
	longest := -1
	for line := range strings.Lines(mounts) {
		fields := strings.Fields(line)
		if len(fields) < 3 {
			continue
		}
		at := strings.TrimSuffix(fields[1], "/") + "/"
		if strings.HasPrefix(dir+"/", at) && len(at) >= longest {
			longest, kind = len(at), fields[2]
		}
	}
	return kind
}
