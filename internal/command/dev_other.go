//go:build !linux

package command

import "syscall"

// childAttributes has nothing to set where the system cannot tie a child's life
// to its parent's: if dev is killed with SIGKILL its nodes go on.
func childAttributes() *syscall.SysProcAttr { return nil }
