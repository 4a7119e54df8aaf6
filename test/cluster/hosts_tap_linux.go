package cluster

import (
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"

	"golang.org/x/sys/unix"
)

// openTap makes a network interface whose frames are read and written here. It is gone
// when it is closed, or this process ends.
func openTap(name string) (io.ReadWriteCloser, error) {
	fd, err := unix.Open("/dev/net/tun", unix.O_RDWR|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, fmt.Errorf("/dev/net/tun: %w: the kernel's module tun makes it (modprobe tun), and a container has to be given it", err)
	}
	request, err := unix.NewIfreq(name)
	if err == nil {
		request.SetUint16(unix.IFF_TAP | unix.IFF_NO_PI)
		err = unix.IoctlIfreq(fd, unix.TUNSETIFF, request)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("a tap interface %s: %w", name, err), unix.Close(fd))
	}
	return os.NewFile(uintptr(fd), name), nil
}

// inNamespace runs do on a thread of its own in a network namespace.
func inNamespace(name string, do func() error) error {
	ended := make(chan error)
	go func() {
		runtime.LockOSThread() // for ever: the thread ends with the goroutine
		ended <- enter(name, do)
	}()
	return <-ended
}

func enter(name string, do func() error) error {
	at, err := os.Open("/var/run/netns/" + name)
	if err != nil {
		return err
	}
	defer func() { _ = at.Close() }()
	if err := unix.Setns(int(at.Fd()), unix.CLONE_NEWNET); err != nil {
		return fmt.Errorf("enter %s: %w", name, err)
	}
	return do()
}
