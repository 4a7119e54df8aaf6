//go:build unix && !linux

package pgserver

import "syscall"

func endsWithParent(*syscall.SysProcAttr) {}
