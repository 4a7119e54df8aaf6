//go:build !linux

package command

import "syscall"

// commandAttributes has nothing to set where the system cannot tie a command's life to
// its parent's: after a SIGKILL it goes on without the lock.
func commandAttributes() *syscall.SysProcAttr { return nil }
