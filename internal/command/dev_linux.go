package command

import "syscall"

// childAttributes makes a child die with its parent, and keeps the terminal's
// ctrl-C from it: the parent stops it.
func childAttributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
