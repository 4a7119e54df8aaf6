package proc

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

// tick is the unit of CPU time in /proc, USER_HZ: 1/100 s on every Linux.
const tick = 10 * time.Millisecond

// CPU returns the CPU time that the process has used so far, in user and in
// kernel mode, all threads; in steps of 10 ms.
func (p *Process) CPU() (time.Duration, error) { return CPU(p.PID()) }

// RSS returns the bytes of memory that are resident now.
func (p *Process) RSS() (int64, error) { return RSS(p.PID()) }

// Written returns the bytes that the process has caused to be written to disk so
// far, in whole pages of the cache: what is changed again before it was written
// counts once.
func (p *Process) Written() (int64, error) { return Written(p.PID()) }

// CPU returns the CPU time that a process has used so far.
func CPU(pid int) (time.Duration, error) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, err
	}
	return parseCPU(string(stat))
}

// parseCPU reads fields 14 and 15, utime and stime. The second field is the
// command's name in brackets, which may hold anything, brackets too.
func parseCPU(stat string) (time.Duration, error) {
	_, rest, found := cutLast(stat, ')')
	fields := strings.Fields(rest)
	if !found || len(fields) < 13 {
		return 0, errors.New("malformed /proc/PID/stat")
	}
	user, err := strconv.ParseInt(fields[11], 10, 64)
	if err != nil {
		return 0, fmt.Errorf("utime: %w", err)
	}
	system, err := strconv.ParseInt(fields[12], 10, 64)
	if err != nil {
		return 0, fmt.Errorf("stime: %w", err)
	}
	return time.Duration(user+system) * tick, nil
}

func cutLast(s string, sep byte) (before, after string, found bool) {
	if i := strings.LastIndexByte(s, sep); i >= 0 {
		return s[:i], s[i+1:], true
	}
	return s, "", false
}

// RSS returns the bytes of memory of a process that are resident now.
func RSS(pid int) (int64, error) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, err
	}
	return parseRSS(status)
}

// parseRSS reads the line "VmRSS:     1234 kB".
func parseRSS(status []byte) (int64, error) {
	kib, err := number(status, "VmRSS:")
	return kib << 10, err
}

// Written returns the bytes that a process has caused to be written to disk so far.
func Written(pid int) (int64, error) {
	io, err := os.ReadFile(fmt.Sprintf("/proc/%d/io", pid))
	if err != nil {
		return 0, err
	}
	return number(io, "write_bytes:")
}

// number is what follows name on its line.
func number(text []byte, name string) (int64, error) {
	for line := range bytes.Lines(text) {
		value, found := bytes.CutPrefix(line, []byte(name))
		if !found {
			continue
		}
		if fields := strings.Fields(string(value)); len(fields) > 0 {
			return strconv.ParseInt(fields[0], 10, 64)
		}
	}
	return 0, fmt.Errorf("no %q in /proc", name)
}
