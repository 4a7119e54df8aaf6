package main

import (
	"bufio"
	"context"
	"os"
	"os/exec"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"

	"github.com/eventnode/eventnode/bench/internal/suite"
	"github.com/eventnode/eventnode/internal/pgserver"
)

// machine says where this runs, and with which versions.
func machine(ctx context.Context, env *suite.Env, pgVersion string) suite.Machine {
	m := suite.Machine{
		CPU:      field("/proc/cpuinfo", "model name"),
		Cores:    runtime.NumCPU(),
		OS:       strings.Trim(field("/etc/os-release", "PRETTY_NAME"), `"`),
		Versions: map[string]string{"go": runtime.Version()},
	}
	if kib, _, ok := strings.Cut(field("/proc/meminfo", "MemTotal"), " "); ok {
		n, _ := strconv.ParseInt(kib, 10, 64)
		m.Memory = n << 10
	}
	if release, err := os.ReadFile("/proc/sys/kernel/osrelease"); err == nil {
		m.Kernel = strings.TrimSpace(string(release))
	}
	if pgVersion != "" {
		m.Versions["erlang"] = pgVersion
	}
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, d := range info.Deps {
			switch d.Path {
			case "github.com/nats-io/nats.go":
				m.Versions["nats.go"] = d.Version
			case "google.golang.org/grpc":
				m.Versions["grpc"] = d.Version
			case "github.com/bwmarrin/discordgo":
				m.Versions["discordgo"] = d.Version
			case "github.com/redis/go-redis/v9":
				m.Versions["go-redis"] = d.Version
			}
		}
	}
	if v := output(ctx, env.NATSServer, "--version"); v != "" {
		m.Versions["nats-server"] = strings.TrimPrefix(v, "nats-server: ")
	}
	if env.Redis != "" {
		_, v, _ := strings.Cut(output(ctx, env.Redis, "--version"), "v=")
		m.Versions["redis"], _, _ = strings.Cut(v, " ")
	}
	if bin, why := pgserver.Find(); why == "" {
		m.Versions["postgresql"] = pgserver.Version(ctx, bin)
	}
	if v := output(ctx, env.Eventnode, "version"); v != "" {
		m.Versions["eventnode"] = v
	}
	return m
}

// output is the first line that a command prints; empty if it fails.
func output(ctx context.Context, name string, args ...string) string {
	out, err := exec.CommandContext(ctx, name, args...).Output()
	if err != nil {
		return ""
	}
	line, _, _ := strings.Cut(string(out), "\n")
	return strings.TrimSpace(line)
}

// field is the value of the first "name: value" or "name=value" in a file.
func field(file, name string) string {
	f, err := os.Open(file)
	if err != nil {
		return ""
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		key, value, ok := strings.Cut(lines.Text(), ":")
		if !ok {
			key, value, _ = strings.Cut(lines.Text(), "=")
		}
		if strings.TrimSpace(key) == name {
			return strings.TrimSpace(value)
		}
	}
	return ""
}
