//go:build unix

package command

import (
	"os/exec"
	"syscall"
)

// grouped gives a command a process group of its own: what the shell has started ends with
// the shell, and ctrl-C at the terminal is for this program only. kill ends what is left of
// the group.
func grouped(child *exec.Cmd) (kill func()) {
	if child.SysProcAttr == nil {
		child.SysProcAttr = &syscall.SysProcAttr{}
	}
	child.SysProcAttr.Setpgid = true
	child.Cancel = func() error { return syscall.Kill(-child.Process.Pid, syscall.SIGTERM) }
	return func() {
		if child.Process != nil {
			_ = syscall.Kill(-child.Process.Pid, syscall.SIGKILL) // nobody may be left
		}
	}
}
