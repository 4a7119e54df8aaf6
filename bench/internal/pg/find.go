package pg

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// findTimeout bounds asking the runtime for its version.
const findTimeout = 20 * time.Second

// identify writes the release, the runtime's version, where it is, and whether
// pg has scope monitors (since OTP 25.1).
const identify = `{module, pg} = code:ensure_loaded(pg), ` +
	`io:format("~s~n~s~n~s~n~s~n", [erlang:system_info(otp_release), erlang:system_info(version), ` +
	`code:root_dir(), erlang:function_exported(pg, monitor_scope, 1)]), halt(0).`

// runtime is an installation of Erlang.
type runtime struct {
	version         string
	erl, erlc, epmd string
}

// Find returns the version of Erlang/OTP on this machine, or why its process
// groups cannot be measured here.
func Find() (version, unavailable string) {
	r, err := find()
	if err != nil {
		return "", err.Error()
	}
	return r.version, ""
}

func find() (*runtime, error) {
	erl, err := exec.LookPath("erl")
	if err != nil {
		return nil, errors.New("there is no erl (Debian: apt-get install --no-install-recommends erlang-base)")
	}
	ctx, cancel := context.WithTimeout(context.Background(), findTimeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, erl, "-noshell", "-eval", identify)
	if os.Getenv("HOME") == "" { // erl does not start without
		cmd.Env = append(os.Environ(), "HOME="+os.TempDir())
	}
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("erl does not run: %w", err)
	}
	lines := strings.Fields(string(out))
	if len(lines) != 4 {
		return nil, fmt.Errorf("erl says %.80q", out)
	}
	r := &runtime{version: "OTP " + lines[0] + ", erts " + lines[1], erl: erl}
	if lines[3] != "true" {
		return nil, fmt.Errorf("%s is too old: pg has no scope monitors before OTP 25.1", r.version)
	}
	if r.erlc, err = r.tool("erlc", lines[2], lines[1]); err != nil {
		return nil, err
	}
	if r.epmd, err = r.tool("epmd", lines[2], lines[1]); err != nil {
		return nil, err
	}
	return r, nil
}

// tool finds a program that came with the runtime.
func (r *runtime) tool(name, root, erts string) (string, error) {
	for _, path := range []string{
		filepath.Join(root, "bin", name),
		filepath.Join(root, "erts-"+erts, "bin", name),
		name,
	} {
		if found, err := exec.LookPath(path); err == nil {
			return found, nil
		}
	}
	return "", fmt.Errorf("%s came without %s", r.version, name)
}
