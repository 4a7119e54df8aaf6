package npm

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
)

// What was installed last: npm removes it with the rest before it installs
// anew, so it is there only beside what it says.
const (
	modules   = "node_modules"
	lockFile  = "package-lock.json"
	installed = modules + "/installed-lock.json"
)

// Install fetches the packages of package-lock.json, unless that was done.
func Install(t *testing.T) {
	t.Helper()
	for _, program := range []string{"node", "npm"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Skipf("no %s on this machine", program)
		}
	}
	lock, err := os.ReadFile(lockFile)
	if err != nil {
		t.Fatal(err)
	}
	if last, err := os.ReadFile(installed); err == nil && bytes.Equal(last, lock) {
		return
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	npm := exec.CommandContext(ctx, "npm", "ci", "--prefer-offline", "--fetch-retries=1", "--fetch-retry-mintimeout=1000",
		"--ignore-scripts", "--no-audit", "--no-fund", "--no-update-notifier")
	npm.WaitDelay = time.Second
	if out, err := npm.CombinedOutput(); err != nil {
		if ours(out) {
			t.Fatalf("npm ci: %v\n%s", err, out)
		}
		t.Skipf("the packages cannot be fetched: npm ci: %v: %s", err, firstError(out))
	}
	if err := os.WriteFile(installed, lock, 0o600); err != nil {
		t.Fatal(err)
	}
}

// ours reports whether npm found package.json and package-lock.json at fault,
// or what it fetched not to be what they say.
func ours(out []byte) bool {
	return regexp.MustCompile(`npm error code (EUSAGE|EJSONPARSE|EINTEGRITY)`).Match(out)
}

func firstError(out []byte) string {
	for line := range strings.Lines(string(out)) {
		if strings.HasPrefix(line, "npm error") {
			return strings.TrimSpace(line)
		}
	}
	return "it says no more"
}

// CheckLock fails the test unless the lock names each package's version and checksum, and
// no registry: whoever installs it has his own.
func CheckLock(t *testing.T) {
	t.Helper()
	lock, err := os.ReadFile(lockFile)
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(lock, []byte(`"resolved"`)) {
		t.Error("package-lock.json says where packages came from: npm install --omit-lockfile-registry-resolved")
	}
	packages := bytes.Count(lock, []byte(`"`+modules+`/`))
	if sums := bytes.Count(lock, []byte(`"integrity"`)); packages == 0 || sums != packages {
		t.Errorf("%d packages, %d checksums", packages, sums)
	}
	manifest, err := os.ReadFile("package.json")
	if err != nil {
		t.Fatal(err)
	}
	engines := regexp.MustCompile(`"node": ">=[0-9]+"`)
	if regexp.MustCompile(`"[\^~><*]`).Match(engines.ReplaceAll(manifest, nil)) {
		t.Error("package.json asks for a range of versions")
	}
}

// ReadSources reads what the programs are made of: go test keeps a result only as long as
// the files stay the same that the test itself has opened.
func ReadSources(t *testing.T, patterns ...string) {
	t.Helper()
	for _, pattern := range patterns {
		files, err := filepath.Glob(pattern)
		if err != nil || len(files) == 0 {
			t.Fatalf("%s: %v", pattern, err)
		}
		for _, file := range files {
			if _, err := os.ReadFile(file); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// programTime bounds a run of a program.
const programTime = 60 * time.Second

// Command prepares a run of node in the test's folder, which ends with the test.
func Command(t *testing.T, args ...string) *exec.Cmd {
	// Until the clean-up of who runs it has ended, too.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), programTime)
	t.Cleanup(cancel)
	cmd := exec.CommandContext(ctx, "node", args...)
	cmd.WaitDelay = 2 * time.Second
	cmd.Env = append(os.Environ(), "NODE_PATH=", "NODE_OPTIONS=")
	// The tests of node --test run in processes of their own, which a kill of
	// their parent leaves behind.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	return cmd
}
