package membership

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"

	"github.com/hashicorp/go-sockaddr"
)

// AdvertiseAddress returns the HOST:PORT to advertise for a listener on bind:
// bind itself or, where that is all interfaces, this machine's private address.
func AdvertiseAddress(bind string) (string, error) {
	host, port, err := net.SplitHostPort(bind)
	if err != nil {
		return "", fmt.Errorf("%w: bind address %q is not HOST:PORT", ErrConfig, bind)
	}
	if ip := net.ParseIP(host); host != "" && (ip == nil || !ip.IsUnspecified()) {
		return bind, nil
	}
	private, err := sockaddr.GetPrivateIP()
	if err != nil {
		return "", fmt.Errorf("find this machine's private address: %w", err)
	}
	if private == "" {
		return "", fmt.Errorf("%w: %s listens on all interfaces, and this machine has no private address: set the advertised address",
			ErrConfig, bind)
	}
	return net.JoinHostPort(private, port), nil
}

// isLoopback reports whether addr is HOST:PORT with a host that only this machine
// reaches.
func isLoopback(addr string) bool {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return false
	}
	return isLoopbackHost(host)
}

func isLoopbackHost(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || (err == nil && ip.Unmap().IsLoopback())
}

// splitIP parses IP:PORT; all interfaces may be written without a host.
func splitIP(addr string) (ip string, port int, err error) {
	host, text, err := net.SplitHostPort(addr)
	if err != nil {
		return "", 0, fmt.Errorf("%q is not HOST:PORT", addr)
	}
	if host == "" {
		host = "0.0.0.0"
	}
	n, err := strconv.ParseUint(text, 10, 16)
	if err != nil {
		return "", 0, fmt.Errorf("%q: bad port", addr)
	}
	if net.ParseIP(host) == nil {
		return "", 0, fmt.Errorf("%q: the host must be an IP address", addr)
	}
	return host, int(n), nil
}

// resolveHostPort returns addr with the first address of its host.
func resolveHostPort(ctx context.Context, r Resolver, addr string) (string, error) {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return "", err
	}
	ips, err := lookup(ctx, r, host)
	if err != nil {
		return "", err
	}
	return net.JoinHostPort(ips[0], port), nil
}

// lookup returns the addresses of host, which may be one.
func lookup(ctx context.Context, r Resolver, host string) ([]string, error) {
	if ip, err := netip.ParseAddr(host); err == nil {
		return []string{ip.Unmap().String()}, nil
	}
	addrs, err := r.LookupNetIP(ctx, "ip", host)
	if err != nil {
		return nil, err
	}
	if len(addrs) == 0 {
		return nil, errors.New(host + " has no address")
	}
	ips := make([]string, 0, len(addrs))
	for _, a := range addrs {
		ips = append(ips, a.Unmap().String())
	}
	return ips, nil
}
