package membership

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"time"
)

const (
	// maxSeedAddresses bounds what names and files may expand to.
	maxSeedAddresses = 256
	// lookupTimeout bounds the lookups of one try.
	lookupTimeout = 2 * time.Second
)

// seed is a place to look for nodes.
type seed struct {
	srv  bool
	host string
	port string
}

// parseSeed reads "HOST:PORT", "dns:NAME", "dns:NAME:PORT" or "srv:NAME".
func parseSeed(s string) (seed, error) {
	if name, ok := strings.CutPrefix(s, "srv:"); ok {
		if name == "" || strings.ContainsAny(name, ": /") {
			return seed{}, fmt.Errorf("%w: seed %q: srv: takes a name without port", ErrConfig, s)
		}
		return seed{srv: true, host: name}, nil
	}
	rest, dns := strings.CutPrefix(s, "dns:")
	if dns && !strings.Contains(rest, ":") {
		rest += ":" + strconv.Itoa(DefaultGossipPort)
	}
	if err := checkHostPort(rest); err != nil {
		return seed{}, fmt.Errorf("%w: seed: %w", ErrConfig, err)
	}
	host, port, _ := net.SplitHostPort(rest)
	return seed{host: host, port: port}, nil
}

func parseSeeds(list []string) ([]seed, error) {
	seeds := make([]seed, 0, len(list))
	for _, s := range list {
		one, err := parseSeed(s)
		if err != nil {
			return nil, err
		}
		seeds = append(seeds, one)
	}
	return seeds, nil
}

// addresses returns the seed's IP:PORTs of this moment.
func (s seed) addresses(ctx context.Context, r Resolver) ([]string, error) {
	if s.srv {
		return srvAddresses(ctx, r, s.host)
	}
	ips, err := lookup(ctx, r, s.host)
	if err != nil {
		return nil, err
	}
	addrs := make([]string, 0, len(ips))
	for _, ip := range ips {
		addrs = append(addrs, net.JoinHostPort(ip, s.port))
	}
	return addrs, nil
}

func srvAddresses(ctx context.Context, r Resolver, name string) ([]string, error) {
	_, records, err := r.LookupSRV(ctx, "", "", name)
	if err != nil {
		return nil, err
	}
	var addrs []string
	for _, rec := range records[:min(len(records), maxSeedAddresses)] {
		ips, e := lookup(ctx, r, strings.TrimSuffix(rec.Target, "."))
		err = errors.Join(err, e)
		for _, ip := range ips {
			addrs = append(addrs, net.JoinHostPort(ip, strconv.Itoa(int(rec.Port))))
		}
	}
	if len(addrs) > 0 {
		err = nil // a record that does not resolve is not the end of the others
	}
	return addrs, err
}

// readSeedFile returns the good lines of a file, and what was wrong.
func readSeedFile(path string) ([]seed, error) {
	if path == "" {
		return nil, nil
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("seed file: %w", err)
	}
	var seeds []seed
	var errs []error
	for sc := bufio.NewScanner(bytes.NewReader(b)); sc.Scan(); {
		line := strings.TrimSpace(sc.Text())
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		s, err := parseSeed(line)
		if err != nil {
			errs = append(errs, fmt.Errorf("seed file %s: %w", path, err))
			continue
		}
		seeds = append(seeds, s)
	}
	return seeds, errors.Join(errs...)
}

// seedSource yields the addresses of all seeds. One goroutine uses it.
type seedSource struct {
	fixed    []seed
	file     string
	resolver Resolver
	found    map[seed]found // what was looked up last
}

// found is what a lookup brought.
type found struct {
	addrs []string
	at    time.Time
}

// addresses returns what the seeds stand for now, each once, and what could not
// be found out. What was looked up less than maxAge ago is not looked up again.
func (s *seedSource) addresses(ctx context.Context, maxAge time.Duration) ([]string, error) {
	ctx, cancel := context.WithTimeout(ctx, lookupTimeout)
	defer cancel()
	more, err := readSeedFile(s.file)
	errs := []error{err}
	now := time.Now()
	fresh := make(map[seed]found)
	seen := make(map[string]bool)
	var all []string
	for _, one := range append(s.fixed[:len(s.fixed):len(s.fixed)], more...) {
		f, ok := s.found[one]
		if !ok || now.Sub(f.at) >= maxAge {
			f.at = now
			f.addrs, err = one.addresses(ctx, s.resolver)
			errs = append(errs, err)
		}
		if len(f.addrs) > 0 {
			fresh[one] = f
		}
		for _, a := range f.addrs {
			if !seen[a] && len(all) < maxSeedAddresses {
				seen[a] = true
				all = append(all, a)
			}
		}
	}
	s.found = fresh
	return all, errors.Join(errs...)
}
