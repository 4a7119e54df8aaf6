package pgserver

import "syscall"

// endsWithParent has a server end, with all its processes, when who started it is killed.
func endsWithParent(attr *syscall.SysProcAttr) { attr.Pdeathsig = syscall.SIGQUIT }
