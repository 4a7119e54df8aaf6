//go:build !linux

package cluster

import (
	"errors"
	"io"
)

var errNotLinux = errors.New("network namespaces are Linux's")

func openTap(string) (io.ReadWriteCloser, error) { return nil, errNotLinux }

func inNamespace(string, func() error) error { return errNotLinux }
